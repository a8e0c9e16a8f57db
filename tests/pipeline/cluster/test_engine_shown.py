"""Where a user is told which engine computes: planning, running, a trial's provenance, the doctor, the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dsn.native.library
import pipeline.trial.training
from dsn.data import describe
from dsn.engine_choice import CPU_ONLY, ChosenEngine, choose_engine
from dsn.engines import ENGINES
from dsn.errors import InvalidInput
from dsn.native.library import VARIABLE, instruction_set
from dsn.training import Training
from pipeline.health import installation
from pipeline.health.finding import Subject
from pipeline.planning.plan import TrialSpec, make_plan
from pipeline.study.resources import Resources
from pipeline.study.spec import read_study
from pipeline.trial.training import run_trial
from pipeline.workspace.layout import Workspace

STUDY = """
name: s
data: [{source: aeon, names: [UnitTest]}]
base: {training: {epochs: 1}, model: {channels: 9, kernel_size: 9, depth: 2, pool_size: 5}}
seeds: 1
"""

OF_THE_CPU = [name for name in ENGINES if name in CPU_ONLY]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    pytest.importorskip("aeon")
    file = tmp_path / "s.yaml"
    file.write_text(STUDY, encoding="utf-8")
    return file


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "native"
    folder.mkdir()
    monkeypatch.setattr(dsn.native.library, "FOLDER", folder)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return Subject(workspace=Workspace(root=tmp_path))


def _trial(file: Path, engine: str) -> TrialSpec:
    return replace(make_plan(read_study(file), describe).trials[0], engine=engine)


def _planned(dsn, file: Path, *settings: str) -> str:
    arguments = [word for setting in settings for word in ("--set", setting)]
    code, out, err = dsn("plan", str(file), *arguments)
    assert (code, err) == (0, "")
    (line,) = (line for line in out.splitlines() if line.startswith("engine: "))
    code, out, _ = dsn("plan", str(file), "--json", *arguments)
    assert code == 0
    text = line.removeprefix("engine:").strip()
    assert json.loads(out)["engine"] == text
    return text


def test_a_plan_says_which_engine_its_trials_get(dsn, study: Path) -> None:
    here = choose_engine("auto")
    assert _planned(dsn, study) == str(here)
    assert _planned(dsn, study, "engine=torch") == "torch"
    assert _planned(dsn, study, "resources.gpus=0.5") == f"torch on a GPU; where there is none, {here}"


def test_a_plan_says_why_it_is_not_the_fastest(dsn, study: Path, no_library: None) -> None:
    assert _planned(dsn, study) == str(choose_engine("auto"))
    assert ("no native library" in _planned(dsn, study)) == bool(OF_THE_CPU)


@pytest.mark.parametrize("engine", OF_THE_CPU)
def test_what_this_machine_cannot_compute_is_planned_but_not_run(
    dsn, study: Path, no_library: None, engine: str
) -> None:
    assert _planned(dsn, study, f"engine={engine}").startswith(
        f"{engine}, which cannot be used here (no native library"
    )
    code, out, err = dsn("run", str(study), "--set", f"engine={engine}")
    assert (code, out) == (2, "")
    assert "engine: cannot be used here (no native library" in err
    assert not Path("workspace", "ledger").exists()


@pytest.mark.parametrize("engine", OF_THE_CPU)
def test_an_engine_of_the_cpu_and_a_gpu_exclude_each_other(study: Path, engine: str) -> None:
    with pytest.raises(InvalidInput, match=r"engine: computes on the CPU only, and resources\.gpus is not 0"):
        read_study(study, settings=[f"engine={engine}", "resources.gpus=1"])


def test_an_instruction_set_that_does_not_exist_is_bad_input(dsn, study: Path, monkeypatch) -> None:
    if not OF_THE_CPU or not instruction_set():
        pytest.skip("there is no library that could be asked for")
    monkeypatch.setenv(VARIABLE, "avx1024")
    code, _, err = dsn("plan", str(study))
    assert code == 2
    assert "DSN_INSTRUCTION_SET: no such instruction set" in err


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
def test_a_trial_records_what_computed_it(study: Path, engine: str) -> None:
    try:
        chosen = choose_engine(engine)
    except InvalidInput as error:
        pytest.skip(str(error))
    result = run_trial(_trial(study, engine), keep_model=False)
    assert result.error is None
    assert result.provenance["engine"] == chosen.name
    assert result.provenance.get("instruction_set") == chosen.instruction_set


def test_a_trial_computes_with_the_threads_that_are_set_aside_for_it(study: Path, monkeypatch) -> None:
    asked: list[int] = []

    class Counted(Training):
        def __init__(self, *arguments: Any, threads: int, **more: Any) -> None:
            asked.append(threads)
            super().__init__(*arguments, threads=threads, **more)

    monkeypatch.setattr(pipeline.trial.training, "Training", Counted)
    trial = _trial(study, "auto")
    for cpus in (1, 2):
        result = run_trial(replace(trial, resources=Resources(cpus=cpus)), keep_model=False)
        assert result.error is None
        assert result.provenance["threads"] == str(cpus)
    assert asked == [1, 2]


@pytest.mark.parametrize("engine", OF_THE_CPU)
def test_a_worker_without_the_engine_fails_the_trial_with_the_reason(
    study: Path, no_library: None, engine: str
) -> None:
    result = run_trial(_trial(study, engine), keep_model=False)
    assert result.error is not None
    assert "engine: cannot be used here (no native library" in result.error.message


def test_the_doctor_says_it(subject: Subject) -> None:
    finding = installation.check_engine(subject)
    assert finding.found == str(choose_engine("auto"))
    assert (finding.state == "ok") == (choose_engine("auto").obstacle == "")


@pytest.mark.skipif(not OF_THE_CPU, reason="torch is the only engine")
def test_the_doctor_warns_where_no_library_is(subject: Subject, no_library: None) -> None:
    finding = installation.check_engine(subject)
    assert finding.state == "warning"
    assert finding.found.startswith("torch (no native library")
    assert "C++ compiler" in finding.advice


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        (ChosenEngine(name="native", instruction_set="avx512"), "native (AVX-512)"),
        (ChosenEngine(name="torch", obstacle="no library"), "torch (no library)"),
        (ChosenEngine(name="torch"), "torch"),
    ],
)
def test_an_engine_in_words(chosen: ChosenEngine, text: str) -> None:
    assert str(chosen) == text
