"""All checks, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pipeline.health import datasets, installation, machine, places, services
from pipeline.health.finding import Finding, Subject, problem

Check = Callable[[Subject], Finding]

CHECKS: Mapping[str, Check] = {
    "python": installation.check_python,
    "packages": installation.check_packages,
    "system": machine.check_system,
    "processor": machine.check_processor,
    "compiler": machine.check_compiler,
    "engine": installation.check_engine,
    "memory": machine.check_memory,
    "shared memory": machine.check_shared_memory,
    "open files": machine.check_open_files,
    "clock": machine.check_clock,
    "terminal": machine.check_terminal,
    "gpu": machine.check_gpu,
    "temporary files": places.check_temporary,
    "disk": places.check_disk,
    "file system": places.check_file_system,
    "workspace": places.check_workspace,
    "store": services.check_store,
    "data": datasets.check_data,
    "tracking": services.check_tracking,
    "mlflow": services.check_mlflow,
    "cuda": services.check_cuda,
    "ray": services.check_ray,
}
"""In the order in which they are made: what takes seconds comes last."""

SLOW = frozenset(("mlflow", "cuda", "ray"))
"""Left out by ``--quick``: each starts a process that imports a large library."""


def examine(subject: Subject, *, quick: bool = False, checks: Mapping[str, Check] = CHECKS) -> Iterator[Finding]:
    """One finding a check, as they come."""
    for name, check in checks.items():
        if quick and name in SLOW:
            continue
        try:
            yield check(subject)
        except Exception as error:  # noqa: BLE001
            # On a machine that nobody has foreseen a check may fail in any way; the others are wanted all the more.
            yield problem(
                name, f"the check failed: {type(error).__name__}: {error}", "please report this line as a bug"
            )
