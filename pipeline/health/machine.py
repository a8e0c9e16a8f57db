"""The machine: system, processor, memory, GPUs, limits, clock, terminal."""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from pipeline.health.finding import Finding, Subject, ok, problem, warning
from pipeline.health.installation import torch_build
from pipeline.health.process import asked
from pipeline.planning.capacity import OBJECT_STORE, local_cpus
from pipeline.workspace.disk import Space, disk_space, shown_size

WORKER_BYTES = 400 * 10**6
"""Of memory for a trial's process: torch takes 300 MB before there is any data."""

DRIVER_BYTES = 10**9
"""Of memory for the driver, Ray and the process that writes to MLflow."""

FILES = 4096
"""Files that Ray's processes may want to hold open on one machine."""

_CGROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT = 2**60


def check_system(_: Subject, *, system: str = platform.system(), machine: str = platform.machine()) -> Finding:
    """Linux, on a processor for which there are wheels of torch and Ray."""
    found = f"{system} {platform.release()} on {machine}"
    if system != "Linux":
        return problem("system", found, "runs need Linux; a container or a virtual machine with it will do")
    if machine not in ("x86_64", "aarch64"):
        return warning("system", found, "PyTorch and Ray are published for x86_64 and aarch64; others must be built")
    return ok("system", found)


def check_compiler(_: Subject) -> Finding:
    """A C and a C++ compiler. A note: what they are for, the check of the engine tells."""
    found = []
    for program in ("cc", "c++"):
        path = shutil.which(program)
        answer = asked([path, "--version"], 10) if path else None
        found.append(f"{program}: {(answer.text.splitlines() or ['?'])[0] if answer else 'none'}")
    return ok("compiler", f"{'; '.join(found)} (wanted at installation, for the native engine)")


def check_processor(
    _: Subject, *, info: str | None = None, cores: int | None = None, cgroups: Path = _CGROUPS
) -> Finding:
    """Vector instructions, and the cores that trials may use. ``info`` is the text of /proc/cpuinfo."""
    text = _read(Path("/proc/cpuinfo")) if info is None else info
    usable = local_cpus() if cores is None else cores
    names = re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)
    vectors = _vectors(text)
    # A line of both numbers for every thread that the machine has.
    physical = len(set(re.findall(r"^physical id\s*: (\d+)$.*?^core id\s*: (\d+)$", text, re.MULTILINE | re.DOTALL)))
    name = names[0] if names else platform.machine()
    found = (
        f"{name}, {', '.join(vectors) or 'no AVX2 or NEON'}; "
        f"{usable} usable of {os.cpu_count()} threads{f' on {physical} cores' if physical else ''}"
    )
    quota = _old_quota(cgroups)
    if quota is not None and quota < usable:
        advice = (
            f"the container may use {quota:g} cores: start fewer trials at a time, e.g. with `taskset -c 0 dsn run`"
        )
        return warning("processor", found, advice)
    if not vectors:
        return warning(
            "processor", found, "training will be slow; a processor with AVX2 or NEON is several times faster"
        )
    return ok("processor", found)


def _vectors(cpuinfo: str) -> list[str]:
    line = re.search(r"^(?:flags|Features)\s*: (.*)$", cpuinfo, re.MULTILINE)
    flags = set(line.group(1).split()) if line else set()
    return [name for flag, name in (("avx2", "AVX2"), ("avx512f", "AVX-512"), ("asimd", "NEON")) if flag in flags]


def _old_quota(cgroups: Path) -> float | None:
    """Cores that a control group of version 1 allows; ``pipeline.planning.capacity`` reads those of version 2."""
    try:
        quota, period = (int(_read(cgroups / "cpu" / f"cpu.cfs_{part}_us")) for part in ("quota", "period"))
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def check_memory(
    _: Subject, *, meminfo: str | None = None, cgroups: Path = _CGROUPS, cores: int | None = None
) -> Finding:
    """Enough for a trial on every core, within the container's limit. ``meminfo`` is the text of /proc/meminfo."""
    text = _read(Path("/proc/meminfo")) if meminfo is None else meminfo
    sizes = {name: int(kilobytes) * 1024 for name, kilobytes in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}
    if "MemAvailable" not in sizes:
        return ok("memory", "not known here")
    slots = local_cpus() if cores is None else cores
    limit = _memory_limit(cgroups)
    usable = min(sizes["MemAvailable"], limit or sizes["MemAvailable"])
    found = f"{shown_size(sizes['MemAvailable'])} available of {shown_size(sizes['MemTotal'])}"
    found += f"; this container may use {shown_size(limit)}" if limit and limit < sizes["MemTotal"] else ""
    needed = DRIVER_BYTES + slots * WORKER_BYTES
    if usable < needed:
        advice = (
            f"{slots} trials at a time want about {shown_size(needed)}: free some, or run fewer at a time "
            "(--set resources.cpus=2 halves them); Ray kills workers when 95 % is used"
        )
        return (problem if usable < DRIVER_BYTES else warning)("memory", found, advice)
    return ok("memory", found)


def _memory_limit(cgroups: Path, own: Path = Path("/proc/self/cgroup")) -> int | None:
    """The smallest limit of the control groups around this process, of either version."""
    groups = [line.split(":", 2) for line in _read(own).splitlines()]
    paths = [group[2].strip("/") for group in groups if len(group) == 3 and group[1] in ("", "memory")]
    files = [cgroups / "memory.max", cgroups / "memory" / "memory.limit_in_bytes"]
    files += [cgroups / path / "memory.max" for path in paths]
    files += [cgroups / "memory" / path / "memory.limit_in_bytes" for path in paths]
    limits = [int(text) for text in map(_read, files) if text.strip().isdigit()]
    return min((limit for limit in limits if 0 < limit < _NO_LIMIT), default=None)


def check_gpu(_: Subject) -> Finding:
    """GPUs and their driver, and whether the installed torch can use them."""
    build = torch_build()
    path = shutil.which("nvidia-smi")
    if path is None:
        suffix = ", though torch is built for CUDA" if build.cuda else ""
        return ok("gpu", f"none (no nvidia-smi){suffix}: trials run on the CPU")
    columns = "name,driver_version,memory.total,memory.free"
    answer = asked([path, f"--query-gpu={columns}", "--format=csv,noheader,nounits"], 20)
    if answer.code is None:
        return problem(
            "gpu", "nvidia-smi does not answer", "the driver hangs: look at `dmesg`; often only a reboot helps"
        )
    rows = [line.split(", ") for line in answer.text.splitlines() if line.count(", ") == 3]
    if answer.code or not rows:
        advice = "install or reload the NVIDIA driver (after an update of it: reboot); until then trials run on the CPU"
        return warning("gpu", f"nvidia-smi fails: {answer.last_line or answer.code}", advice)
    found = "; ".join(f"{name}, {free} of {total} MiB free, driver {driver}" for name, driver, total, free in rows)
    if not build.version:
        return problem("gpu", f"{found}; torch is not installed", "pip install --editable . in the project's folder")
    if not build.cuda:
        release = build.version.partition("+")[0]
        advice = (
            f"trials run on the CPU; for the GPU: pip install --force-reinstall torch=={release} --index-url "
            "https://download.pytorch.org/whl/VERSION, with what https://pytorch.org/get-started names for your CUDA"
        )
        return warning("gpu", f"{found}; torch {build.version} is built for the CPU alone", advice)
    return ok("gpu", f"{found}; torch {build.version} is built for CUDA {build.cuda}")


def check_shared_memory(_: Subject, *, folder: Path = Path("/dev/shm"), space: Space | None = None) -> Finding:  # noqa: S108
    """Room for Ray's object store in /dev/shm; else Ray puts it on the disk, which is slow."""
    if space is None and not folder.is_dir():
        return warning("shared memory", f"there is no {folder}", f"mount it: mount -t tmpfs tmpfs {folder}")
    there = space or disk_space(folder)
    found = f"{shown_size(there.free)} of {shown_size(there.total)} free in {folder}"
    if there.free < OBJECT_STORE:
        advice = f"Ray wants {shown_size(OBJECT_STORE)} there: docker run --shm-size=1g, or delete what fills it"
        return warning("shared memory", found, advice)
    return ok("shared memory", found)


def check_open_files(_: Subject, *, limits: tuple[int, int] | None = None) -> Finding:
    """The limit of open files that Ray can raise its own to."""
    soft, hard = limits or resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{_count(soft)}, may be raised to {_count(hard)}"
    if hard != resource.RLIM_INFINITY and hard < FILES:
        advice = (
            f"Ray may run out of them: allow {FILES} or more (ulimit -Hn, /etc/security/limits.conf, docker --ulimit)"
        )
        return warning("open files", found, advice)
    return ok("open files", found)


def _count(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)


def check_clock(subject: Subject, *, now: float | None = None, written: float | None = None) -> Finding:
    """Whether the clock agrees with the file system's, and is not behind the files of this program.

    ``now`` and ``written`` are seconds since 1970: of the clock, and of a file that was written at that moment.
    """
    if now is None or written is None:
        now, written = time.time(), _time_of_new_file(subject.workspace.root)
    found = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now))
    own = Path(__file__).stat().st_mtime
    if abs(written - now) > 5:
        advice = "changes of data sets may go unseen, and durations be wrong: set both clocks by NTP"
        return warning("clock", f"{found}; the workspace's file system is {written - now:+.0f} s from it", advice)
    if own > now + 86_400:
        return warning(
            "clock", f"{found}; this program's files are from the future", "set the clock (timedatectl, ntpd)"
        )
    return ok("clock", found)


def _time_of_new_file(place: Path) -> float:
    folder = next(folder for folder in (place, *place.parents) if folder.is_dir())
    with tempfile.TemporaryFile(dir=folder if os.access(folder, os.W_OK) else None) as file:
        return os.fstat(file.fileno()).st_mtime


def check_terminal(_: Subject, *, encoding: str | None = None, environment: Mapping[str, str] = os.environ) -> Finding:
    """Whether tables can be printed: they hold signs such as the plus-minus."""
    used = encoding or sys.stdout.encoding or "ascii"
    locale = next(
        (environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "no locale set"
    )
    found = f"{used}, {locale}"
    try:
        "±–·×≤".encode(used)
    except (UnicodeEncodeError, LookupError):
        return problem("terminal", found, "tables cannot be printed: export PYTHONUTF8=1 (or LANG=C.UTF-8)")
    return ok("terminal", found)


def _read(path: Path) -> str:
    """The text of a file of the system's; "" where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
