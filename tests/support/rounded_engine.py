"""The reference engine with random rounding errors: what an exact engine of a given precision may look like.

Every operation of the training step is computed in float64 and then displaced, at random, by as much as its rounding
errors can come to in a precision of unit roundoff u (2^-24 for float32, 2^-53 for float64). The operations that follow,
the kinks of ReLU and Adam included, then carry the displacements on exactly as they would carry real rounding errors
(Monte Carlo arithmetic: Parker 1997). Several runs, each with other random numbers, show how far from the reference a
correct engine may end up, in every number that can be observed; ``exactness`` turns that into bounds.

How large the displacements are. Rounding errors are taken to be independent and of mean zero, each at most u times the
result it belongs to. An inner product of n terms t_i, summed in any order, fused or not, is then off by more than
lambda * u * sqrt(n) * sum |t_i| with a probability below 2 exp(-lambda^2 / 2), to first order in u (Higham and Mary
2019, Theorem 3.1; Ipsen and Zhou 2020). So each inner product is displaced by a normal deviate of standard deviation
u * sqrt(n) * sum |t_i|, whose tails are no lighter: n and sum |t_i| are computed by the operation itself, on ones and
on absolute values. Everything else, a few roundings an element, is displaced by a normal deviate of u times the sum of
the absolute values of what goes in, times the number of roundings.

What this leaves an engine free to choose: the order of its sums, fused multiply-adds, batch norm as (x - mean) * scale
or x * scale + shift, Adam's bias corrections by powers or by expm1 (in float64). What it does not: the variance as
mean(x^2) - mean(x)^2, or bias corrections in float32 by subtraction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engines.contract import Totals
from dsn.engines.restarting_adam import BETAS
from dsn.engines.torch_engine import TorchEngine
from dsn.layers import BatchNorm, SparseConv1d

Bilinear = Callable[[Tensor, Tensor], Tensor]

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
"""Unit roundoff by the name of a numpy type."""

DEVIATIONS = 8.0
"""lambda: how many standard deviations a result may be off. 2 exp(-32) is 3e-14, for each of the numbers compared."""


class Rounding:
    """A source of random rounding errors of unit roundoff ``unit``.

    Seeds come in pairs, 0 and 1, 2 and 3 and so on: what they choose at kinks is opposite, all else is independent.
    """

    def __init__(self, unit: float, seed: int) -> None:
        self.unit = unit
        self._rng = np.random.default_rng(seed)
        self._kinks, self._turned = np.random.default_rng(seed // 2), seed % 2
        # Drawn once: a step asks for errors a hundred times, and gets a random stretch of these.
        self._units = self._drawn(1 << 17)
        self._terms: dict[Any, tuple[Tensor, Tensor, Tensor]] = {}

    def of(self, size: Tensor) -> Tensor:
        """Independent normal deviates of standard deviation ``unit`` * ``size``."""
        count = size.numel()
        start = int(self._rng.integers(max(len(self._units) - count, 1)))
        units = self._units[start : start + count] if count <= len(self._units) else self._drawn(count)
        return size * units.view(size.shape)

    def terms(self, op: Bilinear, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Square roots of the numbers of terms that ``op`` sums for each number of its result, and its gradients for
        each of ``x`` (at active weights alone) and of ``weight``. Kept: they change with shapes and masks only."""
        present = (weight != 0).to(weight)
        key = (op, x.shape, present.numpy(force=True).tobytes())
        if key not in self._terms:
            result = op(torch.ones_like(x), present)
            dx, dw = _gradients(op, torch.ones_like(x), present, torch.ones_like(result))
            self._terms[key] = result.sqrt(), dx.sqrt(), dw.sqrt()
        return self._terms[key]

    def _drawn(self, count: int) -> Tensor:
        return torch.from_numpy(self._rng.normal(scale=self.unit, size=count))

    def sides(self, shape: torch.Size) -> Tensor:
        """+-1, of opposite sign under the other seed of the pair."""
        drawn = self._kinks.integers(0, 2, tuple(shape), dtype=np.int8) ^ self._turned
        return torch.from_numpy(2.0 * drawn - 1.0)


class _InnerProducts(torch.autograd.Function):
    """``op(x, weight)``, linear in each, and both its gradients, as sums of rounded terms."""

    @staticmethod
    def forward(ctx: Any, rounding: Rounding, op: Bilinear, x: Tensor, weight: Tensor) -> Tensor:
        ctx.rounding, ctx.op = rounding, op
        ctx.save_for_backward(x, weight)
        ctx.roots = rounding.terms(op, x, weight)
        return op(x, weight) + rounding.of(ctx.roots[0] * op(x.abs(), weight.abs()))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        exact = _gradients(ctx.op, x, weight, gradient)
        sizes = _gradients(ctx.op, x.abs(), weight.abs(), gradient.abs())
        dx, dw = (g + ctx.rounding.of(n * size) for g, n, size in zip(exact, ctx.roots[1:], sizes, strict=True))
        return None, None, dx, dw


def _gradients(op: Bilinear, x: Tensor, weight: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
        dx, dw = torch.autograd.grad(op(x, weight), (x, weight), gradient)
    return dx, dw


class _Normalised(torch.autograd.Function):
    """Batch norm of (B, C, L) or, in evaluation, its affine map; running statistics are updated as the module's are."""

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes by position
        ctx: Any, rounding: Rounding, norm: BatchNorm, x: Tensor, weight: Tensor, bias: Tensor
    ) -> Tensor:
        count = x.shape[0] * x.shape[2]
        ctx.rounding, ctx.count, ctx.of_batch = rounding, count, norm.training and count > 1
        if ctx.of_batch:
            mean, variance = _moments(rounding, x)
            _track(rounding, norm, mean, variance * count / (count - 1))
        else:
            mean, variance = norm.running_mean.clone(), norm.running_var.clone()
        inverse = (variance + norm.eps).rsqrt()
        inverse += rounding.of(3 * inverse)
        scale = weight * inverse
        ctx.save_for_backward(x, mean, inverse, scale)
        size = (x.abs() + _columns(mean.abs())) * _columns(scale.abs()) + _columns(bias.abs())
        return (x - _columns(mean)) * _columns(scale) + _columns(bias) + rounding.of(4 * size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor, Tensor, Tensor]:
        x, mean, inverse, scale = ctx.saved_tensors
        rounding, root = ctx.rounding, math.sqrt(ctx.count)
        reach = (x.abs() + _columns(mean.abs())) * _columns(inverse)
        unit = (x - _columns(mean)) * _columns(inverse) + rounding.of(2 * reach)
        product = gradient * unit
        d_bias = gradient.sum((0, 2)) + rounding.of(root * gradient.abs().sum((0, 2)))
        d_weight = product.sum((0, 2)) + rounding.of((root + 2) * product.abs().sum((0, 2)))
        dx, size = gradient, gradient.abs()
        if ctx.of_batch:
            a, b = _columns(d_bias / ctx.count), _columns(d_weight / ctx.count)
            dx, size = dx - a - unit * b, size + a.abs() + reach * b.abs()
        dx = dx * _columns(scale) + rounding.of(4 * size * _columns(scale.abs()))
        return None, None, dx, d_weight, d_bias


def _moments(rounding: Rounding, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel, the variance about the mean."""
    root = math.sqrt(x.shape[0] * x.shape[2])
    mean = x.mean((0, 2)) + rounding.of((root + 1) * x.abs().mean((0, 2)))
    variance = (x - _columns(mean)).square().mean((0, 2))
    return mean, variance + rounding.of((root + 3) * variance)


def _track(rounding: Rounding, norm: BatchNorm, mean: Tensor, variance: Tensor) -> None:
    norm.num_batches_tracked += 1
    for running, new in ((norm.running_mean, mean), (norm.running_var, variance)):
        old = running * (1 - norm.momentum)
        now = norm.momentum * new
        running.copy_(old + now + rounding.of(3 * (old.abs() + now.abs())))


def _columns(values: Tensor) -> Tensor:
    return values[None, :, None]


class _Rectified(torch.autograd.Function):
    """ReLU whose derivative is either, 0 or 1, where its input could as well have the other sign.

    Within DEVIATIONS of zero, that is; so every such kink is taken on both sides by each pair of seeds. ``spread`` is
    the root mean square displacement of each channel's inputs so far.
    """

    @staticmethod
    def forward(ctx: Any, rounding: Rounding, x: Tensor, spread: Tensor) -> Tensor:
        displaced = x + DEVIATIONS * _columns(spread) * rounding.sides(x.shape)
        # Without displacement (a channel of zeros), the derivative of zero is the reference's, 0.
        ctx.save_for_backward(displaced > 0)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        (positive,) = ctx.saved_tensors
        return None, gradient * positive, None


class _Scores(torch.autograd.Function):
    """The way into and out of the softmax: its input, and the gradient (p - 1 at the label, p elsewhere) / B."""

    @staticmethod
    def forward(ctx: Any, rounding: Rounding, x: Tensor) -> Tensor:
        ctx.rounding = rounding
        return x + rounding.of(4 * (x.abs().amax(dim=1, keepdim=True) + 1).expand_as(x))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        label = (gradient < 0).to(gradient) / len(gradient)
        return None, gradient + ctx.rounding.of(4 * (gradient.abs() + label))


class RoundedEngine(TorchEngine):
    """``TorchEngine`` in float64 with the random rounding errors of another precision; see the module.

    Args:
        unit: unit roundoff of that precision.
        rounding_seed: of the errors.
    """

    def __init__(
        self,
        config: RunConfig,
        data: TimeSeriesData,
        *,
        seed: int,
        device: str = "cpu",
        unit: float,
        rounding_seed: int,
    ) -> None:
        super().__init__(config, data, seed=seed, device=device, dtype=torch.float64)
        self._rounding = Rounding(unit, rounding_seed)
        convolutions = [each for each in self._network.modules() if isinstance(each, torch.nn.Conv1d | SparseConv1d)]
        self._ops = {each: _convolving(each) for each in convolutions}
        self._network.forward = self._forward  # type: ignore[method-assign]

    def _forward(self, x: Tensor) -> Tensor:
        exact = x
        for block in self._network.blocks:
            if block.bottleneck is not None:
                x, exact = self._applied(block.bottleneck, x), block.bottleneck(exact).detach()
            x, exact = self._applied(block.convolution, x), block.convolution(exact).detach()
            x, exact = self._normalised(block.norm, x), _exactly_normalised(block.norm, exact)
            spread = (x - exact).detach().square().mean((0, 2)).sqrt()
            x, exact = _Rectified.apply(self._rounding, x, spread), exact.clamp(min=0)
        head = self._network.head
        windows = functional.adaptive_avg_pool1d(torch.eye(x.shape[2], dtype=x.dtype), head.pool_size)
        scores = self._normalised(head.norm, self._applied(head.convolution, self._averaged(x, windows)))
        whole = torch.full((head.pool_size, 1), 1 / head.pool_size, dtype=x.dtype)
        return functional.log_softmax(_Scores.apply(self._rounding, self._averaged(scores, whole)[:, :, 0]), dim=1)

    def _applied(self, convolution: torch.nn.Module, x: Tensor) -> Tensor:
        return _InnerProducts.apply(self._rounding, self._ops[convolution], x, convolution.weight)

    def _averaged(self, x: Tensor, windows: Tensor) -> Tensor:
        """(B, C, L) @ (L, windows), the reciprocals of the windows' sizes rounded too."""
        return _InnerProducts.apply(self._rounding, torch.matmul, x, windows + self._rounding.of(windows))

    def _normalised(self, norm: BatchNorm, x: Tensor) -> Tensor:
        return _Normalised.apply(self._rounding, norm, x, norm.weight, norm.bias)

    def train(self, batches: Sequence[np.ndarray], learning_rate: float) -> Totals:
        totals = Totals()
        for batch in batches:
            before = {each: (each.detach().clone(), *self._moments_of(each)) for each in self._network.parameters()}
            before = {each: tuple(value.clone() for value in values) for each, values in before.items()}
            totals += super().train([batch], learning_rate)
            for parameter, values in before.items():
                self._displace(parameter, values)
        return totals

    @torch.no_grad()
    def _displace(self, parameter: Tensor, before: tuple[Tensor, ...]) -> None:
        """Round Adam's step: ``before`` holds the parameter and, from the second step on, its moments."""
        # 1 - 0.999 in float64 has the rounding of 0.999, 1000 times its own: as large a part of all that it enters.
        constant = UNIT["float64"] / (1 - BETAS[1]) / self._rounding.unit
        step = (parameter - before[0]).abs()
        moments_before = before[1:] or [torch.zeros_like(parameter)] * 2
        for moment, old in zip(self._moments_of(parameter), moments_before, strict=True):
            moment.add_(self._rounding.of(3 * (moment.abs() + old.abs()) + constant * moment.abs()))
        parameter += self._rounding.of(parameter.abs() + before[0].abs() + (8 + constant) * step)

    def _moments_of(self, parameter: Tensor) -> tuple[Tensor, ...]:
        """Adam's first and second moments, to be changed in place; none before the first step."""
        if self._restarting and parameter in self._restarting.state:
            return self._restarting.state[parameter]["mean"], self._restarting.state[parameter]["square"]
        state = self._optimiser.state.get(parameter)
        return (state["exp_avg"], state["exp_avg_sq"]) if state else ()


def _convolving(convolution: torch.nn.Module) -> Bilinear:
    """A convolution as a function of its input and its weight."""
    return lambda x, weight: functional_call(convolution, {"weight": weight}, (x,))


def _exactly_normalised(norm: BatchNorm, x: Tensor) -> Tensor:
    """The module's result, without its effect on the running statistics."""
    of_batch = norm.training and x.shape[0] * x.shape[2] > 1
    statistics = (None, None) if of_batch else (norm.running_mean, norm.running_var)
    return functional.batch_norm(x, *statistics, norm.weight, norm.bias, training=of_batch, eps=norm.eps).detach()
