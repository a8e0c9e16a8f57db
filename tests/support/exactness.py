"""How far a second engine may be from the reference, and what is compared.

    case = Case(config=..., data=..., batches=...)
    assert_exact(case, NativeEngine, "float32")

An engine under test and the reference, ``TorchEngine`` in float64, go through the same scenario (``observe``): each
part of it is one step from equal weights, so that what is compared is one step's rounding and not its growth. The
allowed difference of each number is DEVIATIONS times its standard deviation under random rounding errors, measured on
TWINS runs of ``RoundedEngine`` (its docstring derives the size of the errors). A kink of ReLU within reach, or a
gradient that is all rounding error and that Adam scales up to a full step, widens the bound where it matters and
nowhere else, by what the twins do there; the engine under test has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import torch
from noise import made_data
from numpy.typing import NDArray
from rounded_engine import DEVIATIONS, UNIT, RoundedEngine

from dsn.config import DataConfig, Level, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engines import ENGINES
from dsn.engines.contract import Engine, Totals
from dsn.engines.torch_engine import TorchEngine
from dsn.sparsity.trainer import SparseLayer, needed_measurements
from dsn.training import Training

TWINS = 8
"""Runs that a standard deviation is estimated from. Of eight it comes out below half of its value in 2 % of all cases;
the median of its row (an output channel's weights) is taken where that is larger, and the errors' sizes are bounds,
two to three times their standard deviation at least (an error uniform in +-u has u / sqrt(3)). Engines that are right
have been seen to need a tenth of what is allowed."""

LEARNING_RATE = 1.0
"""Of the steps compared: Adam then moves weights by about 1, and its direction is seen to full precision."""

Arrays = dict[str, NDArray[Any]]
Masks = list[NDArray[np.bool_]]
MakeEngine = Callable[[RunConfig, TimeSeriesData, int], Engine]


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """What is trained on what. ``batches`` are three, of any sizes; ``seed`` is of weights and masks."""

    config: RunConfig
    data: TimeSeriesData = field(repr=False)
    batches: Sequence[NDArray[np.intp]]
    seed: int = 0

    @property
    def explores(self) -> bool:
        return self.config.sparsity.explore

    @property
    def needs_momentum(self) -> bool:
        """Whether a rule reads Adam's first moments; nobody else may."""
        return "momentum" in needed_measurements(self.config.sparsity)


def reference(config: RunConfig, data: TimeSeriesData, seed: int) -> TorchEngine:
    """The reference engine in float64."""
    return _recording(TorchEngine(config, data, seed=seed, dtype=torch.float64))


def twin(unit: float, rounding_seed: int) -> MakeEngine:
    """Makes reference engines with rounding errors."""

    def make(config: RunConfig, data: TimeSeriesData, seed: int) -> TorchEngine:
        return _recording(RoundedEngine(config, data, seed=seed, unit=unit, rounding_seed=rounding_seed))

    return make


def _recording(engine: TorchEngine) -> TorchEngine:
    """With its last log-probabilities as an attribute, of which the contract shows only how many are right."""

    def record(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
        engine.last_output = output.numpy(force=True)  # type: ignore[attr-defined]

    engine._network.register_forward_hook(record)
    return engine


def drawn_masks(layers: Sequence[SparseLayer], rng: np.random.Generator) -> Masks:
    """Each group's number of active weights, anywhere in its region."""
    masks = []
    for layer in layers:
        mask = np.zeros(layer.shape, dtype=bool)
        for group in layer.groups:
            block = mask[group.block]
            chosen = np.zeros(block.size, dtype=bool)
            chosen[rng.choice(block.size, group.active, replace=False)] = True
            block[...] = chosen.reshape(block.shape)
        masks.append(mask)
    return masks


def inside(layers: Sequence[SparseLayer]) -> Masks:
    """Where weights may ever be: the groups' regions."""
    places = [np.zeros(layer.shape, dtype=bool) for layer in layers]
    for place, layer in zip(places, layers, strict=True):
        for group in layer.groups:
            place[group.block] = True
    return places


def start_of(engine: Engine, dtype: str) -> Arrays:
    """An engine's network, as numbers that ``dtype`` can hold."""
    return {
        name: array.astype(dtype).astype(array.dtype) if array.dtype.kind == "f" else np.array(array)
        for name, array in engine.snapshot().items()
    }


def remasked(arrays: Mapping[str, NDArray[Any]], masks: Masks) -> Arrays:
    """The network under other masks: what they turn off is zero."""
    changed = {name: np.array(array) for name, array in arrays.items()}
    for name, mask in zip([name for name in changed if name.endswith(".mask")], masks, strict=True):
        changed[name] = mask.copy()
        changed[name.removesuffix("mask") + "weight"] *= mask
    return changed


@dataclass
class Observations:
    """Numbers by name, and those among them that no rounding changes.

    ``margins`` are those of the batches' series, from the reference and its twins alone: the log-probability of the
    label less the highest of the others. A series is right where it is positive.
    """

    rounded: Arrays = field(default_factory=dict)
    exact: Arrays = field(default_factory=dict)
    correct: dict[str, int] = field(default_factory=dict)
    margins: Arrays = field(default_factory=dict)

    def totals(self, name: str, totals: Totals, engine: Engine, labels: NDArray[np.int64]) -> None:
        self.rounded[f"{name}: loss"] = np.array([totals.loss])
        self.exact[f"{name}: series"] = np.array(totals.count)
        self.correct[f"{name}: correct"] = totals.correct
        output = getattr(engine, "last_output", None)
        if output is not None:
            label = np.arange(output.shape[1]) == labels[:, None]
            margin = output[label] - np.where(label, -np.inf, output).max(axis=1)
            self.margins[f"{name}: correct"] = margin

    def network(self, name: str, engine: Engine) -> None:
        for key, array in engine.snapshot().items():
            (self.rounded if array.dtype.kind == "f" else self.exact)[f"{name}: {key}"] = np.array(array)

    def within_regions(self, name: str, arrays: Sequence[NDArray[Any]], layers: Sequence[SparseLayer]) -> None:
        for index, (array, place) in enumerate(zip(arrays, inside(layers), strict=True)):
            self.rounded[f"{name} of sparse layer {index}"] = np.where(place, array, 0)


def observe(engine: Engine, case: Case, start: Mapping[str, NDArray[Any]]) -> Observations:
    """Everything that the contract shows of three steps and a mask update, each step from the weights of ``start``.

    Adam's moments go on from step to step; that they are right is seen in the second step and in the third, where some
    weights have been grown, some of which had been pruned a moment before.
    """
    seen = Observations()
    rng = np.random.default_rng(case.seed)
    layers = engine.sparse_layers
    masks = drawn_masks(layers, rng)
    engine.set_masks(masks)
    engine.restore(remasked(start, masks))
    first = engine.snapshot()
    seen.rounded["predictions"] = engine.predict(case.data.x_test)
    seen.totals("measured", engine.measure(case.batches[0]), engine, case.data.y_train[case.batches[0]])
    seen.within_regions("measured: gradients", engine.gradients(), layers)
    seen.network("measured", engine)
    for name, batch in (("first", case.batches[0]), ("second", case.batches[1]), ("third", case.batches[2])):
        if name == "third" and case.explores and layers:
            new = drawn_masks(layers, rng)
            again = [old & mask & (rng.random(old.shape) < 0.3) for old, mask in zip(masks, new, strict=True)]
            grown = [(mask & ~old) | back for mask, old, back in zip(new, masks, again, strict=True)]
            engine.set_masks(new, grown)
            masks = new
            seen.network("updated", engine)
        engine.restore(remasked(start, masks))
        seen.totals(name, engine.train([batch], LEARNING_RATE), engine, case.data.y_train[batch])
        seen.within_regions(f"{name}: gradients", engine.gradients(), layers)
        if case.needs_momentum:
            seen.within_regions(f"{name}: momentum", engine.momentum(), layers)
        seen.network(name, engine)
    seen.rounded["predictions of the first network"] = engine.predict(case.data.x_test, first)
    return seen


@dataclass(frozen=True, kw_only=True, eq=False)
class Standard:
    """What the reference shows of a case, and how far from it an engine of some precision may be."""

    expected: Observations
    allowed: Arrays
    correct: Mapping[str, tuple[int, int]]

    def excess(self, seen: Observations) -> dict[str, float]:
        """The largest difference of each array, in units of what is allowed; infinite where numbers must be equal and
        are not, or are no numbers."""
        assert seen.rounded.keys() == self.expected.rounded.keys()
        assert seen.exact.keys() == self.expected.exact.keys()
        excess = {}
        for name, expected in self.expected.rounded.items():
            assert seen.rounded[name].shape == expected.shape, name
            ratio = np.abs(seen.rounded[name] - expected) / self.allowed[name]
            excess[name] = float(np.nan_to_num(ratio, nan=np.inf).max(initial=0))
        for name, expected in self.expected.exact.items():
            excess[name] = 0.0 if np.array_equal(seen.exact[name], expected) else np.inf
        for name, (least, most) in self.correct.items():
            excess[name] = 0.0 if least <= seen.correct[name] <= most else np.inf
        return excess

    def require(self, seen: Observations) -> None:
        """Fail, naming all that differs too much, unless nothing does."""
        beyond = {name: value for name, value in self.excess(seen).items() if value > 1}
        assert not beyond, "times what is allowed: " + ", ".join(
            f"{name} {value:.3g}" for name, value in beyond.items()
        )


def standard(expected: Observations, twins: Sequence[Observations], dtype: str) -> Standard:
    """What twins, disturbed as ``dtype`` rounds, allow: DEVIATIONS standard deviations and the rounding of the result.

    A series whose margin is within that of zero may be right or not.
    """
    for each in twins:
        assert all(np.array_equal(each.exact[name], value) for name, value in expected.exact.items())
    allowed = {
        # Denormals are flushed.
        name: _within(values, [each.rounded[name] for each in twins])
        + UNIT[dtype] * np.abs(values)
        + np.finfo(dtype).tiny
        for name, values in expected.rounded.items()
    }
    correct = {}
    for name, margins in expected.margins.items():
        undecided = np.abs(margins) <= _within(margins, [each.margins[name] for each in twins])
        least = int(((margins > 0) & ~undecided).sum())
        correct[name] = least, least + int(undecided.sum())
    return Standard(expected=expected, allowed=allowed, correct=correct)


def _within(values: NDArray[Any], disturbed: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """DEVIATIONS standard deviations: a number's own or, where that is larger, the median of its row, or of all numbers
    where rows are short."""
    spread = np.sqrt(np.mean([(each - values) ** 2 for each in disturbed], axis=0))
    rows = spread.reshape(len(spread), -1)
    if rows.shape[1] < TWINS:
        rows = spread.reshape(1, -1)
    typical = np.broadcast_to(np.median(rows, axis=1, keepdims=True), rows.shape).reshape(spread.shape)
    typical = np.where((values == 0) & (spread == 0), 0, typical)  # a zero that no rounding changes
    return DEVIATIONS * np.maximum(spread, typical)


def standard_of(case: Case, dtype: str, twins: int = TWINS) -> tuple[Arrays, Standard]:
    """The common start of a case's engines, and the standard that one of precision ``dtype`` is held to."""
    start = start_of(reference(case.config, case.data, case.seed), dtype)
    makers = [reference, *(twin(UNIT[dtype], rounding_seed) for rounding_seed in range(twins))]
    expected, *disturbed = (observe(make(case.config, case.data, case.seed), case, start) for make in makers)
    return start, standard(expected, disturbed, dtype)


def assert_exact(case: Case, make: MakeEngine, dtype: str) -> None:
    """Hold an engine of precision ``dtype`` to the reference, in everything that ``observe`` sees."""
    start, held_to = standard_of(case, dtype)
    held_to.require(observe(make(case.config, case.data, case.seed), case, start))


TRAJECTORY_TWINS = 2
"""As TWINS; a trajectory is 200 steps, and its errors grow, so what was allowed before is allowed afterwards too."""


def trajectory(case: Case, make: MakeEngine) -> Observations:
    """A whole training through the project's own loop: losses and masks of every epoch, and what is left at the end."""

    def engine(config: RunConfig, data: TimeSeriesData, *, seed: int, device: str, threads: int) -> Engine:
        return make(config, data, seed)

    with patch.dict(ENGINES, {"torch": engine}):
        training = Training(case.config, case.data, seed=case.seed, engine="torch")
    losses, masks = [], []
    for record in training.epochs():
        losses.append([record.train_loss])
        masks.append(training.masks)
    seen = Observations()
    seen.rounded["losses"] = np.array(losses)
    for layer, of_layer in enumerate(zip(*masks, strict=True)):
        seen.exact[f"masks of sparse layer {layer}"] = np.array(of_layer)
    seen.rounded |= {f"selected: {name}": np.array(a) for name, a in training.selected.items() if a.dtype.kind == "f"}
    seen.rounded["test loss"] = np.array([training.result().metrics["test_loss"]])
    return seen


def trajectory_standard(case: Case) -> Standard:
    """What an engine in float64 is held to over a whole training. The masks of all twins are the reference's, or the
    case is none: two of its weights would be nearer to each other than rounding errors."""
    expected = trajectory(case, reference)
    disturbed = [trajectory(case, twin(UNIT["float64"], rounding_seed)) for rounding_seed in range(TRAJECTORY_TWINS)]
    held_to = standard(expected, disturbed, "float64")
    held_to.allowed["losses"] = np.maximum.accumulate(held_to.allowed["losses"])
    return held_to


def made_case(
    *,
    channels: int = 1,
    length: int = 30,
    classes: int = 3,
    batches: Sequence[int] = (8, 8, 3),
    model_channels: int = 6,
    kernel_size: int = 9,
    depth: int = 2,
    padding: Literal["replicate-right", "zero"] = "replicate-right",
    pool_size: int = 7,
    level: Level = 0.5,
    seed: int = 0,
    offset: float = 0.0,
    constant: bool = False,
    **sparsity: Any,
) -> Case:
    """A small network on noise; ``batches`` are the sizes of the three, of series drawn at random."""
    data = made_data(
        train_n=max(batches) + 1,
        channels=channels,
        length=length,
        classes=classes,
        std=1.0,
        offset=offset,
        constant=constant,
        seed=seed,
    )
    model = ModelConfig(
        channels=model_channels, kernel_size=kernel_size, depth=depth, padding=padding, pool_size=pool_size
    )
    config = RunConfig(
        data=DataConfig(source="npz", name=data.name),
        model=model,
        sparsity=SparsityConfig(level=level, **sparsity),
        training=TrainingConfig(batch_size=max(2, *batches), batch_rule="fixed"),
    )
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(len(data.y_train))[:size] for size in batches]
    return Case(config=config, data=data, batches=drawn, seed=seed)


def training_case(**settings: Any) -> Case:
    """A training of 201 steps, three an epoch, the last on a partial batch; masks change ten times."""
    case = made_case(length=20, batches=(4,), **({"update_every": 20, "update_unit": "steps"} | settings))
    channels, classes = case.data.x_train.shape[1], len(case.data.classes)
    data = made_data(train_n=11, channels=channels, length=20, classes=classes, std=1.0)
    training = replace(case.config.training, epochs=67, learning_rate=1e-2, final_learning_rate=1e-3)
    return replace(case, data=data, config=replace(case.config, training=training))
