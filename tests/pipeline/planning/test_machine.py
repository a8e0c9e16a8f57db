"""What this machine has for trials, without Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.planning.capacity import local_cpus
from pipeline.planning.machine import this_machine


@pytest.mark.parametrize(
    ("folders", "visible", "gpus"), [(2, None, 2), (2, "1", 1), (2, "", 0), (1, "0,1", 1), (None, None, 0)]
)
def test_gpus_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: int | None, visible: str | None, gpus: int
) -> None:
    place = tmp_path / "gpus"
    for number in range(folders or 0):
        (place / str(number)).mkdir(parents=True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    there = this_machine(gpus=place)
    assert (there.cpus, there.gpus) == (local_cpus(), gpus)
