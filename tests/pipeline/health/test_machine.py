"""Checks of the machine, each made to fail by what such a machine would say."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.health import installation, machine
from pipeline.health.finding import Finding, Subject
from pipeline.workspace.disk import Space
from pipeline.workspace.layout import Workspace

GB = 10**9


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return Subject(workspace=Workspace(root=tmp_path))


def _judged(finding: Finding, state: str, *words: str) -> None:
    assert finding.state == state, finding
    for word in words:
        assert word in f"{finding.found} -> {finding.advice}"


@pytest.mark.parametrize(("found", "state"), [("3.10.12", "problem"), ("3.11.0rc1", "problem"), ("3.13.1", "ok")])
def test_python_must_be_one_that_the_distribution_allows(subject: Subject, found: str, state: str) -> None:
    _judged(installation.check_python(subject, found=found, wanted=">=3.11"), state, found)


def test_packages_that_are_missing_or_of_another_version_are_all_named(subject: Subject) -> None:
    versions = {"numpy": "2.3.5", "torch": "2.13.0+cpu", "ray": "2.40.0"}

    def installed(name: str) -> str:
        if name not in versions:
            raise installation.PackageNotFoundError(name)
        return versions[name]

    wanted = ["numpy<3,>=2.0", "torch<3,>=2.13", "ray[tune]<3,>=2.60", "aeon<2", 'pytest; extra == "dev"']
    finding = installation.check_packages(subject, wanted=wanted, installed=installed)
    _judged(finding, "problem", "ray 2.40.0 (needed: <3,>=2.60)", "aeon is missing", "make run")
    assert "torch" not in finding.found
    assert "pytest" not in finding.found
    versions |= {"ray": "2.60.0", "aeon": "1.6"}
    _judged(installation.check_packages(subject, wanted=wanted, installed=installed), "ok", "all 4", "torch 2.13.0+cpu")


def test_the_build_of_torch_is_the_one_that_is_imported() -> None:
    import torch

    build = installation.torch_build()
    assert (build.version, build.cuda) == (torch.__version__, torch.version.cuda or "")


@pytest.mark.parametrize(
    ("system", "processor", "state"),
    [
        ("Linux", "x86_64", "ok"),
        ("Linux", "aarch64", "ok"),
        ("Linux", "riscv64", "warning"),
        ("Darwin", "arm64", "problem"),
    ],
)
def test_the_system_must_be_linux(subject: Subject, system: str, processor: str, state: str) -> None:
    _judged(machine.check_system(subject, system=system, machine=processor), state, system, processor)


def _cpuinfo(flags: str, threads: int = 4) -> str:
    """As /proc/cpuinfo of two cores, with two threads each."""
    return "\n".join(
        f"processor\t: {n}\nmodel name\t: Some CPU\nphysical id\t: 0\ncore id\t\t: {n % 2}\nflags\t\t: fpu {flags}\n"
        for n in range(threads)
    )


def test_a_processor_is_named_with_its_vectors_and_cores(subject: Subject, tmp_path: Path) -> None:
    text = _cpuinfo("avx avx2 avx512f")
    finding = machine.check_processor(subject, info=text, cores=3, cgroups=tmp_path)
    _judged(finding, "ok", "Some CPU, AVX2, AVX-512; 3 usable", "on 2 cores")
    arm = "processor\t: 0\nFeatures\t: fp asimd\n"
    _judged(machine.check_processor(subject, info=arm, cores=1, cgroups=tmp_path), "ok", "NEON")


def test_a_processor_without_vectors_is_a_warning(subject: Subject, tmp_path: Path) -> None:
    finding = machine.check_processor(subject, info=_cpuinfo("sse4_2"), cores=1, cgroups=tmp_path)
    _judged(finding, "warning", "no AVX2 or NEON")


@pytest.mark.parametrize(("quota", "state"), [("150000", "warning"), ("400000", "ok"), ("-1", "ok"), ("0", "ok")])
def test_a_quota_of_the_old_kind_below_the_usable_cores_is_a_warning(
    subject: Subject, tmp_path: Path, quota: str, state: str
) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    finding = machine.check_processor(subject, info=_cpuinfo("avx2"), cores=4, cgroups=tmp_path)
    _judged(finding, state, *(["1.5 cores"] if state == "warning" else []))


def _meminfo(available_gb: float) -> str:
    return f"MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:   {available_gb * 1e6 / 1.024:.0f} kB\n"


@pytest.mark.parametrize(
    ("available", "limit", "state"),
    [
        (8, None, "ok"),
        (2, None, "warning"),
        (0.5, None, "problem"),
        (8, 1.5, "warning"),
        (8, 0.5, "problem"),
        (8, 9, "ok"),
    ],
)
def test_memory_must_hold_a_trial_on_every_core_within_the_containers_limit(
    subject: Subject, tmp_path: Path, available: float, limit: float | None, state: str
) -> None:
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit * GB:.0f}\n")
    finding = machine.check_memory(subject, meminfo=_meminfo(available), cgroups=tmp_path, cores=4)
    _judged(finding, state, *(["2.6 GB"] if state != "ok" else []))


def test_a_limit_of_the_old_kind_counts_and_max_is_none(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory.max").write_text("max\n")
    old = tmp_path / "memory" / "memory.limit_in_bytes"
    old.write_text("9223372036854771712\n")
    assert machine.check_memory(subject, meminfo=_meminfo(8), cgroups=tmp_path, cores=1).state == "ok"
    old.write_text(f"{GB // 2}\n")
    _judged(machine.check_memory(subject, meminfo=_meminfo(8), cgroups=tmp_path, cores=1), "problem", "500 MB")


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An nvidia-smi on PATH, to be written."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "nvidia-smi"


def _program(file: Path, body: str) -> None:
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def _torch(folder: Path, monkeypatch: pytest.MonkeyPatch, constants: str | None) -> None:
    """A torch of which nothing is there but its constants (or not even those), found before the installed one."""
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").touch()
    if constants is not None:
        (folder / "torch" / "version.py").write_text(constants)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "torch", raising=False)


ONE_GPU = "echo 'NVIDIA H100 80GB HBM3, 550.54.15, 81559, 80995'"


CPU_BUILD = "__version__ = '2.13.0+cpu'\ncuda = None\n"
CUDA_BUILD = "__version__ = '2.13.0'\ncuda = '13.0'\n"
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch"

GpuCase = tuple[str, str | None, str, list[str]]
"""What nvidia-smi does, what torch was built for; the state, and words of the finding."""


@pytest.mark.parametrize(
    "case",
    [
        (ONE_GPU, CPU_BUILD, "warning", ["H100", "550.54.15", "torch==2.13.0 "]),
        (ONE_GPU, CUDA_BUILD, "ok", ["80995 of 81559 MiB free", "built for CUDA 13.0"]),
        (ONE_GPU, None, "problem", ["torch is not installed"]),
        (f"echo '{MISMATCH}'; exit 18", CUDA_BUILD, "warning", [f"nvidia-smi fails: {MISMATCH}", "reboot"]),
        ("echo 'No devices were found'", CPU_BUILD, "warning", ["No devices were found"]),
    ],
    ids=["torch for the CPU", "all well", "no torch", "driver mismatch", "no device"],
)
def test_gpus_driver_and_torch_must_fit_each_other(
    subject: Subject, tmp_path: Path, smi: Path, monkeypatch: pytest.MonkeyPatch, case: GpuCase
) -> None:
    body, constants, state, words = case
    _program(smi, body)
    _torch(tmp_path, monkeypatch, constants)
    _judged(machine.check_gpu(subject), state, *words)


def test_no_gpu_is_no_problem(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _judged(machine.check_gpu(subject), "ok", "trials run on the CPU")


@pytest.mark.parametrize(("free", "state"), [(GB, "ok"), (64 * 10**6, "warning")])
def test_shared_memory_must_hold_rays_object_store(subject: Subject, free: int, state: str) -> None:
    finding = machine.check_shared_memory(subject, space=Space(total=2 * GB, free=free))
    _judged(finding, state, *(["--shm-size"] if state != "ok" else []))


def test_no_shared_memory_at_all_is_a_warning(subject: Subject, tmp_path: Path) -> None:
    _judged(machine.check_shared_memory(subject, folder=tmp_path / "shm"), "warning", "mount -t tmpfs")


@pytest.mark.parametrize(
    ("limits", "state"),
    [((1024, 1024), "warning"), ((1024, 65536), "ok"), ((256, resource.RLIM_INFINITY), "ok")],
)
def test_open_files_count_as_far_as_they_may_be_raised(subject: Subject, limits: tuple[int, int], state: str) -> None:
    _judged(machine.check_open_files(subject, limits=limits), state, str(limits[0]))


def test_a_clock_that_differs_from_the_disks_or_from_this_programs_is_a_warning(subject: Subject) -> None:
    now = time.time()
    assert machine.check_clock(subject, now=now, written=now + 1).state == "ok"
    _judged(machine.check_clock(subject, now=now, written=now - 90), "warning", "-90 s", "NTP")
    long_ago = time.mktime((2001, 1, 1, 0, 0, 0, 0, 0, -1))
    _judged(machine.check_clock(subject, now=long_ago, written=long_ago), "warning", "2001-01-01", "set the clock")


@pytest.mark.parametrize(
    ("encoding", "environment", "state", "words"),
    [
        ("ascii", {}, "problem", ["no locale set", "PYTHONUTF8=1"]),
        ("iso8859-1", {"LANG": "de_DE"}, "problem", ["de_DE"]),
        ("utf-8", {"LANG": "C.UTF-8"}, "ok", ["C.UTF-8"]),
    ],
)
def test_a_terminal_must_print_the_signs_of_the_tables(
    subject: Subject, encoding: str, environment: Mapping[str, str], state: str, words: list[str]
) -> None:
    _judged(machine.check_terminal(subject, encoding=encoding, environment=environment), state, *words)
