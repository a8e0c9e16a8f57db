"""Python and the packages, against what this distribution says that it needs."""

from __future__ import annotations

import importlib.util
import platform
import runpy
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from dsn.engine_choice import choose_engine
from dsn.errors import InvalidInput
from pipeline.health.finding import Finding, Subject, ok, problem, warning
from pipeline.trial.provenance import DISTRIBUTION

REINSTALL = "install again, into a fresh environment: rm -rf .venv && make run"


def check_python(_: Subject, *, found: str = platform.python_version(), wanted: str | None = None) -> Finding:
    """A version of Python that the distribution allows. ``wanted`` is its specifier, e.g. ``>=3.11``."""
    allowed = _metadata_python() if wanted is None else wanted
    if allowed and not SpecifierSet(allowed).contains(found, prereleases=True):
        advice = f"Python {allowed} is needed: make PYTHON=/path/to/it run"
        return problem("python", f"{found} at {sys.executable}", advice)
    return ok("python", f"{found} at {sys.executable}")


def check_packages(
    _: Subject, *, wanted: Sequence[str] | None = None, installed: Callable[[str], str] = version
) -> Finding:
    """Every requirement of the distribution is installed in a version that fulfils it.

    ``wanted`` are requirements as pip writes them; ``installed`` tells a package's version.
    """
    try:
        lines = requires(DISTRIBUTION) or [] if wanted is None else wanted
    except PackageNotFoundError:
        return warning(
            "packages", f"{DISTRIBUTION} is not installed", "pip install --editable . in the project's folder"
        )
    needed = [requirement for requirement in map(Requirement, lines) if _applies(requirement)]
    versions = {requirement.name: _version(requirement.name, installed) for requirement in needed}
    wrong = [
        f"{requirement.name} {versions[requirement.name] or 'is missing'} (needed: {requirement.specifier or 'any'})"
        for requirement in needed
        if not _fulfilled(requirement, versions[requirement.name])
    ]
    if wrong:
        return problem("packages", "; ".join(wrong), REINSTALL)
    shown = ", ".join(f"{name} {versions[name]}" for name in ("torch", "ray", "mlflow", "numpy") if versions.get(name))
    return ok("packages", f"all {len(needed)} fulfil {DISTRIBUTION}'s requirements: {shown}")


def _applies(requirement: Requirement) -> bool:
    """Whether it is one of this machine's, and of no extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _version(name: str, installed: Callable[[str], str]) -> str | None:
    try:
        return installed(name)
    except PackageNotFoundError:
        return None


def _fulfilled(requirement: Requirement, there: str | None) -> bool:
    return there is not None and requirement.specifier.contains(there, prereleases=True)


def _metadata_python() -> str:
    try:
        return str(metadata(DISTRIBUTION).json.get("requires_python", ""))
    except PackageNotFoundError:
        return ""


def check_engine(_: Subject) -> Finding:
    """Trials on the CPU are computed with the fastest engine."""
    try:
        engine = choose_engine("auto")
    except InvalidInput as error:
        return problem("engine", str(error), f"choose another {error.key}, or unset it")
    if engine.obstacle:
        advice = "training on the CPU is several times slower; with a C++ compiler (g++ or clang++), `make -B install`"
        return warning("engine", str(engine), advice)
    return ok("engine", str(engine))


@dataclass(frozen=True, kw_only=True)
class TorchBuild:
    """The installed torch; "" for what there is not: torch itself, or CUDA in it."""

    version: str
    cuda: str


def torch_build() -> TorchBuild:
    """What torch was built for, from its file of constants: importing it takes seconds."""
    found = importlib.util.find_spec("torch")
    places = list(found.submodule_search_locations or ()) if found else []
    file = Path(places[0]) / "version.py" if places else None
    if file is None or not file.is_file():
        return TorchBuild(version="", cuda="")
    constants = runpy.run_path(str(file))
    return TorchBuild(version=str(constants.get("__version__", "")), cuda=str(constants.get("cuda") or ""))
