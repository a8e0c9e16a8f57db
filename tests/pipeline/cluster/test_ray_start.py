"""A machine on which Ray cannot be started."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cluster.start import cluster
from pipeline.errors import Interrupted


def test_a_ray_that_cannot_be_started_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / ("x" * 100)))  # too long for its sockets
    with pytest.raises(Interrupted, match=r"^Ray could not be started \(.+\); nothing is lost") as told, cluster():
        raise AssertionError("it has been started")
    assert str(told.value).isprintable()
