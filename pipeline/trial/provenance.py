"""Which code computed a result, and on what processor."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTION = "dsn-pipeline"


def code_provenance() -> dict[str, str]:
    """The package's version and, when it runs from a git checkout, the revision, marked ``+changes`` if edited."""
    try:
        release = version(DISTRIBUTION)
    except PackageNotFoundError:
        release = "not installed"
    return {"version": release, "revision": _revision() or "no git checkout"}


def processor_name() -> str:
    """The processor's name as Linux tells it; elsewhere the architecture."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def _revision() -> str | None:
    here = Path(__file__).resolve().parent
    commit = _git(here, "rev-parse", "HEAD")
    # A site-packages folder may lie inside somebody else's repository: only a tracked file is evidence.
    if commit is None or _git(here, "ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", str(here), str(here.parent / "dsn"))
    return commit + ("+changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
