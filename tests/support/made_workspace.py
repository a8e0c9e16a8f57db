"""A workspace in which a small study has ended, made by the program's own writers."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
from data_info import made_info

from dsn.durable import write_folder
from pipeline.planning.plan import make_plan
from pipeline.scheduling.times import Conditions
from pipeline.study.resources import Resources
from pipeline.study.spec import read_study
from pipeline.trial.outcome import HISTORY, NETWORK, RECEPTIVE_FIELDS
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger
from pipeline.workspace.record import StudyRecord, make_record, save_record

STUDY = """name: {name}
question: Does anything get lost?
data: [{{source: npz, path: /d, names: [A, B]}}]
arms: {{x: {{}}, y: {{sparsity.level: dense}}, z: {{sparsity: {{level: dense, groups: 1}}}}}}
seeds: {seeds}
tracking: {{uri: {uri}}}
"""
"""Arms ``y`` and ``z`` are one training."""

EXACT = {
    "test_accuracy": 0.1 + 0.2,
    "test_loss": 5e-324,
    "train_loss": 1.7976931348623157e308,
    "best_epoch": 7,
    "parameters": 2**53 - 1,
    "flops": 123456789012345.67,
    "train_seconds": 1 / 3,
}
"""The smallest and the largest float, integers, and what has no short decimal; other metrics are absent, so NaN."""

NATIVE = {"engine": "native", "instruction_set": "avx512", "host": "one", "version": "0.1.0"}
TORCH = {"engine": "torch", "host": "two é \udcff", "version": "0.1.0"}


def here() -> dict[str, str]:
    """Of a trial that was computed on a machine like this one, as far as its time depends on it."""
    conditions = Conditions.here("auto", Resources())
    return {"engine": conditions.engine, "threads": str(conditions.threads), "device": str(conditions.device)}


LONG = {"kind": "exception", "message": "é\ud800\n" * 3000, "traceback": "Traceback\n" + "x" * 20_000}
"""An error longer than a tag of MLflow, with what is no text."""

SHORT = {"kind": "diverged", "message": "the training loss is not finite", "traceback": ""}


def planned(workspace: Workspace, name: str, *, seeds: object = 3, uri: str = "null") -> StudyRecord:
    """A study that the workspace has a record of: nine cells a data set with three seeds, six trials."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    file = workspace.root / f"{name}.yaml"
    file.write_text(STUDY.format(name=name, uri=uri, seeds=seeds), encoding="utf-8")
    study = read_study(file)
    record = make_record(study, make_plan(study, made_info))
    save_record(workspace, record)
    return record


def end(workspace: Workspace, study: str, trial_id: str, event: str, **details: object) -> None:
    """Lines of a trial that began and ended; ``details`` of the second."""
    plain = {"started": time.time() - 0.123456, "metrics": {}, "artifacts": [], "provenance": NATIVE, "error": None}
    with Ledger(workspace, study) as ledger:
        ledger.append("started", trial_id)
        ledger.append(event, trial_id, **(plain | details))


def ended(workspace: Workspace, uri: str = "null") -> None:
    """Two studies, of which the second has trials of the first: done by either engine, failed with short and long
    errors, failed and then done, cut off, and never begun."""
    first = [trial.trial_id for trial in planned(workspace, "first", uri=uri).trials]
    planned(workspace, "second", seeds=[2, 3], uri=uri)
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [0.5, 0.1 + 0.2], "seconds": [1.0, 1.0]})
    sizes = pd.DataFrame({"layer": [1], "group": [1], "size": [9], "kernels": [3]})
    files = {HISTORY: history.to_parquet(index=False), RECEPTIVE_FIELDS: sizes.to_parquet(index=False), NETWORK: b"net"}
    for trial_id, provenance in zip(first[:4], (NATIVE, TORCH) * 2, strict=True):
        write_folder(workspace.trial(trial_id), files)
        end(workspace, "first", trial_id, "done", metrics=EXACT, artifacts=sorted(files), provenance=provenance)
    for trial_id, error in zip(first[4:6], (LONG, SHORT), strict=True):
        end(workspace, "first", trial_id, "failed", error=error)
    end(workspace, "first", first[6], "failed", error=SHORT)
    end(workspace, "first", first[6], "done", metrics={"test_accuracy": 0.25})
    with Ledger(workspace, "first") as ledger:
        ledger.append("started", first[7])


def listing(folder: Path) -> dict[str, bytes]:
    """Every file below it with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
