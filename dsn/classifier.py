"""The dynamic sparse network behind scikit-learn's interface. The one file that imports scikit-learn."""

from __future__ import annotations

import os
from dataclasses import fields
from numbers import Integral
from typing import Any, Literal

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from dsn.artifact import NetworkHeader
from dsn.config import DataConfig, Level, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.labels import label_texts
from dsn.data.preparation import prepare_training
from dsn.data.raw import raw_part
from dsn.errors import InvalidInput
from dsn.plain import from_plain
from dsn.trained import TrainedNetwork, require_available
from dsn.training import EpochRecord, Training

_MODEL, _SPARSITY, _TRAINING = ModelConfig(), SparsityConfig(), TrainingConfig()

_ROOMS = {"model": ModelConfig, "sparsity": SparsityConfig, "training": TrainingConfig, "data": DataConfig}

_SOURCE = {"source": "memory", "name": "memory"}
"""Stands where a key of ``dsn.data.SOURCES`` would: nobody can load these series again."""

_ARRAY: dict[str, Any] = {"allow_nd": True, "dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}


class DSNClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A dynamic sparse network for time series classification.

    ``fit`` is the training of the pipeline, to the same numbers: the network of the lowest training loss is kept, so no
    series are set aside for validation. Parameters are the settings of ``dsn.config`` under their own names, where
    their meaning and ranges stand (``sparsity`` is ``SparsityConfig.level``), with the same defaults: the published
    code's protocol. Apart from them:

    Args:
        random_state: a whole number is the trial's seed itself. A RandomState is asked for a seed at every fit. None
            draws a new one from the operating system at every fit; ``seed_`` tells it.
        engine: a key of ``dsn.engines.ENGINES``, or ``auto``: the fastest that can be used here.
        device: where to compute, ``cpu`` or ``cuda``.
        n_jobs: threads of the CPU, of training and of prediction. None is 1, or what a ``joblib.parallel_config`` says;
            -1 is all cores that this process may use, -2 all but one. Read at ``fit``. The native engine's results are
            the same to the bit for any number, PyTorch's differ in rounding.
        verbose: print a line every so many epochs; 0 prints none.

    Series are (n, length), or (n, channels, length); all of one length, NaN where a value is missing or a short series
    has ended. Labels are whatever scikit-learn takes: ``predict`` returns them in the type they came in.

    Attributes:
        classes_: the labels, sorted as scikit-learn sorts them; columns of ``predict_proba``.
        n_features_in_: numbers in a series: length, times channels.
        network_: the selected network, which works without scikit-learn.
        history_: a record an epoch.
        seed_: the seed that was used.

    Of scikit-learn's estimator checks, all apply and pass. One depends on size: probabilities of a series alone and of
    the same series among others agree to float32's precision (1e-5), and only for small networks to the 1e-7 asked for.
    """

    def __init__(
        self,
        *,
        channels: int = _MODEL.channels,
        kernel_size: int = _MODEL.kernel_size,
        depth: int = _MODEL.depth,
        padding: Literal["replicate-right", "zero"] = _MODEL.padding,
        pool_size: int = _MODEL.pool_size,
        sparsity: Level = _SPARSITY.level,
        relative_to: Literal["region", "layer"] = _SPARSITY.relative_to,
        groups: int = _SPARSITY.groups,
        regions: Literal["multiples", "proportional"] = _SPARSITY.regions,
        group_sizes: Literal["runs", "balanced"] = _SPARSITY.group_sizes,
        explore: bool = _SPARSITY.explore,
        initial: Literal["sequential", "random"] = _SPARSITY.initial,
        drop: Literal["magnitude", "set", "snip", "taylor", "random"] = _SPARSITY.drop,
        grow: Literal["random", "gradient", "momentum", "least-covered"] = _SPARSITY.grow,
        update_every: int = _SPARSITY.update_every,
        update_unit: Literal["epochs", "steps"] = _SPARSITY.update_unit,
        update_timing: Literal["after-step", "replaces-step"] = _SPARSITY.update_timing,
        moments: Literal["warm", "fresh"] = _SPARSITY.moments,
        initial_fraction: float = _SPARSITY.initial_fraction,
        final_fraction: float = _SPARSITY.final_fraction,
        explore_until: float = _SPARSITY.explore_until,
        schedule: Literal["cosine", "constant", "linear", "inverse-power"] = _SPARSITY.schedule,
        epochs: int = _TRAINING.epochs,
        batch_size: int = _TRAINING.batch_size,
        batch_rule: Literal["tenth", "fixed"] = _TRAINING.batch_rule,
        learning_rate: float = _TRAINING.learning_rate,
        final_learning_rate: float = _TRAINING.final_learning_rate,
        normalisation: Literal["none", "global"] = DataConfig.normalisation,
        random_state: int | np.random.RandomState | None = None,
        engine: str = "auto",
        device: str = "cpu",
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.channels = channels
        self.kernel_size = kernel_size
        self.depth = depth
        self.padding = padding
        self.pool_size = pool_size
        self.sparsity = sparsity
        self.relative_to = relative_to
        self.groups = groups
        self.regions = regions
        self.group_sizes = group_sizes
        self.explore = explore
        self.initial = initial
        self.drop = drop
        self.grow = grow
        self.update_every = update_every
        self.update_unit = update_unit
        self.update_timing = update_timing
        self.moments = moments
        self.initial_fraction = initial_fraction
        self.final_fraction = final_fraction
        self.explore_until = explore_until
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.batch_rule = batch_rule
        self.learning_rate = learning_rate
        self.final_learning_rate = final_learning_rate
        self.normalisation = normalisation
        self.random_state = random_state
        self.engine = engine
        self.device = device
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike) -> DSNClassifier:
        """Train on series X, (n, length) or (n, channels, length), with labels y, (n,).

        Raises:
            InvalidInput: a setting, or data that no classifier can be trained on; a ValueError, as scikit-learn's own.
            Diverged: the training loss is not finite.
        """
        config = self._config()
        place: dict[str, Any] = {"engine": self.engine, "device": self.device, "threads": self._threads()}
        require_available(self.engine, self.device)
        series, y = validate_data(self, X, y, ensure_min_samples=2, **_ARRAY)
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        texts = label_texts(_without_objects(classes), place="y")
        train = raw_part(series, texts[codes], place="X, y")
        data = prepare_training(train, config.data, classes=tuple(texts.tolist()), place="X, y")
        seed = self._seed()
        training = Training(config, data, seed=seed, **place)
        for record in training.epochs():
            self._tell(record)
        # At the end and together: a training that fails leaves what was fitted before.
        self.classes_, self.seed_, self.history_ = classes, seed, training.history
        self.n_features_in_ = int(np.prod(series.shape[1:]))
        self.network_ = TrainedNetwork(training.selected, NetworkHeader.of(config, data), **place)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable label of each series, (n,), in the type of the labels that ``fit`` was given.

        Raises:
            InvalidInput: series of another shape than ``fit``'s; shorter ones must be padded with NaN at the end.
        """
        network, series = self._ready(X)
        labels: NDArray[Any] = self.classes_[network.predict_log_proba(series).argmax(axis=1)]
        return labels

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (n, classes), columns in the order of ``classes_``; X as for ``predict``."""
        network, series = self._ready(X)
        return network.predict_proba(series)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the selected network as the file that ``dsn.load`` reads, with labels as text.

        Raises:
            OSError: the folder is missing or not writable, or the disk is full.
        """
        check_is_fitted(self, "network_")
        self.network_.save(path)

    def _config(self) -> RunConfig:
        settings = {name: _plain(value) for name, value in self.get_params(deep=False).items()}
        settings["level"] = settings["sparsity"]
        rooms = {
            room: {field.name: settings[field.name] for field in fields(kind) if field.name in settings}
            for room, kind in _ROOMS.items()
        }
        rooms["data"] |= _SOURCE
        return from_plain(RunConfig, rooms)

    def _threads(self) -> int:
        given = _plain(self.n_jobs)
        if given is None or (isinstance(given, int) and not isinstance(given, bool) and given != 0):
            return int(effective_n_jobs(given))
        raise InvalidInput("must be None or a whole number other than 0", key="n_jobs", value=self.n_jobs)

    def _seed(self) -> int:
        given = self.random_state
        if given is None:
            return int(np.random.SeedSequence().generate_state(1)[0])
        if isinstance(given, np.random.RandomState):
            return int(given.randint(2**31))
        if isinstance(given, Integral) and given >= 0:
            return int(given)
        raise InvalidInput("must be None, a whole number from 0, or a RandomState", key="random_state", value=given)

    def _tell(self, record: EpochRecord) -> None:
        if self.verbose and record.epoch % self.verbose == 0:
            print(
                f"epoch {record.epoch} of {self.epochs}: training loss {record.train_loss:.4f}, "
                f"accuracy {record.train_accuracy:.4f}"
            )

    def _ready(self, X: ArrayLike) -> tuple[TrainedNetwork, NDArray[Any]]:
        """The network, and X as an array of the shape that ``fit`` saw."""
        check_is_fitted(self, "network_")
        network: TrainedNetwork = self.network_
        if _dimensions(X) != 3:
            return network, validate_data(self, X, reset=False, **_ARRAY)
        series = check_array(X, **_ARRAY)
        if series.shape[1:] != (network.channels, network.length):
            wanted = f"(n, {network.channels}, {network.length})"
            raise InvalidInput(f"must be of shape {wanted}, as in training", key="X", value=series.shape)
        return network, series

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags


def _dimensions(X: Any) -> int:
    # Sparse matrices tell it, and must not be made dense to be refused.
    return int(X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim)


def _plain(value: object) -> object:
    """numpy's numbers and texts, as a grid search may hand them over, as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _without_objects(labels: NDArray[Any]) -> NDArray[Any]:
    """Text that came as objects, as pandas has it, as an array of text."""
    return np.array(labels.tolist()) if labels.dtype.kind == "O" else labels
