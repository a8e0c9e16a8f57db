"""Adam whose weights can each begin anew, for ``moments: fresh``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

BETAS = (0.9, 0.999)
EPSILON = 1e-8
"""The defaults of Adam (Kingma and Ba 2015), and of PyTorch's."""


class RestartingAdam(Optimizer):
    """Adam with a step count for each weight instead of one for all.

    A weight that is grown late has seen no gradient: its moments are zero. Under the common step count their bias would
    no longer be corrected, and the first steps of such a weight would be several times too long (sqrt(10) at first).
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step on every parameter; ``closure`` is of the base class and not used."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                self._step(parameter, group["lr"])

    def _step(self, parameter: Tensor, lr: float) -> None:
        gradient, state = parameter.grad, self._state_of(parameter)
        assert gradient is not None, "no gradient has been computed"
        count, mean, square = state["count"], state["mean"], state["square"]
        count += 1
        mean.lerp_(gradient, 1 - BETAS[0])
        square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        # 1 - beta^count; subtracting in float32 would leave four digits at count 1.
        corrections = [-torch.expm1(count * math.log(beta)) for beta in BETAS]
        parameter -= lr * (mean / corrections[0]) / ((square / corrections[1]).sqrt() + EPSILON)

    @torch.no_grad()
    def restart(self, parameter: Tensor, where: Tensor) -> None:
        """Begin anew at the positions ``where`` (bool, of the parameter's shape)."""
        for values in self._state_of(parameter).values():
            values.masked_fill_(where, 0)

    def first_moment(self, parameter: Tensor) -> Tensor:
        """The running mean of gradients, of the parameter's shape; zero where no step has followed a (re)start."""
        mean: Tensor = self._state_of(parameter)["mean"]
        return mean

    def _state_of(self, parameter: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[parameter]
        if not state:
            state |= {name: torch.zeros_like(parameter) for name in ("count", "mean", "square")}
        return state
