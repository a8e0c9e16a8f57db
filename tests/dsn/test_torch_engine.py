"""What only the reference engine has to show: that its step is the published one, computed another way."""

from __future__ import annotations

import numpy as np
import torch

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig
from dsn.engines.torch_engine import TorchEngine, reproducible_numerics

CONFIG = RunConfig(
    data=DataConfig(source="aeon", name="made-up"),
    model=ModelConfig(channels=3, kernel_size=5, depth=1, pool_size=4),
    sparsity=SparsityConfig(level=0.5, groups=1),
)
BATCH = np.arange(6)


def _engine(data) -> TorchEngine:
    engine = TorchEngine(CONFIG, data, seed=0, dtype=torch.float64)
    engine.set_masks([np.indices(engine.sparse_layers[0].shape).sum(axis=0) % 2 == 0])
    return engine


def _loss(engine: TorchEngine) -> float:
    """The loss of the batch under the present weights, in training mode, without a step."""
    state = engine.state_dict()
    loss = engine.train([BATCH], 0.0).loss / len(BATCH)
    engine.load_state_dict(state)
    return loss


def test_the_gradient_agrees_with_finite_differences_at_active_and_inactive_weights(make_data) -> None:
    data = make_data()
    engine = _engine(data)
    weight = engine._convolutions[0].weight
    reference = _engine(data)
    reference.train([BATCH], 0.0)
    (gradient,) = reference.gradients()
    # Central differences in float64: the error is h^2 times a third derivative plus rounding 1e-16 / h.
    h = 1e-5
    for position in [(0, 0, 0), (0, 0, 1), (1, 0, 3), (2, 0, 4)]:
        losses = []
        for step in (h, -h):
            with torch.no_grad():
                weight[position] += step
            mask = engine._convolutions[0].mask.clone()
            engine._convolutions[0].mask.fill_(True)
            losses.append(_loss(engine))
            engine._convolutions[0].mask.copy_(mask)
            with torch.no_grad():
                weight[position] -= step
        assert abs((losses[0] - losses[1]) / (2 * h) - gradient[position]) < 1e-7


def test_a_step_is_adam_on_dense_gradients_and_then_the_mask(make_data) -> None:
    data = make_data()
    engine = _engine(data)
    before = engine.weights()[0]
    mask = engine._convolutions[0].mask.numpy()
    rate, moments = 1e-2, (np.zeros_like(before), np.zeros_like(before))
    expected = before
    for step in (1, 2):
        engine.train([BATCH], rate)
        gradient = engine.gradients()[0]
        moments = 0.9 * moments[0] + 0.1 * gradient, 0.999 * moments[1] + 0.001 * gradient**2
        mean, square = moments[0] / (1 - 0.9**step), moments[1] / (1 - 0.999**step)
        expected = (expected - rate * mean / (np.sqrt(square) + 1e-8)) * mask
        assert np.allclose(engine.weights()[0], expected, rtol=1e-12, atol=1e-15)


def test_numerics_are_put_back(make_data) -> None:
    threads, cudnn = torch.get_num_threads(), torch.backends.cudnn
    before = (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32)
    with reproducible_numerics(threads=1):
        assert torch.get_num_threads() == 1
        assert (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32) == (True, False, False)
    assert torch.get_num_threads() == threads
    assert (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32) == before
    _engine(make_data()).train([BATCH], 1e-3)
    assert torch.get_num_threads() == threads
