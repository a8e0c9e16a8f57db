"""A trained network that predicts: the numbers it was scored with, and series as its training prepared them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dsn
from dsn.artifact import NetworkHeader
from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.dataset import TimeSeriesData
from dsn.data.preparation import prepare
from dsn.data.raw import RawData, raw_part
from dsn.engines import ENGINES
from dsn.engines.torch_engine import PREDICTION_BATCH
from dsn.errors import InvalidInput
from dsn.metrics import accuracy, log_loss
from dsn.trained import _AT_ONCE, TrainedNetwork
from dsn.training import FitResult, Training, fit

CONFIG = RunConfig(
    data=DataConfig(source="npz", name="made-up", normalisation="global"),
    model=ModelConfig(channels=9, kernel_size=9, depth=2, pool_size=10),
    sparsity=SparsityConfig(level=0.6, update_every=1),
    training=TrainingConfig(epochs=20, batch_size=4, batch_rule="fixed", learning_rate=1e-2),
)
SMALL = replace(
    CONFIG,
    model=ModelConfig(channels=3, kernel_size=5, depth=1, pool_size=2),
    sparsity=SparsityConfig(level=0.5, groups=1),
)


def _raw(channels: int = 2, test_n: int = 300, train_length: int = 17) -> RawData:
    """Series far from zero, with gaps; test series are longer than training series, and end early here and there."""
    rng = np.random.default_rng(3)
    parts = []
    for n, length in ((20, train_length), (test_n, 20)):
        y = np.arange(n) % 3
        x = rng.normal(loc=50, scale=4, size=(n, channels, length))
        x += 6 * np.sin(np.arange(length) * (1 + y)[:, None, None])
        x[rng.random(x.shape) < 0.05] = np.nan
        x[::4, :, 15:] = np.nan
        parts.append(raw_part(x, 2.0 * y, place="made up"))
    return RawData(train=parts[0], test=parts[1])


def _prepared(raw: RawData, config: RunConfig) -> TimeSeriesData:
    return prepare(raw, config.data, content_hash="", place="made up")


def _trained(data: TimeSeriesData, config: RunConfig, engine: str = "auto") -> tuple[FitResult, TrainedNetwork]:
    result = fit(config, data, seed=0, engine=engine)
    return result, TrainedNetwork(result.network, NetworkHeader.of(config, data), engine=engine)


@pytest.fixture(scope="module")
def univariate() -> TrainedNetwork:
    """For series of 20 points."""
    return _trained(_prepared(_raw(channels=1), SMALL), SMALL)[1]


@pytest.fixture(scope="module")
def multivariate() -> TrainedNetwork:
    """For series of 2 channels and 20 points."""
    return _trained(_prepared(_raw(), SMALL), SMALL)[1]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("normalisation", ["none", "global"])
@pytest.mark.parametrize("channels", [1, 2])
def test_raw_series_are_predicted_to_the_bit_as_they_were_scored(
    tmp_path: Path, channels: int, normalisation: Any, engine: str
) -> None:
    config = replace(CONFIG, data=replace(CONFIG.data, normalisation=normalisation))
    raw = _raw(channels)
    data = _prepared(raw, config)
    training = Training(config, data, seed=0, engine=engine)
    list(training.epochs())
    result = training.result()
    TrainedNetwork(result.network, NetworkHeader.of(config, data), engine=engine).save(tmp_path / "network.npz")
    network = dsn.load(tmp_path, engine=engine)
    training._engine.restore(result.network)
    scored = training._engine.predict(data.x_test)
    found = network.predict_log_proba(raw.test.x)
    assert found.tobytes() == scored.tobytes()
    assert log_loss(found, data.y_test) == result.metrics["test_loss"]
    assert accuracy(found, data.y_test) == result.metrics["test_accuracy"]
    assert np.mean(network.predict(raw.test.x) == raw.test.labels) == result.metrics["test_accuracy"]
    # Not that the classes differ: after so few epochs that depends on the processor's last digits.
    assert len({row.tobytes() for row in found}) > 1, "else equality would show little"


def test_probabilities_sum_to_one_in_double_precision(multivariate: TrainedNetwork) -> None:
    x = _raw().test.x
    found = multivariate.predict_proba(x)
    assert (found.shape, found.dtype.name) == ((300, 3), "float64")
    # A quotient by the sum: one rounding a class, and two additions.
    assert np.abs(found.sum(axis=1) - 1).max() <= 3 * np.finfo(np.float64).eps
    # The engine's own probabilities are rounded to float32: relative 2^-24 in each of some ten operations.
    assert np.allclose(found, np.exp(multivariate.predict_log_proba(x)), rtol=1e-6, atol=0)
    assert (np.array(multivariate.classes)[found.argmax(axis=1)] == multivariate.predict(x)).all()


def test_labels_are_the_texts_of_the_data(multivariate: TrainedNetwork) -> None:
    assert multivariate.classes == ("0", "2", "4"), "whole numbers are written without a decimal point"
    assert set(multivariate.predict(_raw().test.x)) <= {"0", "2", "4"}


def test_two_dimensions_are_one_channel(univariate: TrainedNetwork) -> None:
    x = _raw(channels=1).test.x
    assert np.array_equal(univariate.predict_proba(x[:, 0]), univariate.predict_proba(x))


def test_shorter_series_are_padded_as_in_training(multivariate: TrainedNetwork) -> None:
    x = _raw().test.x.copy()
    x[:, :, 12:] = np.nan
    assert np.array_equal(multivariate.predict_proba(x[:, :, :12]), multivariate.predict_proba(x))


def test_a_list_of_unequal_lengths_is_padded_too(multivariate: TrainedNetwork) -> None:
    x = _raw().test.x[:6].copy()
    for series, length in zip(x, range(5, 17), strict=False):
        series[:, length:] = np.nan
    ragged = [series[:, :length] for series, length in zip(x, range(5, 17), strict=False)]
    assert np.array_equal(multivariate.predict_proba(ragged), multivariate.predict_proba(x))


@pytest.mark.parametrize("kind", [np.float32, np.int16, list, torch.tensor])
def test_numbers_in_other_forms(univariate: TrainedNetwork, kind: Any) -> None:
    x = np.arange(40).reshape(2, 20)
    other = x.astype(kind) if isinstance(kind, type) and issubclass(kind, np.generic) else kind(x.tolist())
    assert np.array_equal(univariate.predict_proba(other), univariate.predict_proba(x.astype(np.float64)))


def test_a_series_without_a_single_number_is_all_means(univariate: TrainedNetwork) -> None:
    # Training refuses a set of such series; one among others is fine, so one alone must be too.
    nothing = np.full((1, 20), np.nan)
    among = np.concatenate([np.full((1, 20), 50.0), nothing])
    # The same sums in float32 in another order, as in the engines' contract.
    assert np.allclose(univariate.predict_proba(among)[1:], univariate.predict_proba(nothing), atol=1e-5)


def test_many_series_are_prepared_in_parts_and_predicted_to_the_bits_of_the_whole() -> None:
    assert _AT_ONCE % PREDICTION_BATCH == 0, "so that the engine's batches are the same"
    config = replace(CONFIG, training=replace(CONFIG.training, epochs=1))
    raw = _raw(test_n=4096 + 300)
    data = _prepared(raw, config)
    _, network = _trained(data, config)
    assert network.predict_log_proba(raw.test.x).tobytes() == network._engine.predict(data.x_test).tobytes()


def test_threads_and_switches_of_the_caller_neither_matter_nor_change(univariate: TrainedNetwork) -> None:
    x = _raw(channels=1).test.x
    expected = univariate.predict_log_proba(x)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert np.array_equal(univariate.predict_log_proba(x), expected)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("x", "problem"),
    [
        (np.ones((3, 21)), "X: must be of shape (n, 20) or (n, 1, 20), or of fewer time points (got (3, 21))"),
        (np.ones((3, 2, 20)), "X: must be of shape (n, 20) or (n, 1, 20), or of fewer time points (got (3, 2, 20))"),
        (np.ones(20), "X: must be of shape (n, 20) or (n, 1, 20), or of fewer time points (got (20,))"),
        (
            np.ones((1, 1, 1, 20)),
            "X: must be of shape (n, 20) or (n, 1, 20), or of fewer time points (got (1, 1, 1, 20))",
        ),
        ("text", "X: must be of shape (n, 20) or (n, 1, 20), or of fewer time points (got ())"),
        (np.ones((0, 20)), "X: the series are empty: shape (0, 20)"),
        ([], "X: must be of shape (n, 20) or (n, 1, 20), or of fewer time points (got (0,))"),
        ([[1.0, 2.0], [3.0]], "X: is no array; for series of unequal length, give a list of arrays (channels, length)"),
        ([np.ones((1, 3)), np.ones((2, 3))], "X: series differ in their number of channels: [1, 2]"),
        (np.full((2, 20), "x"), "X: the series must be real numbers, not <U1"),
        (np.full((2, 20), 1j), "X: the series must be real numbers, not complex128"),
        (np.full((2, 20), None), "X: the series must be real numbers, not object"),
        (np.full((2, 20), np.inf), "X: series 0 (counted from 0) has a value that is infinite as float32"),
        (np.full((2, 20), 1e39), "X: series 0 (counted from 0) has a value that is infinite as float32"),
    ],
)
def test_what_cannot_be_predicted_is_refused_with_what_could_be(
    univariate: TrainedNetwork, x: Any, problem: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        univariate.predict(x)
    assert str(caught.value).startswith(problem)


def test_two_dimensions_are_not_enough_for_more_channels(multivariate: TrainedNetwork) -> None:
    with pytest.raises(InvalidInput) as caught:
        multivariate.predict(np.ones((5, 20)))
    assert str(caught.value) == "X: must be of shape (n, 2, 20), or of fewer time points (got (5, 20))"


def test_a_tensor_with_a_gradient_is_refused(univariate: TrainedNetwork) -> None:
    with pytest.raises(InvalidInput, match=r"^X: is no array"):
        univariate.predict(torch.ones(2, 20, requires_grad=True))


def test_numbers_that_overflow_inside_give_no_label(univariate: TrainedNetwork) -> None:
    # A network whose first filter reads the first value alone, and multiplies it by 10.
    arrays = {name: np.array(array) for name, array in univariate.arrays.items()}
    arrays["blocks.0.convolution.weight"][:, 0] = [10, 0, 0, 0, 0]
    network = TrainedNetwork(arrays, NetworkHeader.of(SMALL, _prepared(_raw(channels=1), SMALL)))
    x = np.full((3, 20), 50.0)
    x[1] = 3e38
    assert len(network.predict(x[:1])) == 1
    with pytest.raises(InvalidInput, match=r"^X: series 1 \(counted from 0\) is so large that the network's output"):
        network.predict(x)


def test_it_does_not_change(univariate: TrainedNetwork) -> None:
    with pytest.raises(ValueError, match="read-only"):
        univariate.arrays["head.norm.bias"][0] = 1
    with pytest.raises(TypeError):
        univariate.arrays["head.norm.bias"] = np.ones(3)  # type: ignore[index]


def test_pickled_it_predicts_the_same_bits(multivariate: TrainedNetwork) -> None:
    x = _raw().test.x
    copy = pickle.loads(pickle.dumps(multivariate))
    assert np.array_equal(copy.predict_log_proba(x), multivariate.predict_log_proba(x))
    assert repr(copy) == repr(multivariate)


def test_saved_and_loaded_it_predicts_the_same_bits(multivariate: TrainedNetwork, tmp_path: Path) -> None:
    x = _raw().test.x
    multivariate.save(tmp_path / "mine.npz")
    loaded = dsn.load(str(tmp_path / "mine.npz"))
    assert np.array_equal(loaded.predict_log_proba(x), multivariate.predict_log_proba(x))
    assert (loaded.config, loaded.channels, loaded.length) == (SMALL, 2, 20)


@pytest.mark.parametrize(
    ("sparsity", "end"),
    [
        (SparsityConfig(level=0.6), "sparsity 0.6 in 3 groups>"),
        (SparsityConfig(level=0.5, groups=1), "sparsity 0.5 in 1 group>"),
        (SparsityConfig(level="dense"), "dense>"),
    ],
)
def test_its_text_tells_what_it_is(make_data, sparsity: SparsityConfig, end: str) -> None:
    _, network = _trained(make_data(channels=2, classes=3), replace(CONFIG, sparsity=sparsity))
    assert repr(network) == (
        "<TrainedNetwork made-up: series (2, 20), 3 classes; dsn of depth 2, 9 channels, kernel 9, " + end
    )


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda folder: folder / "nowhere.npz", "nowhere.npz: no such file"),
        (lambda folder: folder, "network.npz: no such file"),
        (lambda folder: str(folder) + "/a\0b", "not a readable network"),
    ],
)
def test_a_path_that_leads_nowhere(tmp_path: Path, make: Callable[[Path], Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        dsn.load(make(tmp_path))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"engine": "tourch"}, "engine: no such engine (got 'tourch'); did you mean 'torch'?"),
        ({"device": "gpu"}, "device: no such device here (got 'gpu'); "),
        ({"device": "cuda:99"}, "device: no such device here (got 'cuda:99')"),
    ],
)
def test_an_engine_or_a_device_that_is_not_there(
    univariate: TrainedNetwork, tmp_path: Path, settings: dict[str, str], problem: str
) -> None:
    univariate.save(tmp_path / "network.npz")
    with pytest.raises(InvalidInput) as caught:
        dsn.load(tmp_path, **settings)
    assert str(caught.value).startswith(problem)


def test_importing_the_package_imports_no_heavy_library() -> None:
    code = (
        "import sys, dsn; assert {'load', 'DSNClassifier'} <= set(dir(dsn)); "
        "print(*sorted({'torch', 'sklearn', 'numpy', 'aeon'} & set(sys.modules)), dsn.__all__)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout == "['DSNClassifier', 'load']\n"


def test_the_package_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="module 'dsn' has no attribute 'lode'"):
        dsn.lode  # type: ignore[attr-defined]  # noqa: B018
