"""The classifier behind scikit-learn's interface: scikit-learn's own checks, the pipeline's numbers, and its labels."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, estimator_checks_generator

import dsn
from dsn import DSNClassifier
from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.preparation import prepare
from dsn.data.raw import RawData, raw_part
from dsn.engine_choice import choose_engine
from dsn.engines import ENGINES
from dsn.errors import Diverged, InvalidInput
from dsn.training import fit

TINY: dict[str, Any] = {
    "channels": 6,
    "kernel_size": 5,
    "depth": 1,
    "groups": 1,
    "sparsity": 0.5,
    "pool_size": 2,
    "epochs": 15,
    "batch_size": 8,
    "batch_rule": "fixed",
    "learning_rate": 0.03,
    "random_state": 0,
}

NOT_APPLICABLE: dict[str, str] = {}
"""Of scikit-learn's estimator checks, with the reason. None: all of them apply."""

ENVIRONMENT = {"check_array_api_input": "runs only where SCIPY_ARRAY_API=1 is set before SciPy is imported"}
"""Checks that scikit-learn skips by itself."""


def _checks() -> list[Any]:
    checks = estimator_checks_generator(DSNClassifier(**TINY), expected_failed_checks=NOT_APPLICABLE, mark="skip")
    return [pytest.param(estimator, check, id=_name(check)) for estimator, check in checks]


def _name(check: Any) -> str:
    settings = "".join(f"-{key}={value}" for key, value in check.keywords.items())
    return check.func.__name__ + settings


@pytest.fixture
def series() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Three classes of univariate series, (36, 20), told apart by their frequency."""
    y = np.arange(36) % 3
    noise = np.random.default_rng(0).normal(scale=0.2, size=(36, 20))
    return np.sin(np.arange(20) * (0.3 + 0.8 * y)[:, None]) + noise, y


@pytest.mark.parametrize(("estimator", "check"), _checks())
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_own_checks(estimator: DSNClassifier, check: Any) -> None:
    if _name(check) in ENVIRONMENT:
        pytest.skip(ENVIRONMENT[_name(check)])
    check(estimator)


def test_the_checks_are_there() -> None:
    assert len(_checks()) >= 54


def test_names_of_columns_are_kept_and_compared() -> None:
    check_dataframe_column_names_consistency("DSNClassifier", DSNClassifier(**TINY))


def test_parameters_are_the_configuration_with_its_defaults() -> None:
    parameters = {name: each.default for name, each in inspect.signature(DSNClassifier).parameters.items()}
    expected = {
        field.name: getattr(config, field.name)
        for config in (ModelConfig(), SparsityConfig(), TrainingConfig(), DataConfig(source="", name=""))
        for field in fields(config)
    }
    # Chosen by the class itself; where data sets lie, as arrays do not; what fit gets is the series to train on, all of
    # them, and no test set.
    for other in ("name", "source", "path", "split", "train_subset", "eval_test_every"):
        del expected[other]
    expected["sparsity"] = expected.pop("level")
    own = {"random_state": None, "engine": "auto", "device": "cpu", "n_jobs": None, "verbose": 0}
    assert parameters == expected | own


@pytest.mark.parametrize("normalisation", ["none", "global"])
@pytest.mark.parametrize("channels", [1, 2])
def test_it_selects_the_network_of_the_pipeline_bit_for_bit(channels: int, normalisation: Any) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(5, 2, size=(24, channels, 30))
    y = np.arange(24) % 2 + 1
    x[::2] += np.sin(np.arange(30))
    x[::5, :, 25:] = np.nan
    config = RunConfig(
        data=DataConfig(source="npz", name="made-up", normalisation=normalisation),
        model=ModelConfig(channels=9, kernel_size=9, depth=2),
        sparsity=SparsityConfig(level=0.6, update_every=1, grow="gradient"),
        training=TrainingConfig(epochs=6, learning_rate=3e-3),
    )
    part = raw_part(x, y, place="made up")
    data = prepare(RawData(train=part, test=part), config.data, content_hash="", place="made up")
    result = fit(config, data, seed=3)

    classifier = DSNClassifier(
        channels=9,
        kernel_size=9,
        depth=2,
        sparsity=0.6,
        update_every=1,
        grow="gradient",
        epochs=6,
        learning_rate=3e-3,
        normalisation=normalisation,
        random_state=3,
    ).fit(x[:, 0] if channels == 1 else x, y)
    assert classifier.network_.arrays.keys() == result.network.keys()
    for name, array in result.network.items():
        assert classifier.network_.arrays[name].tobytes() == array.tobytes()
    assert [record.train_loss for record in classifier.history_] == [each.train_loss for each in result.history]
    assert classifier.score(x[:, 0] if channels == 1 else x, y) == result.metrics["test_accuracy"]


@pytest.mark.parametrize(
    "labels",
    [
        np.array([-5, 7, 300], dtype=np.int16),
        np.array([-1.0, 0.0, 2.0]),
        np.array(["10", "9", "b"]),
        np.array(["a", "b", "c"], dtype=object),
        np.array([True, False, True]),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_come_back_in_their_own_type(series, labels: np.ndarray[Any, Any], tmp_path: Path) -> None:
    x, y = series
    if labels.dtype == bool:
        x, y = x[y < 2], y[y < 2]
    classifier = DSNClassifier(**TINY).fit(x, labels[y])
    assert np.array_equal(classifier.classes_, np.unique(labels[y]))
    found = classifier.predict(x)
    assert found.dtype == labels.dtype
    assert np.array_equal(found, labels[y])
    classifier.save(tmp_path / "network.npz")
    texts = dsn.load(tmp_path / "network.npz").predict(x)
    assert [str(label).removesuffix(".0") for label in found] == texts.tolist()


def test_columns_of_probabilities_are_the_classes(series) -> None:
    x, y = series
    classifier = DSNClassifier(**TINY).fit(x, np.array(["z", "m", "a"])[y])
    assert classifier.classes_.tolist() == ["a", "m", "z"]
    assert np.array_equal(classifier.classes_[classifier.predict_proba(x).argmax(axis=1)], classifier.predict(x))
    # It warns of probabilities that do not sum to one in double precision.
    assert log_loss(np.array(["z", "m", "a"])[y], classifier.predict_proba(x)) < 0.5


def test_pandas_in_and_the_type_of_pandas_out(series) -> None:
    x, y = series
    classifier = DSNClassifier(**TINY).fit(pd.DataFrame(x).add_prefix("t"), pd.Series(np.array(["u", "v", "w"])[y]))
    assert classifier.feature_names_in_[:2].tolist() == ["t0", "t1"]
    assert classifier.score(pd.DataFrame(x).add_prefix("t"), np.array(["u", "v", "w"])[y]) == 1.0


def test_three_dimensions_and_one_channel_in_two(series) -> None:
    x, y = series
    two = DSNClassifier(**TINY).fit(x, y)
    three = DSNClassifier(**TINY).fit(x[:, None], y)
    assert two.n_features_in_ == three.n_features_in_ == 20
    expected = two.predict_proba(x)
    for classifier in (two, three):
        assert np.array_equal(classifier.predict_proba(x), expected)
        assert np.array_equal(classifier.predict_proba(x[:, None]), expected)
    multivariate = DSNClassifier(**TINY).fit(np.stack([x, -x], axis=1), y)
    assert (multivariate.n_features_in_, multivariate.network_.channels) == (40, 2)


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ((2, 2, 19), r"^X: must be of shape \(n, 2, 20\), as in training \(got \(2, 2, 19\)\)$"),
        ((2, 1, 40), r"^X: must be of shape \(n, 2, 20\), as in training \(got \(2, 1, 40\)\)$"),
        ((2, 40), r"^X: must be of shape \(n, 2, 20\), or of fewer time points \(got \(2, 40\)\)$"),
        ((2, 20), "X has 20 features, but DSNClassifier is expecting 40 features as input"),
        ((40,), "Expected 2D array, got 1D array instead"),
        ((1, 1, 2, 20), "X has 1 features, but DSNClassifier is expecting 40 features as input"),
    ],
)
def test_series_of_another_shape_are_refused(series, shape: tuple[int, ...], problem: str) -> None:
    x, y = series
    classifier = DSNClassifier(**TINY | {"epochs": 1}).fit(np.stack([x, -x], axis=1), y)
    with pytest.raises(ValueError, match=problem):
        classifier.predict(np.ones(shape))


def test_missing_values_are_for_the_network_and_infinite_ones_for_nobody(series) -> None:
    x, y = series
    x[::3, 17:] = np.nan
    classifier = DSNClassifier(**TINY).fit(x, y)
    assert np.array_equal(classifier.predict_proba(x), classifier.predict_proba(np.nan_to_num(x)))
    x[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        classifier.predict(x)
    with pytest.raises(ValueError, match="infinity"):
        classifier.fit(x, y)


def test_cross_validation_grid_search_and_pipelines(series) -> None:
    x, y = series
    assert min(cross_val_score(DSNClassifier(**TINY), x, y, cv=3, error_score="raise")) > 0.7
    pipeline = make_pipeline(StandardScaler(), DSNClassifier(**TINY))
    # numpy's numbers, as people write grids.
    grid = {"dsnclassifier__kernel_size": np.array([5, 7]), "dsnclassifier__sparsity": np.array([0.5])}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(x, y)
    assert search.best_estimator_[-1].network_.config.sparsity.level == 0.5
    assert search.score(x, y) == 1.0


def test_clones_and_pickles(series) -> None:
    x, y = series
    classifier = DSNClassifier(**TINY).fit(x, y)
    expected = classifier.predict_proba(x)
    assert np.array_equal(pickle.loads(pickle.dumps(classifier)).predict_proba(x), expected)
    copy = clone(classifier)
    assert copy.get_params() == classifier.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(x)
    with pytest.raises(NotFittedError):
        copy.save("nowhere")
    assert np.array_equal(copy.fit(x, y).predict_proba(x), expected)


def test_what_is_saved_predicts_the_same_bits(series, tmp_path: Path) -> None:
    x, y = series
    classifier = DSNClassifier(**TINY, normalisation="global").fit(x, y)
    classifier.save(tmp_path / "mine.npz")
    network = dsn.load(tmp_path / "mine.npz")
    assert np.array_equal(network.predict_proba(x), classifier.predict_proba(x))
    assert network.config == classifier.network_.config


def test_random_states(series) -> None:
    x, y = series

    def found(random_state: Any) -> tuple[int, bytes]:
        classifier = DSNClassifier(**TINY | {"random_state": random_state, "epochs": 1}).fit(x, y)
        return classifier.seed_, classifier.network_.arrays["head.convolution.weight"].tobytes()

    assert found(7) == found(np.int64(7))
    assert found(7)[0] == 7
    assert found(7) != found(8)
    assert found(np.random.RandomState(1)) == found(np.random.RandomState(1))
    shared = np.random.RandomState(1)
    assert found(shared) != found(shared)
    # Two seeds of 32 bits are equal once in four thousand million times.
    free = found(None)
    assert free != found(None)
    assert free == found(free[0]), "seed_ repeats it"


def test_fitting_leaves_the_global_generator_alone(series) -> None:
    x, y = series
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    DSNClassifier(**TINY | {"random_state": None, "epochs": 1}).fit(x, y)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.skipif(choose_engine("auto").name != "native", reason="the native engine was not built: no C++ compiler")
@pytest.mark.parametrize("n_jobs", [2, -1, np.int64(3)])
def test_jobs_change_no_number_of_the_native_engine(series, n_jobs: Any) -> None:
    x, y = series
    expected = DSNClassifier(**TINY).fit(x, y).predict_proba(x)
    assert np.array_equal(DSNClassifier(**TINY, n_jobs=n_jobs).fit(x, y).predict_proba(x), expected)


@pytest.mark.parametrize("n_jobs", [0, 1.5, True, "2"])
def test_what_is_no_number_of_jobs_is_refused(series, n_jobs: Any) -> None:
    x, y = series
    with pytest.raises(InvalidInput, match="n_jobs"):
        DSNClassifier(**TINY, n_jobs=n_jobs).fit(x, y)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_engine_gets_the_jobs_that_joblib_makes_of_them(
    series, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = series
    made: list[int] = []

    class Counted(ENGINES[engine]):  # type: ignore[name-defined]
        def __init__(self, *arguments: Any, threads: int, **more: Any) -> None:
            made.append(threads)
            super().__init__(*arguments, threads=threads, **more)

    monkeypatch.setitem(ENGINES, engine, Counted)
    settings = TINY | {"engine": engine, "epochs": 1}
    DSNClassifier(**settings).fit(x, y)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        DSNClassifier(**settings).fit(x, y)
    DSNClassifier(**settings, n_jobs=3).fit(x, y)
    # Once to train, once to predict.
    assert made == [1, 1, 2, 2, 3, 3]


def test_verbose_prints_a_line_every_so_many_epochs(series, capsys) -> None:
    x, y = series
    classifier = DSNClassifier(**TINY | {"epochs": 5}, verbose=2).fit(x, y)
    second = classifier.history_[1]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"epoch 2 of 5: training loss {second.train_loss:.4f}, accuracy {second.train_accuracy:.4f}"
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"kernel_size": "5"}, "model.kernel_size: must be a whole number (got '5')"),
        ({"channels": 7}, "model.channels: must be between 3 and 30000 and a multiple of 3 (got 7)"),
        ({"sparsity": 1.0}, "sparsity.level: must be at least 0 and below 1, or 'dense' (got 1.0)"),
        ({"groups": 6}, "sparsity.groups: must be at most the kernel size, 5 (got 6)"),
        ({"epochs": np.float64(3)}, "training.epochs: must be a whole number (got 3.0)"),
        ({"normalisation": "z"}, "data.normalisation: must be 'none' or 'global' (got 'z')"),
        ({"random_state": -1}, "random_state: must be None, a whole number from 0, or a RandomState (got -1)"),
        ({"random_state": "x"}, "random_state: must be None, a whole number from 0, or a RandomState (got 'x')"),
        ({"engine": "none"}, "engine: no such engine (got 'none'); valid: auto, "),
        ({"device": "tpu"}, "device: no such device here (got 'tpu')"),
    ],
)
def test_settings_are_checked_when_it_is_fitted(series, settings: dict[str, Any], problem: str) -> None:
    classifier = DSNClassifier(**TINY | settings)
    with pytest.raises(InvalidInput) as caught:
        classifier.fit(*series)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda x, y: (x, np.zeros_like(y)), "the training set has only the class '0'; at least 2 are needed"),
        (lambda x, y: (x, y + 0.5), "Unknown label type: continuous"),
        (lambda x, y: (x, np.array(["", "a", "b"])[y]), "a label is empty"),
        (lambda x, y: (x, np.array(["a", None, "b"], dtype=object)[y]), "label|str"),
        (lambda x, y: (np.full_like(x, np.nan), y), "the series hold no number, only NaN"),
        (lambda x, y: (x[:1], y[:1]), "minimum of 2 is required"),
        (lambda x, y: (x[:0], y[:0]), "minimum of 2 is required"),
        (lambda x, y: (x[:, None, None], y), r"must be of shape \(n, length\) or \(n, channels, length\)"),
        (lambda x, y: (x * 1e39, y), "is infinite as float32"),
    ],
)
def test_data_that_cannot_be_learnt_from_is_refused(series, change: Any, problem: str) -> None:
    with pytest.raises((ValueError, TypeError), match=problem):
        DSNClassifier(**TINY).fit(*change(*series))


def test_a_loss_that_is_not_finite_is_no_network(series) -> None:
    classifier = DSNClassifier(**TINY | {"learning_rate": 1e38, "final_learning_rate": 1e38})
    with pytest.raises(Diverged):
        classifier.fit(*series)
    with pytest.raises(NotFittedError):
        classifier.predict(series[0])


def test_a_network_of_the_default_size_predicts_a_series_alone_as_among_others(series) -> None:
    # scikit-learn's check_methods_subset_invariance asks for 1e-7, which sums in float32 cannot give a larger network:
    # as in the engines' contract, 1e-5 is some 80 units in the last place of numbers near 1.
    x, y = series
    classifier = DSNClassifier(epochs=1, random_state=0).fit(x, y)
    alone = np.concatenate([classifier.predict_proba(x[[i]]) for i in range(len(x))])
    assert np.allclose(alone, classifier.predict_proba(x), rtol=0, atol=1e-5)
