"""One trial again: with the engine that its record names, where that can be, and a word where it cannot."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import dsn.native.library
from dsn.data import describe
from dsn.engine_choice import CPU_ONLY, choose_engine
from dsn.engines import ENGINES
from dsn.errors import InvalidInput
from dsn.native.library import VARIABLE, instruction_sets
from pipeline.planning.plan import TrialSpec, make_plan
from pipeline.study.spec import read_study
from pipeline.trial.training import run_trial
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger
from pipeline.workspace.lifecycle import TrialState
from pipeline.workspace.record import make_record, save_record
from pipeline.workspace.repetition import engine_of_repetition

OF_THE_CPU = [name for name in ENGINES if name in CPU_ONLY]


@pytest.fixture
def trial(make_plan_of) -> TrialSpec:
    return make_plan_of()[1].trials[0]


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "native"
    folder.mkdir()
    monkeypatch.setattr(dsn.native.library, "FOLDER", folder)


def _by(engine: str, instruction_set: str | None = None, status: str = "done") -> TrialState:
    """The state of a trial that was computed so."""
    provenance = {"engine": engine} | ({"instruction_set": instruction_set} if instruction_set else {})
    return TrialState(status=status, record={"event": status, "provenance": provenance})


@pytest.mark.parametrize(
    "state",
    [
        None,
        TrialState(status="running", record={"event": "started"}),
        TrialState(status="failed", record={"event": "failed", "provenance": {}}),
    ],
    ids=["never run", "running", "failed before there was an engine"],
)
def test_without_a_record_of_an_engine_it_is_the_study_s(trial: TrialSpec, state: TrialState | None) -> None:
    here = choose_engine("auto")
    assert engine_of_repetition(trial, state, "cpu") == (here.name, f"engine: {here}")
    named = replace(trial, engine="torch")
    assert engine_of_repetition(named, state, "cpu") == ("torch", "engine: torch")


@pytest.mark.parametrize("status", ["done", "failed"])
@pytest.mark.parametrize("engine", ENGINES)
def test_auto_is_the_engine_of_the_record(trial: TrialSpec, engine: str, status: str) -> None:
    made = choose_engine(engine)
    state = _by(made.name, made.instruction_set, status)
    assert engine_of_repetition(trial, state, "cpu") == (engine, f"engine: {made}, as in its record")


def test_where_the_engine_of_the_record_cannot_be_used_that_and_why_is_said(trial: TrialSpec, no_library: None) -> None:
    if not OF_THE_CPU:
        pytest.skip("torch is the only engine")
    name, line = engine_of_repetition(trial, _by("native", "avx2"), "cpu")
    assert name == "torch"
    assert line.startswith("engine: torch (no native library ")
    assert line.endswith("; its record is of native (AVX2), which rounds differently: expect other numbers")


def test_an_engine_that_the_study_names_is_taken_and_another_in_the_record_is_said(trial: TrialSpec) -> None:
    name, line = engine_of_repetition(replace(trial, engine="torch"), _by("native", "avx512"), "cpu")
    assert name == "torch"
    assert line == "engine: torch; its record is of native (AVX-512), which rounds differently: expect other numbers"


def test_an_engine_that_the_study_names_and_is_not_there_is_refused(trial: TrialSpec, no_library: None) -> None:
    with pytest.raises(InvalidInput, match=r"cannot be used here \(no native library"):
        engine_of_repetition(replace(trial, engine="native"), _by("torch"), "cpu")


def test_another_instruction_set_is_said(trial: TrialSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    lesser, *others = instruction_sets() or ("",)
    if not others:
        pytest.skip("no native library, or one for a single instruction set")
    monkeypatch.setenv(VARIABLE, lesser)
    name, line = engine_of_repetition(trial, _by("native", "avx512"), "cpu")
    assert (name, line) == (
        "native",
        f"engine: native ({lesser}); its record is of native (AVX-512), which rounds differently: expect other numbers",
    )


def test_the_command_takes_it_and_says_it(dsn, tmp_path: Path) -> None:
    pytest.importorskip("aeon")
    file, workspace = tmp_path / "s.yaml", Workspace(root=tmp_path / "workspace")
    file.write_text(
        "name: s\ndata: [{source: aeon, names: [UnitTest]}]\nseeds: 1\n"
        "base: {training: {epochs: 2}, model: {channels: 9, kernel_size: 9, depth: 2, pool_size: 5}}\n",
        encoding="utf-8",
    )
    study = read_study(file)
    made = make_plan(study, describe)
    save_record(workspace, make_record(study, made))
    (trial,) = made.trials
    expected = run_trial(replace(trial, engine="torch"))
    with Ledger(workspace, "s") as ledger:
        ledger.append("done", trial.trial_id, metrics=expected.metrics, provenance=expected.provenance)
    code, out, err = dsn("trial", trial.trial_id[:8])
    assert code == 0, err
    assert err.splitlines() == [f"{trial.trial_id}: {trial.title}", "engine: torch, as in its record"]
    # To the last bit, which the other engine's would not be.
    assert json.loads(out)["train_loss"] == expected.metrics["train_loss"]
