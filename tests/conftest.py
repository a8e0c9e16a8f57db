"""Small made-up data sets that a network can learn, the command in this process, and a profile of Hypothesis."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from noise import made_data

from dsn.data.dataset import TimeSeriesData
from dsn.native.library import NativeUnavailable, load_library

MakeData = Callable[..., TimeSeriesData]

# How long an example takes, or is drawn for, depends on what else the machine does. All else is as Hypothesis has it.
settings.register_profile("dsn", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dsn")


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
