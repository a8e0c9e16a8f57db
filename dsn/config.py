"""What a training run is made of, as frozen dataclasses. Imports no torch, so that planning a study stays instant.

The defaults are ``recipe: published-code``, the protocol behind the numbers that the DSN paper prints (NeurIPS 2022;
dsn/README.md names every departure). Types and ranges are declared here and nowhere else: the study file's validator
reads these classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Literal

from dsn.errors import InvalidInput
from dsn.limits import Limits, limited, require_limits

Level = float | Literal["dense"]

STRICT: dict[str, Any] = {"extra": "forbid", "strict": True}
"""What a validator of these classes must obey: no unknown key, no silent conversion of types."""


MOST = 10_000_000
"""Upper bound of counts that have no natural one. Bounds lie far beyond use: they turn a slip of the keyboard into a
message instead of a hang."""

_SHARE = Limits(above=0, most=1)
_RATE = Limits(above=0)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which data set, and how it is prepared.

    Attributes:
        source: a key of ``dsn.data.SOURCES``.
            ``aeon``: the sets that come with aeon. ``archive``: .ts, .arff, .tsv, .csv and .txt files as in the UCR and
            UEA archives, PATH/NAME/NAME_TRAIN.tsv or PATH/NAME_TRAIN.tsv. ``npz``: PATH/NAME.npz. ``npy``:
            PATH/NAME/X_train.npy and so on. ``har``, ``daily_sports``: as the UCI repository distributes them.
            ``folder``: each set in whichever of these layouts it is in PATH.
        name: the data set's name in that source (``HAR``, ``DailySports`` as the UCI repository distributes them).
            ``folder`` takes a name that differs in case alone, if there is one such.
        path: for all sources but ``aeon``: the folder that holds the data.
        split: which release's train/test split. The UCR archive exchanged train and test of 12 sets in 2018; the paper
            used the 2015 split. Sets that were not exchanged are the same under both.
        normalisation: ``none``, or ``global``: the mean and standard deviation of the whole training set (the paper's
            choice for UCR-112).
        train_subset: how many of the training series are trained on: a fixed subset in which every class has its share
            and at least one series, the same for every seed. null: all of them.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    source: str
    name: str
    path: str | None = None
    split: Literal[2015, 2018] = 2018
    normalisation: Literal["none", "global"] = "none"
    train_subset: int | None = limited(None, Limits(least=2, most=MOST))

    def __post_init__(self) -> None:
        require_limits(self)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of the DSN (paper, Section 3; published code).

    Attributes:
        name: a key of ``dsn.models.MODELS``.
        channels: output channels of every sparse layer, three times the bottleneck's (141 = 3 x 47; UEA: 177 = 3 x 59).
        kernel_size: taps of every sparse kernel.
        depth: number of sparse layers.
        padding: ``replicate-right`` repeats the last value k-1 times, so tap j of output t reads x[t+j]; ``zero`` pads
            both sides (UCR-112).
        pool_size: length to which the head pools (or stretches) before it classifies.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Literal["dsn"] = "dsn"
    channels: int = limited(141, Limits(least=3, most=30_000, multiple_of=3))
    kernel_size: int = limited(39, Limits(least=1, most=10_000))
    depth: int = limited(4, Limits(least=1, most=1_000))
    padding: Literal["replicate-right", "zero"] = "replicate-right"
    pool_size: int = limited(50, Limits(least=1, most=10_000))

    def __post_init__(self) -> None:
        require_limits(self)

    @property
    def bottleneck(self) -> int:
        """Channels nf between the layers; the published code sets channels = 3 * nf."""
        return self.channels // 3


@dataclass(frozen=True, kw_only=True)
class SparsityConfig:
    """Which weights are active, and how that changes during training.

    Attributes:
        level: sparsity S, in [0, 1), of what ``relative_to`` names, or ``dense`` for no mask at all.
        relative_to: ``region``: each group keeps 1 - S of its region, so more groups mean fewer weights (paper and
            published code). ``layer``: the layer keeps 1 - S of all its weights whatever the groups, spread at one
            density over their regions: for comparisons of groups at equal numbers of weights.
        groups: number of kernel groups N; group i of N (from 1) may only use the first taps, its region.
        regions: how many taps: ``multiples``, i * floor(k/N), the published code's; ``proportional``, floor(i*k/N), the
            paper's. They are the same when N divides k.
        group_sizes: how the output channels are shared out: ``runs`` of ceil(channels/N), the last shorter, as the
            published code does; ``balanced``, group i ending at channel floor(i * channels / N).
        explore: prune and regrow during training; False keeps the initial topology.
        initial: ``sequential`` fills regions tap by tap from the first; ``random`` draws uniformly.
        drop: a key of ``dsn.sparsity.drop.DROP``: which active weights go.
        grow: a key of ``dsn.sparsity.grow.GROW``: which inactive ones come.
        update_every: how many ``update_unit`` lie between two updates.
        update_unit: ``epochs``: an update falls on the last step of every such epoch (published code); ``steps``: on
            every such step, counted over the whole training.
        update_timing: ``after-step``: after the gradient step that the update falls on (published code);
            ``replaces-step``: instead of that step (paper, Algorithm 1).
        moments: Adam's, of weights that are grown: ``warm`` ones have gone on while the weight was inactive, fed with
            dense gradients (published code); ``fresh`` ones start at zero, with a step count of their own (paper).
        initial_fraction: share of each group's active weights exchanged at step 0; at the first update it is a little
            lower already.
        final_fraction: the share that the schedule falls to, and stays at; 0 in the paper.
        explore_until: part of all training steps after which the share stays at ``final_fraction``.
        schedule: a key of ``dsn.sparsity.schedule.SCHEDULES``: how the share gets there.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    level: Level = limited(0.8, Limits(least=0, below=1, instead="dense"))
    relative_to: Literal["region", "layer"] = "region"
    groups: int = limited(3, Limits(least=1, most=10_000))
    regions: Literal["multiples", "proportional"] = "multiples"
    group_sizes: Literal["runs", "balanced"] = "runs"
    explore: bool = True
    initial: Literal["sequential", "random"] = "sequential"
    drop: Literal["magnitude", "set", "snip", "taylor", "random"] = "magnitude"
    grow: Literal["random", "gradient", "momentum", "least-covered"] = "random"
    update_every: int = limited(5, Limits(least=1, most=MOST))
    update_unit: Literal["epochs", "steps"] = "epochs"
    update_timing: Literal["after-step", "replaces-step"] = "after-step"
    moments: Literal["warm", "fresh"] = "warm"
    initial_fraction: float = limited(0.5, _SHARE)
    final_fraction: float = limited(0.001, Limits(least=0, most=1))
    explore_until: float = limited(0.8, _SHARE)
    schedule: Literal["cosine", "constant", "linear", "inverse-power"] = "cosine"

    def __post_init__(self) -> None:
        require_limits(self)
        if self.final_fraction > self.initial_fraction:
            problem = f"must be at most sparsity.initial_fraction, {self.initial_fraction}"
            raise InvalidInput(problem, key="final_fraction", value=self.final_fraction)

    @property
    def density(self) -> Fraction:
        """1 - S, exactly, from the decimal that was written: floats would put counts off by one (k = 15, N = 3)."""
        return Fraction(1) if self.level == "dense" else 1 - Fraction(repr(float(self.level)))


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How the weights are trained. Adam without weight decay, learning rate on a cosine, stepped once an epoch.

    Attributes:
        epochs: passes over the training set.
        batch_size: the largest mini-batch.
        batch_rule: ``tenth``: max(min(n_train / 10, batch_size), 2), the published code's; ``fixed``: batch_size.
        learning_rate: of the first epoch.
        final_learning_rate: where the cosine ends.
        eval_test_every: the network as it is after every so many epochs, and after the last one, is tested too, for the
            learning curve; 0 never does. Nothing else of the training changes, and nothing is selected by it.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    epochs: int = limited(1000, Limits(least=1, most=MOST))
    batch_size: int = limited(16, Limits(least=2, most=MOST))
    batch_rule: Literal["tenth", "fixed"] = "tenth"
    learning_rate: float = limited(3e-4, _RATE)
    final_learning_rate: float = limited(1e-4, _RATE)
    eval_test_every: int = limited(0, Limits(least=0, most=MOST))

    def __post_init__(self) -> None:
        require_limits(self)

    def tests_after(self, epoch: int) -> bool:
        """Whether the network is tested after ``epoch`` (from 1), for the learning curve."""
        return self.eval_test_every > 0 and (epoch % self.eval_test_every == 0 or epoch == self.epochs)

    @property
    def tests(self) -> int:
        """How often the network is tested for the learning curve."""
        return -(-self.epochs // self.eval_test_every) if self.eval_test_every else 0

    def batch_size_for(self, n_train: int) -> int:
        """The mini-batch size on a training set of ``n_train`` series."""
        return max(min(n_train // 10, self.batch_size), 2) if self.batch_rule == "tenth" else self.batch_size

    def steps_per_epoch(self, n_train: int) -> int:
        """Mini-batches of an epoch on ``n_train`` series; the last may be smaller than the others."""
        return -(-n_train // self.batch_size_for(n_train))


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides what one training computes, its seed apart."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    data: DataConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    sparsity: SparsityConfig = field(default_factory=SparsityConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Nested plain values, as they would stand in a study file."""
        return asdict(self)

    def settings(self) -> dict[str, Any]:
        """Plain values under dotted keys, ``model.kernel_size`` and so on."""
        # All of them are plain, so that nothing has to be copied: a study may have thousands of configurations.
        return {f"{room}.{key}": value for room, block in vars(self).items() for key, value in vars(block).items()}
