"""What this machine has for trials, without Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.planning.capacity import local_cpus
from pipeline.planning.machine import gpu_memory, this_machine


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


@pytest.mark.parametrize(
    ("script", "sizes"),
    [
        ("echo 4000; echo 81559", (4000 * 2**20, 81559 * 2**20)),
        ("echo '[N/A]'", ()),
        ("echo 'has failed because it could not communicate with the driver'; exit 9", ()),
        (None, ()),
    ],
)
def test_memory_of_this_machines_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, sizes: tuple[int, ...]
) -> None:
    if script is not None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_memory() == sizes
