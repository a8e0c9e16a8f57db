"""Small made-up data sets that a network can learn, the command in this process, a profile of Hypothesis; faults."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import fault_table
import pytest
from hypothesis import HealthCheck, settings
from noise import made_data

from dsn.data.dataset import TimeSeriesData
from dsn.native.library import NativeUnavailable, load_library

MakeData = Callable[..., TimeSeriesData]

# How long an example takes, or is drawn for, depends on what else the machine does. All else is as Hypothesis has it.
settings.register_profile("dsn", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dsn")


@pytest.hookimpl(tryfirst=True)  # before ``-m`` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that has something to say in the table of faults is one of a fault."""
    for item in items:
        if "row" in getattr(item, "fixturenames", ()):
            item.add_marker("fault")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [each for kind in ("passed", "failed", "error", "skipped") for each in terminalreporter.getreports(kind)]
    # A file that could not even be read has a report of another kind.
    lines = fault_table.table(each for each in reports if isinstance(each, pytest.TestReport))
    if lines:
        terminalreporter.section("faults")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.fixture
def row(record_property: Callable[[str, object], None]) -> fault_table.Row:
    """Adds a line to the table of faults, which ends the tests (``make faults``)."""
    return fault_table.row_of(record_property)


@pytest.fixture(autouse=True)
def _engine_is_there(request: pytest.FixtureRequest) -> None:
    """What runs over all engines leaves out the native one where it was not built, unless it is about just that."""
    parameters = request.node.callspec.params.values() if hasattr(request.node, "callspec") else ()
    if "no_library" not in request.fixturenames and any(isinstance(p, str) and p == "native" for p in parameters):
        try:
            load_library()
        except NativeUnavailable as reason:
            pytest.skip(str(reason))


@pytest.fixture
def make_data() -> MakeData:
    """``noise.made_data``: any number of series, channels and steps."""
    return made_data


@pytest.fixture
def dsn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str, str]]:
    """Exit code, standard output and standard error of ``dsn`` with these arguments, in a folder of its own."""
    from pipeline.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DSN_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["dsn", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return run
