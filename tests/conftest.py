"""Small made-up data sets that a network can learn in a few epochs, and the command in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dsn.data.dataset import TimeSeriesData
from dsn.native.library import NativeUnavailable, load_library

MakeData = Callable[..., TimeSeriesData]


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
    """Noise with a bump whose place tells the class; any number of series, channels and steps."""

    def make(*, train_n: int = 12, test_n: int = 6, channels: int = 1, length: int = 20, classes: int = 2):
        rng = np.random.default_rng(7)
        parts = []
        for n in (train_n, test_n):
            y = np.arange(n, dtype=np.int64) % classes
            x = rng.normal(scale=0.1, size=(n, channels, length)).astype(np.float32)
            x[np.arange(n), :, (y * length) // classes] += 2
            parts.append((x, y))
        (x_train, y_train), (x_test, y_test) = parts
        return TimeSeriesData(
            name="made-up",
            x_train=x_train,
            y_train=y_train,
            x_test=x_test,
            y_test=y_test,
            classes=tuple(str(label) for label in range(classes)),
            content_hash="0" * 64,
        )

    return make


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
