"""One training step against the published one: the figures that the native engine has to reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from benchmarks.effort import Effort
from benchmarks.interleaved import Spread, Steps, take_turns
from benchmarks.made_up import CLASSES, made_up_config
from benchmarks.native import instructions_of, under, usable_engines
from benchmarks.peak import measured_peak
from benchmarks.progress import say
from benchmarks.steps import PUBLISHED, training_steps
from benchmarks.table import Table, Value
from dsn.architecture import layer_plans
from dsn.config import RunConfig, SparsityConfig
from dsn.cost import count
from dsn.native.library import instruction_set

Moments = Literal["fresh", "warm"]

MOMENTS: tuple[Moments, ...] = get_args(Moments)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A mini-batch of ``batch`` series of ``length`` points, at sparsity ``level``, and what must be reached on it.

    ``fresh`` and ``warm``: how many times the published step's speed the native engine must have with AVX-512, under
    those moments.
    """

    batch: int
    length: int
    fresh: float
    warm: float | None
    level: float = 0.8

    def __str__(self) -> str:
        return f"B{self.batch} L{self.length}" + (f" S={self.level}" if self.level != 0.8 else "")

    def target(self, moments: Moments, instructions: str | None) -> float | None:
        """What must be reached with these instructions: with AVX2, whose registers are half as wide, half as much."""
        full = self.fresh if moments == "fresh" else self.warm
        part = {"avx512": 1.0, "avx2": 0.5}.get(instructions or "")
        return None if full is None or part is None else part * full


SHAPES = (
    Shape(batch=16, length=24, fresh=10, warm=4),
    Shape(batch=16, length=150, fresh=7.5, warm=3.5),
    Shape(batch=16, length=512, fresh=6.5, warm=2.8),
    Shape(batch=16, length=1000, fresh=7, warm=2.8),
    Shape(batch=3, length=96, fresh=7, warm=3),
    Shape(batch=2, length=24, fresh=11, warm=4),
    Shape(batch=5, length=150, fresh=7, warm=3),
    Shape(batch=2, length=1000, fresh=6, warm=2.8),
    Shape(batch=16, length=150, level=0.95, fresh=14, warm=None),
)


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """What was measured of one engine on one shape: the seconds of a step, and how many times the published step's
    speed that is; ``engine`` may be the published step itself, which has no ``moments`` of its own."""

    shape: Shape
    engine: str
    moments: Moments | None
    instructions: str | None
    seconds: Spread
    speed_up: Spread

    @property
    def target(self) -> float | None:
        """Of an engine that is compiled for instructions of which something is asked; None for others."""
        return None if self.moments is None else self.shape.target(self.moments, self.instructions)

    @property
    def useful_gflops(self) -> float:
        """Useful operations a second (``useful_flops``), in thousands of millions."""
        return useful_flops(self.shape) / self.seconds.median / 1e9


def useful_flops(shape: Shape) -> int:
    """Floating-point operations of a step that no exact engine under ``moments: fresh`` can do without.

    2 x multiply-adds at active weights, of sparse and of 1x1 convolutions, in each of three passes: outputs, gradients
    of the inputs, gradients of the weights; but no gradient of the series themselves. Every weight counts at each of
    the ``length`` time points, padding included (the head's at each of its pooled ones). Batch norm, ReLU, pooling,
    loss and Adam are not counted, nor what ``moments: warm`` needs beyond, the gradients of inactive weights.
    """
    config = _config(shape, "fresh")
    cost = count(config.model, config.sparsity, channels=1, length=shape.length, classes=CLASSES)
    first = layer_plans(config.model, config.sparsity, channels=1)[0]
    return shape.batch * (3 * cost.flops - 2 * first.active * shape.length)


def training_step(effort: Effort) -> list[Table]:
    """Every shape under every engine and every instruction set that is at least AVX2."""
    shapes = [shape for shape in SHAPES if shape.length <= effort.longest]
    measured = [measure(shapes, effort)]
    if instruction_set() == "avx512":
        say("the same with AVX2, in a process of its own")
        measured.append(under("avx2", measure, shapes, effort, alone=True))
    return [
        Table(
            title="Training step",
            columns={
                "shape": "",
                "engine": "",
                "moments": "",
                "instructions": "",
                "ms a step": ".2f",
                "times published": ".2f",
                "target": ".2f",
                "verdict": "",
                "useful GFLOP/s": ".1f",
                "% of peak": ".0f",
            },
            rows=[_row(time, each.peak) for each in measured for time in each.times],
            notes=(*_NOTES, _peak_note(measured)),
        )
    ]


_NOTES = (
    "Medians, with quartiles, over rounds in which all take turns in one process, on one thread; processor time.",
    "B: series of a batch; L: their length; S: sparsity, 0.8 where not named.",
    "published: masked dense convolutions and Adam in PyTorch, with the best instructions that PyTorch has here.",
    "Useful: 3 passes x 2 x (active weights + 1x1 weights) x B x L, less the gradient of the series themselves.",
)


def _peak_note(measured: Sequence[Measured]) -> str:
    peaks = [f"{each.peak:.0f} GFLOP/s with {each.instructions}" for each in measured if each.peak is not None]
    if not peaks:
        return "Peak: not measured, the native library is not there."
    return f"Peak: {', '.join(peaks)}; float32 multiply-adds on registers alone, one core, measured."


def _row(found: StepTime, peak: float | None) -> tuple[Value, ...]:
    verdict = None
    if found.target is not None:
        verdict = "met" if found.speed_up.median >= found.target else "missed"
    milliseconds = found.seconds.median * 1e3
    return (
        str(found.shape),
        found.engine,
        found.moments,
        found.instructions,
        milliseconds,
        None if found.engine == PUBLISHED else found.speed_up,
        found.target,
        verdict,
        found.useful_gflops,
        100 * found.useful_gflops / peak if found.instructions and peak else None,
    )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one process measured: the native library's instruction set, the core's peak with it, and steps."""

    instructions: str | None
    peak: float | None
    times: list[StepTime]


def measure(shapes: Sequence[Shape], effort: Effort, *, alone: bool = False) -> Measured:
    """Each shape in turn, in this process; the first of its rows is the published step.

    ``alone``: only engines that are compiled for an instruction set, and nothing where there is none.
    """
    torch.set_num_threads(1)
    engines = [name for name in usable_engines() if instructions_of(name) or not alone]
    times = [time for shape in shapes if engines for time in _measure_shape(shape, engines, effort)]
    return Measured(instructions=instruction_set(), peak=measured_peak(), times=times)


def _measure_shape(shape: Shape, engines: Sequence[str], effort: Effort) -> list[StepTime]:
    say(f"training step {shape}")
    kinds = [moments for moments in MOMENTS if shape.target(moments, "avx512") is not None]
    competitors = [(PUBLISHED, None), *((engine, moments) for engine in engines for moments in kinds)]
    timings = take_turns(
        {_name(*each): _steps(*each, shape) for each in competitors},
        rounds=effort.rounds,
        block_seconds=effort.block_seconds,
    )
    return [
        StepTime(
            shape=shape,
            engine=engine,
            moments=moments,
            instructions=instructions_of(engine),
            seconds=timings.of(_name(engine, moments)),
            speed_up=timings.speed_up(_name(engine, moments), over=_name(PUBLISHED, None)),
        )
        for engine, moments in competitors
    ]


def _name(engine: str, moments: Moments | None) -> str:
    return f"{engine} {moments}"


def _steps(name: str, moments: Moments | None, shape: Shape) -> Steps:
    return training_steps(name, _config(shape, moments or "warm"), batch=shape.batch, length=shape.length)


def _config(shape: Shape, moments: Moments) -> RunConfig:
    return made_up_config(SparsityConfig(level=shape.level, initial="random", moments=moments))
