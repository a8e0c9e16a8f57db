"""Which engine is taken, with and without the native engine's libraries."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import dsn.native.library
from dsn.artifact import NetworkHeader
from dsn.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from dsn.engine_choice import CPU_ONLY, INSTRUCTION_SETS, EngineName, choose_engine, require_threads
from dsn.engines import ENGINES
from dsn.errors import InvalidInput
from dsn.native.library import FOLDER, LEVELS, VARIABLE
from dsn.trained import TrainedNetwork
from dsn.training import Training

OF_THE_CPU = [name for name in ENGINES if name in CPU_ONLY]
built = pytest.mark.skipif(not list(FOLDER.glob("*.so")), reason="the native engine was not built: no C++ compiler")


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dsn.native.library, "FOLDER", tmp_path)


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1"])
def test_torch_is_what_was_asked_for_wherever(device: str, no_library: None) -> None:
    assert str(choose_engine("torch", device)) == "torch"


def test_auto_is_torch_where_no_library_is_and_says_why(no_library: None) -> None:
    chosen = choose_engine("auto")
    assert (chosen.name, chosen.instruction_set) == ("torch", None)
    assert ("`make -B install` builds it" in chosen.obstacle) == ("native" in ENGINES)


def test_auto_is_torch_on_a_gpu() -> None:
    chosen = choose_engine("auto", "cuda")
    assert chosen.name == "torch"
    assert chosen.obstacle == "; ".join(f"the {name} engine computes on the CPU only" for name in OF_THE_CPU)


@built
def test_auto_is_the_fastest_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "portable")
    chosen = choose_engine("auto")
    assert chosen.name == get_args(EngineName)[0]
    assert str(chosen) == (f"{chosen.name} (portable)" if OF_THE_CPU else "torch")


@pytest.mark.parametrize("name", OF_THE_CPU)
def test_an_engine_of_the_cpu_is_refused_on_a_gpu(name: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^engine: cannot be used here \(.* on the CPU only\).* \(got '{name}'\)$"):
        choose_engine(name, "cuda")


@pytest.mark.parametrize("name", OF_THE_CPU)
def test_the_native_engine_is_refused_where_no_library_is(name: str, no_library: None) -> None:
    with pytest.raises(
        InvalidInput, match=r"^engine: cannot be used here \(no native library .*\); `auto` takes another"
    ):
        choose_engine(name)


@pytest.mark.parametrize("asked", ["tourch", "Auto", ""])
def test_an_engine_that_does_not_exist(asked: str) -> None:
    with pytest.raises(InvalidInput, match=r"^engine: no such engine .*alid: auto, "):
        choose_engine(asked)


def test_every_instruction_set_has_a_name_for_people() -> None:
    assert tuple(INSTRUCTION_SETS) == LEVELS


@pytest.mark.parametrize("threads", [0, -1])
def test_no_thread_computes_nothing(threads: int) -> None:
    with pytest.raises(InvalidInput, match="threads"):
        require_threads(threads)


@pytest.mark.parametrize("asked", ["auto", *ENGINES])
def test_training_and_prediction_take_it(make_data, asked: str) -> None:
    try:
        chosen = choose_engine(asked)
    except InvalidInput as error:
        pytest.skip(str(error))
    data = make_data()
    config = RunConfig(
        data=DataConfig(source="memory", name="memory"),
        model=ModelConfig(channels=9, kernel_size=9, depth=2, pool_size=5),
        training=TrainingConfig(epochs=1),
    )
    training = Training(config, data, seed=0, engine=asked)
    list(training.epochs())
    network = TrainedNetwork(training.selected, NetworkHeader.of(config, data), engine=asked)
    for holder in (training, network, pickle.loads(pickle.dumps(network))):
        assert type(holder._engine) is ENGINES[chosen.name]


def test_choosing_imports_no_torch() -> None:
    code = "import sys, dsn.engine_choice as e; e.choose_engine('auto'); print({'torch', 'numpy'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout == "set()\n"
