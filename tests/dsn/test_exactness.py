"""The bounds that a second engine is held to: right engines keep within them, and slips that engines make do not."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from exactness import (
    Case,
    made_case,
    observe,
    standard_of,
    training_case,
    trajectory,
    trajectory_standard,
)
from torch import Tensor
from torch.nn import functional

from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engines.restarting_adam import BETAS, EPSILON, RestartingAdam
from dsn.engines.torch_engine import TorchEngine

DTYPES = {"float32": torch.float32, "float64": torch.float64}

Change = Callable[[TorchEngine], None]

_standard_of = functools.cache(standard_of)


def _engine(config: RunConfig, data: TimeSeriesData, seed: int, dtype: str, *changes: Change) -> TorchEngine:
    engine = TorchEngine(config, data, seed=seed, dtype=DTYPES[dtype])
    for change in changes:
        change(engine)
    return engine


# The reference's mathematics written another way: sums in another order, Adam with a step count a weight for all.


def _with_convolutions_by_windows(engine: TorchEngine) -> None:
    for convolution in engine._convolutions:

        def forward(x: Tensor, convolution=convolution) -> Tensor:
            windows = _padded(x, convolution.shape[2], convolution.padding).flip(2).unfold(2, convolution.shape[2], 1)
            return torch.einsum("bclk,ock->bol", windows, convolution.weight.flip(2)).flip(2)

        convolution.forward = forward


def _padded(x: Tensor, taps: int, padding: str) -> Tensor:
    if padding == "replicate-right":
        return torch.cat([x, x[:, :, -1:].expand(-1, -1, taps - 1)], dim=2)
    return functional.pad(x, ((taps - 1) // 2, taps // 2))


def _norms(engine: TorchEngine) -> list[Any]:
    return [*(block.norm for block in engine._network.blocks), engine._network.head.norm]


def _with_norm(
    variance_of: Callable[[Tensor, Tensor], Tensor],
    unbiased: Callable[[int], float] = lambda n: n / (n - 1),
    normalising: Callable[[int], float] = lambda n: 1.0,
) -> Change:
    """Batch norm by hand: ``variance_of(x, mean)``, and the factors of the running and of the dividing variance."""

    def change(engine: TorchEngine) -> None:
        for norm in _norms(engine):

            def forward(x: Tensor, norm=norm) -> Tensor:
                count = x.shape[0] * x.shape[2]
                if norm.training and count > 1:
                    mean = x.mean((0, 2))
                    variance = variance_of(x, mean)
                    with torch.no_grad():
                        norm.num_batches_tracked += 1
                        norm.running_mean.lerp_(mean, norm.momentum)
                        norm.running_var.lerp_(variance * unbiased(count), norm.momentum)
                    variance = variance * normalising(count)
                else:
                    mean, variance = norm.running_mean, norm.running_var
                scale = norm.weight / (variance + norm.eps).sqrt()
                return (x - mean[:, None]) * scale[:, None] + norm.bias[:, None]

            norm.forward = forward

    return change


def _two_passes(x: Tensor, mean: Tensor) -> Tensor:
    return (x - mean[:, None]).square().mean((0, 2))


def _one_pass(x: Tensor, mean: Tensor) -> Tensor:
    return (x.square().mean((0, 2)) - mean.square()).clamp(min=0)


def _with_restarting_adam_only(engine: TorchEngine) -> None:
    sparse = [each.weight for each in engine._convolutions] if engine._restarting else []
    others = [each for each in engine._network.parameters() if all(each is not other for other in sparse)]
    engine._optimiser = RestartingAdam(others, lr=1.0)  # type: ignore[assignment]
    moment = engine._optimiser.first_moment
    if not engine._restarting:
        engine._first_moment = moment  # type: ignore[method-assign]


REWRITTEN = (_with_convolutions_by_windows, _with_norm(_two_passes), _with_restarting_adam_only)

CASES = {
    "replicate": made_case(),
    "zero, even kernel": made_case(padding="zero", kernel_size=6, channels=2),
    "fresh, momentum": made_case(moments="fresh", grow="momentum", channels=3),
    "dense": made_case(level="dense"),
    "fixed": made_case(explore=False, padding="zero"),
    "one time point": made_case(length=1, batches=(2, 1, 3), pool_size=3),
    "constant series": made_case(constant=True, padding="zero", channels=2),
    "one layer, one value": made_case(depth=1, pool_size=1, length=2, batches=(5, 1, 5)),
    "large": made_case(model_channels=12, kernel_size=15, depth=3, channels=3, length=80, batches=(33, 17, 5)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_a_right_engine_keeps_well_within_the_bounds(name: str, dtype: str) -> None:
    case = CASES[name]
    start, held_to = _standard_of(case, dtype)
    for changes in ((), REWRITTEN):
        engine = _engine(case.config, case.data, case.seed, dtype, *changes)
        # The reference itself, in its own precision, is what the bounds surround: nothing is shown by it.
        if changes or dtype != "float64":
            assert 0 < max(held_to.excess(observe(engine, case, start)).values()) < 0.5


# Slips.


def _replacing_convolution(forward: Callable[[Any, Tensor], Tensor]) -> Change:
    def change(engine: TorchEngine) -> None:
        for convolution in engine._convolutions:
            convolution.forward = lambda x, convolution=convolution: forward(convolution, x)

    return change


def _one_tap_late(convolution: Any, x: Tensor) -> Tensor:
    return functional.conv1d(
        functional.pad(_padded(x, convolution.shape[2], convolution.padding), (0, 1)), convolution.weight
    )[:, :, 1:]


def _padding_without_gradient(convolution: Any, x: Tensor) -> Tensor:
    taps = convolution.shape[2]
    last = x[:, :, -1:].detach().expand(-1, -1, taps - 1)
    return functional.conv1d(torch.cat([x, last], dim=2), convolution.weight)


def _extra_step_before(convolution: Any, x: Tensor) -> Tensor:
    taps = convolution.shape[2]
    return functional.conv1d(functional.pad(x, (taps // 2, (taps - 1) // 2)), convolution.weight)


def _after_backward(edit: Callable[[TorchEngine, np.ndarray], None]) -> Change:
    def change(engine: TorchEngine) -> None:
        backward = engine._backward

        def edited(batch: np.ndarray) -> tuple[Tensor, Tensor]:
            result = backward(batch)
            edit(engine, batch)
            return result

        engine._backward = edited  # type: ignore[method-assign]

    return change


def _one_gradient_off(by: float) -> Change:
    def edit(engine: TorchEngine, batch: np.ndarray) -> None:
        gradient = engine._convolutions[-1].weight.grad
        gradient.view(-1)[gradient.abs().argmax()] *= 1 + by

    return _after_backward(edit)


def _no_gradient_where_inactive(engine: TorchEngine, batch: np.ndarray) -> None:
    for convolution in engine._convolutions:
        convolution.weight.grad *= convolution.mask


def _mean_over_a_full_batch(engine: TorchEngine, batch: np.ndarray) -> None:
    for parameter in engine._network.parameters():
        parameter.grad *= len(batch) / 8


def _statistics_untouched_by_measuring(engine: TorchEngine) -> None:
    measure = engine.measure

    def measured(batch: np.ndarray) -> Any:
        before = engine.snapshot()
        totals = measure(batch)
        for norm, name in zip(_norms(engine), [n for n in before if n.endswith("running_var")], strict=True):
            norm.running_var.copy_(torch.from_numpy(before[name]))
        return totals

    engine.measure = measured  # type: ignore[method-assign]


def _pooled_without_overlap(engine: TorchEngine) -> None:
    def pool(x: Tensor, size: int) -> Tensor:
        edges = [index * x.shape[2] // size for index in range(size + 1)]
        return torch.stack([x[:, :, a : max(b, a + 1)].mean(2) for a, b in pairwise(edges)], dim=2)

    head = engine._network.head

    def forward(x: Tensor) -> Tensor:
        return functional.log_softmax(head.norm(head.convolution(pool(x, head.pool_size))).mean(dim=2), dim=1)

    head.forward = forward


def _epsilon_of_norm(engine: TorchEngine) -> None:
    for norm in _norms(engine):
        norm.eps = 2e-5


class _Adam(RestartingAdam):
    """With a formula of its own; ``corrections`` of the step count."""

    restarts = True

    def _step(self, parameter: Tensor, lr: float) -> None:
        gradient, state = parameter.grad, self._state_of(parameter)
        state["count"] += 1
        state["mean"].lerp_(gradient, 1 - BETAS[0])
        state["square"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        first, second = self.corrections(state["count"])
        parameter -= lr * (state["mean"] / first) / self.root(state["square"] / second)

    def corrections(self, count: Tensor) -> list[Tensor]:
        return [-torch.expm1(count * math.log(beta)) for beta in BETAS]

    def root(self, square: Tensor) -> Tensor:
        return square.sqrt() + EPSILON


class _Uncorrected(_Adam):
    def corrections(self, count: Tensor) -> list[Tensor]:
        return [torch.ones_like(count)] * 2


class _OneStepBehind(_Adam):
    def corrections(self, count: Tensor) -> list[Tensor]:
        return super().corrections(count.clamp(min=2) - 1)


class _CorrectedBySubtraction(_Adam):
    def corrections(self, count: Tensor) -> list[Tensor]:
        return [1 - torch.tensor(beta, dtype=count.dtype) ** count for beta in BETAS]


class _EpsilonWithinTheRoot(_Adam):
    def root(self, square: Tensor) -> Tensor:
        return (square + EPSILON**2).sqrt()


class _CountNotRestarted(_Adam):
    def restart(self, parameter: Tensor, where: Tensor) -> None:
        count = self._state_of(parameter)["count"].clone()
        super().restart(parameter, where)
        self._state_of(parameter)["count"].copy_(count)


class _NeverRestarted(_Adam):
    def restart(self, parameter: Tensor, where: Tensor) -> None:
        pass


def _stepping_by(adam: type[RestartingAdam]) -> Change:
    def change(engine: TorchEngine) -> None:
        assert engine._restarting is not None
        engine._restarting = adam([each.weight for each in engine._convolutions], lr=1.0)

    return change


def _masks_not_applied_after_steps(engine: TorchEngine) -> None:
    for convolution in engine._convolutions:
        convolution.apply_mask = lambda: None


FRESH = made_case(moments="fresh")


@dataclass(frozen=True, kw_only=True)
class Slip:
    change: Change
    case: Case = CASES["replicate"]
    dtypes: tuple[str, ...] = ("float32", "float64")


SLIPS = {
    "a convolution that reads one step ahead": Slip(change=_replacing_convolution(_one_tap_late)),
    "no gradient through the padding": Slip(change=_replacing_convolution(_padding_without_gradient)),
    "an even kernel's extra step on the other side": Slip(
        change=_replacing_convolution(_extra_step_before), case=made_case(padding="zero", kernel_size=6)
    ),
    "one gradient off by 1e-3": Slip(change=_one_gradient_off(1e-3), dtypes=("float32",)),
    "one gradient off by 1e-11": Slip(change=_one_gradient_off(1e-11), dtypes=("float64",)),
    "no gradient at inactive weights": Slip(change=_after_backward(_no_gradient_where_inactive)),
    "a partial batch divided by the full one's size": Slip(change=_after_backward(_mean_over_a_full_batch)),
    "the running variance biased": Slip(change=_with_norm(_two_passes, unbiased=lambda n: 1.0)),
    "division by the unbiased variance": Slip(change=_with_norm(_two_passes, normalising=lambda n: n / (n - 1))),
    "another epsilon in batch norm": Slip(change=_epsilon_of_norm),
    "the variance in one pass, far from zero": Slip(
        change=_with_norm(_one_pass), case=made_case(offset=100.0), dtypes=("float32",)
    ),
    "measuring leaves the running variance alone": Slip(change=_statistics_untouched_by_measuring),
    "pooling without overlap": Slip(change=_pooled_without_overlap),
    "masks not applied after a step": Slip(change=_masks_not_applied_after_steps),
    "Adam without correction of the bias": Slip(change=_stepping_by(_Uncorrected), case=FRESH),
    "Adam one step behind": Slip(change=_stepping_by(_OneStepBehind), case=FRESH),
    "Adam's correction by subtraction in float32": Slip(
        change=_stepping_by(_CorrectedBySubtraction), case=FRESH, dtypes=("float32",)
    ),
    "Adam's epsilon within the root": Slip(change=_stepping_by(_EpsilonWithinTheRoot), case=FRESH),
    "a step count that goes on where weights are grown": Slip(change=_stepping_by(_CountNotRestarted), case=FRESH),
    "moments that go on where weights are grown": Slip(change=_stepping_by(_NeverRestarted), case=FRESH),
}


@pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name, slip in SLIPS.items() for dtype in slip.dtypes])
def test_a_slip_exceeds_the_bounds(name: str, dtype: str) -> None:
    slip = SLIPS[name]
    start, held_to = _standard_of(slip.case, dtype)
    engine = _engine(slip.case.config, slip.case.data, slip.case.seed, dtype, slip.change)
    assert max(held_to.excess(observe(engine, slip.case, start)).values()) > 1


def test_over_a_whole_training_a_right_engine_keeps_within_the_bounds_and_slips_do_not() -> None:
    case = training_case(moments="fresh", grow="gradient", update_timing="replaces-step")
    held_to = trajectory_standard(case)
    assert all(bound < 1e-9 for bound in held_to.allowed["losses"][:, 0])

    def excess(dtype: str, *changes: Change) -> float:
        seen = trajectory(case, lambda config, data, seed: _engine(config, data, seed, dtype, *changes))
        return max(held_to.excess(seen).values())

    assert 0 < excess("float64", *REWRITTEN) < 0.5
    assert excess("float64", _one_gradient_off(1e-9)) > 1
    assert excess("float64", _stepping_by(_CountNotRestarted)) == np.inf, "other masks"
    assert excess("float32") > 1
