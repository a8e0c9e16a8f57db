"""What runs as processes of its own: Ray, MLflow and its stores, CUDA."""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from dsn.errors import InvalidInput
from pipeline.health.finding import Finding, Subject, ok, problem, warning
from pipeline.health.installation import REINSTALL, torch_build
from pipeline.health.places import NETWORK, file_system
from pipeline.health.process import Answer, asked
from pipeline.study.spec import read_study
from pipeline.study.tracking_uri import filled_in, shown, sqlite_file
from pipeline.tracking.store import unreachable

SECONDS = 90.0
"""For Ray or MLflow to answer: some ten times what they take."""

_RAY = "from pipeline.cluster.start import probe; print(probe())"
_MLFLOW = "import mlflow, pipeline.tracking.writer; print(mlflow.__version__)"
_CUDA = """
import torch
for index in range(torch.cuda.device_count()):
    assert torch.ones(1000, device=f"cuda:{index}").sum().item() == 1000
    print(torch.cuda.get_device_name(index), "capability", *torch.cuda.get_device_capability(index))
assert torch.cuda.is_available(), "torch sees no GPU"
"""


def check_ray(_: Subject, *, code: str = _RAY, seconds: float = SECONDS) -> Finding:
    """Ray starts on this machine, runs a task and stops."""
    answer = _python(code, seconds)
    if answer.code != 0:
        advice = (
            f"`{Path(sys.executable).name} -c '{code}'` shows all of it; see also temporary files and shared memory"
        )
        return problem("ray", _failure(answer, seconds), advice)
    return ok("ray", f"started, ran a task and stopped: {answer.last_line}")


def check_mlflow(_: Subject, *, code: str = _MLFLOW, seconds: float = SECONDS) -> Finding:
    """MLflow can be imported by the process that writes to it."""
    answer = _python(code, seconds)
    if answer.code != 0:
        return problem("mlflow", _failure(answer, seconds), REINSTALL)
    return ok("mlflow", f"{answer.last_line} can be imported")


def check_cuda(_: Subject, *, code: str = _CUDA, seconds: float = SECONDS, cuda: str | None = None) -> Finding:
    """Each GPU computes a sum. ``cuda`` is the version that torch is built for."""
    built = torch_build().cuda if cuda is None else cuda
    if not built:
        return ok("cuda", "torch is built for the CPU alone: nothing to try")
    answer = _python(code, seconds)
    if answer.code != 0:
        advice = (
            f"trials run on the CPU until the driver is one for CUDA {built} (nvidia-smi), or torch one for the driver"
        )
        return warning("cuda", _failure(answer, seconds), advice)
    return ok("cuda", "; ".join(answer.text.splitlines()) + ": each computed a sum")


def _python(code: str, seconds: float) -> Answer:
    return asked([sys.executable, "-c", code], seconds)


def _failure(answer: Answer, seconds: float) -> str:
    if answer.code is None:
        return f"no answer after {seconds:g} s"
    return answer.last_line or f"ended with code {answer.code}"


def check_store(subject: Subject, *, revisions: Mapping[str, str | None] | None = None) -> Finding:
    """The workspace's own MLflow store can be read, and is of the installed MLflow's schema.

    ``revisions`` are those of the schema that MLflow knows, each with the one before it.
    """
    file = Path(sqlite_file(subject.workspace.tracking_uri) or "")
    if not file.exists():
        return ok("store", f"{file} is not there yet: the first run makes it")
    rebuild = f"the ledger has all results: move {file} away, and `dsn sync NAME` rebuilds it"
    try:
        schema, runs = _stored(file)
    except sqlite3.Error as error:
        return problem("store", f"{file}: {error}", rebuild)
    known = mlflow_revisions() if revisions is None else revisions
    newest = set(known) - set(known.values())
    found = f"{runs} runs in {file}"
    if schema in newest or not known:
        return ok("store", found)
    if schema in known:
        advice = f"upgrade it: mlflow db upgrade {subject.workspace.tracking_uri}; or: {rebuild}"
        return problem("store", f"{found}, which an older MLflow made", advice)
    return problem("store", f"{found}, which a newer MLflow made", f"install that version again; or: {rebuild}")


def _stored(file: Path) -> tuple[str, int]:
    """Revision of the schema, and the number of runs. Nothing is changed.

    Raises:
        sqlite3.Error: it is no such database, or damaged.
    """
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise sqlite3.DatabaseError(f"is damaged: {health}")
        (schema,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
        (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        return str(schema), int(runs)
    finally:
        connection.close()


def mlflow_revisions() -> dict[str, str | None]:
    """Each revision of MLflow's schema with the one before it, from its migrations; importing it takes seconds."""
    found = importlib.util.find_spec("mlflow")
    places = list(found.submodule_search_locations or ()) if found else []
    revisions: dict[str, str | None] = {}
    for file in (Path(place) for place in places):
        for migration in (file / "store" / "db_migrations" / "versions").glob("*.py"):
            text = migration.read_text(encoding="utf-8")
            named = dict(re.findall(r'^(revision|down_revision) = (?:"(\w+)"|None)', text, re.MULTILINE))
            if "revision" in named:
                revisions[named["revision"]] = named.get("down_revision") or None
    return revisions


def check_tracking(subject: Subject, *, environment: Mapping[str, str] = os.environ) -> Finding:
    """The MLflow stores that were named answer: by --tracking-uri, and by the studies."""
    uris = dict.fromkeys(_named(subject))
    failures = [f"{shown(uri)} {failure}" for uri in uris if (failure := _unusable(uri))]
    if failures:
        advice = "start it or mend the address; runs go on without it, and `dsn sync NAME` sends it what it lacks"
        return problem("tracking", "; ".join(failures), advice)
    found = f"{', '.join(map(shown, uris))} answers" if uris else "the workspace's own store; no other was named"
    ignored = environment.get("MLFLOW_TRACKING_URI")
    if ignored and ignored not in uris:
        advice = "dsn does not read that variable: write `tracking: {uri: ...}` in the study to send it there"
        return warning("tracking", f"{found}; MLFLOW_TRACKING_URI is {shown(ignored)}", advice)
    return ok("tracking", found)


def _named(subject: Subject) -> Iterator[str]:
    if subject.tracking_uri:
        yield subject.tracking_uri
    for file in subject.studies:
        try:
            uri = read_study(file).spec.tracking.uri
        except InvalidInput:
            continue  # the check of the data sets tells
        if uri:
            yield uri


def _unusable(uri: str) -> str | None:
    try:
        file = sqlite_file(filled_in(uri))
    except InvalidInput as error:
        return f"cannot be used: {error.problem}"
    if file is None:
        return unreachable(uri)
    if not Path(file).parent.is_dir():
        return "is in a folder that is not there"
    kind = file_system(Path(file))
    return f"is on a network's file system ({kind}), where SQLite cannot be relied on" if kind in NETWORK else None
