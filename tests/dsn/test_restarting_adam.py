"""Adam with a step count a weight: Adam itself where nothing restarts, and a new beginning where something does."""

from __future__ import annotations

import numpy as np
import torch

from dsn.engines.restarting_adam import RestartingAdam

RATE = 1e-2


def _gradients(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(count, 2, 3)))


def _stepped(optimiser: torch.optim.Optimizer, weight: torch.Tensor, gradients: torch.Tensor) -> None:
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimiser.step()


def test_without_restarts_it_is_pytorch_s_adam() -> None:
    one, other = torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64)
    _stepped(RestartingAdam([one], lr=RATE), one, _gradients(20))
    _stepped(torch.optim.Adam([other], lr=RATE), other, _gradients(20))
    # Twenty steps of the same formula in float64, in another order of operations.
    assert torch.allclose(one, other, rtol=1e-12, atol=1e-15)


def test_a_restarted_weight_goes_on_like_a_new_one_and_the_others_as_before() -> None:
    gradients = _gradients(6)
    weight = torch.zeros(2, 3, dtype=torch.float64)
    optimiser = RestartingAdam([weight], lr=RATE)
    _stepped(optimiser, weight, gradients[:3])
    where = torch.zeros(2, 3, dtype=torch.bool)
    where[0, 1] = True
    middle = weight.clone()
    optimiser.restart(weight, where)
    _stepped(optimiser, weight, gradients[3:])
    new, undisturbed = torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64)
    _stepped(RestartingAdam([new], lr=RATE), new, gradients[3:])
    _stepped(RestartingAdam([undisturbed], lr=RATE), undisturbed, gradients)
    # Moved by the same steps from another value: one rounding of the sum each.
    assert torch.allclose((weight - middle)[where], new[where], rtol=1e-12, atol=1e-15)
    assert torch.equal(weight[~where], undisturbed[~where])


def test_the_first_step_is_right_in_float32() -> None:
    # 1 - 0.999 ** 1 in float32 is 0.00100004...: a naive correction would be off by 2e-5 here.
    weight = torch.zeros(1, dtype=torch.float32)
    _stepped(RestartingAdam([weight], lr=1.0), weight, torch.full((1, 1), 0.5))
    assert abs(weight.item() + 1) < 1e-6
