"""The reference engine: masked dense convolutions in PyTorch, Adam fed with dense gradients, as published.

Readable rather than fast: every other engine is checked against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call
from torch.nn import functional

from dsn.architecture import layer_plans
from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engines.contract import Snapshot, Totals, require_masks, require_series
from dsn.engines.restarting_adam import RestartingAdam
from dsn.layers import SparseConv1d
from dsn.models import MODELS
from dsn.sparsity.trainer import SparseLayer, needed_measurements

PREDICTION_BATCH = 256
"""Series predicted at a time, which bounds memory on large test sets. Batch norm is in evaluation mode, so what a
series is predicted with changes the last bits of its result at most."""


@contextmanager
def reproducible_numerics(threads: int = 1) -> Iterator[None]:
    """PyTorch's process-wide switches that results depend on, set for a block and put back after it.

    The number of threads is part of the order in which sums are added. Denormals are flushed: Adam's moments of weights
    that have been pruned decay into them, and arithmetic on denormals is many times slower. TF32 rounds products to ten
    bits.
    """
    cudnn = torch.backends.cudnn
    before = (torch.get_num_threads(), cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32)
    torch.set_num_threads(threads)
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = True, False, False
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        # PyTorch does not tell whether denormals were flushed before; its default is not to.
        torch.set_flush_denormal(False)
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before[1:]
        torch.set_num_threads(before[0])


class TorchEngine:
    """``dsn.engines.contract.Engine`` in PyTorch.

    Args:
        config: what to train.
        data: moved to the device once, whole.
        seed: of the initial weights.
        device: a PyTorch device name.
        dtype: float32, or float64 for comparing engines.
        threads: of the CPU. Results for one number of them may differ in rounding from those for another.
    """

    def __init__(
        self,
        config: RunConfig,
        data: TimeSeriesData,
        *,
        seed: int,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        threads: int = 1,
    ) -> None:
        assert threads >= 1, threads
        self._threads = threads
        channels, classes = data.x_train.shape[1], len(data.classes)
        build = MODELS[config.model.name]
        network = build(config.model, config.sparsity, channels=channels, classes=classes, seed=seed)
        self._network = network.to(device=device, dtype=dtype)
        self._convolutions = [
            module for module in network.modules() if isinstance(module, SparseConv1d) and module.mask is not None
        ]
        self._groups = [plan.groups for plan in layer_plans(config.model, config.sparsity, channels) if plan.groups]
        self._has_momentum = "momentum" in needed_measurements(config.sparsity)
        # A fixed topology grows nothing: its moments are the same under both, to the last bit too.
        restarts = config.sparsity.moments == "fresh" and config.sparsity.explore
        fresh = [each.weight for each in self._convolutions] if restarts else []
        warm = [each for each in network.parameters() if all(each is not other for other in fresh)]
        rate = config.training.learning_rate
        self._optimiser = torch.optim.Adam(warm, lr=rate, fused=True)
        self._restarting = RestartingAdam(fresh, lr=rate) if fresh else None
        self._x = torch.tensor(data.x_train, device=device, dtype=dtype)
        self._y = torch.tensor(data.y_train, device=device)

    @property
    def dtype(self) -> np.dtype[Any]:
        return _to_numpy(self._x[:0]).dtype

    @property
    def sparse_layers(self) -> tuple[SparseLayer, ...]:
        return tuple(
            SparseLayer(shape=convolution.shape, groups=groups)
            for convolution, groups in zip(self._convolutions, self._groups, strict=True)
        )

    def train(self, batches: Sequence[NDArray[np.intp]], learning_rate: float) -> Totals:
        optimisers = [self._optimiser, *([self._restarting] if self._restarting else [])]
        for group in (group for optimiser in optimisers for group in optimiser.param_groups):
            group["lr"] = learning_rate
        # Summed on the device: reading a number back would make a GPU wait at every step.
        loss_sum = torch.zeros((), device=self._x.device, dtype=torch.float64)
        correct = torch.zeros((), device=self._x.device, dtype=torch.int64)
        with reproducible_numerics(self._threads):
            for batch in batches:
                loss, right = self._backward(batch)
                for optimiser in optimisers:
                    optimiser.step()
                for convolution in self._convolutions:
                    convolution.apply_mask()
                loss_sum += loss * len(batch)
                correct += right
        return Totals(loss=loss_sum.item(), correct=int(correct.item()), count=sum(len(batch) for batch in batches))

    def measure(self, batch: NDArray[np.intp]) -> Totals:
        with reproducible_numerics(self._threads):
            loss, right = self._backward(batch)
        return Totals(loss=(loss * len(batch)).item(), correct=int(right.item()), count=len(batch))

    def _backward(self, batch: NDArray[np.intp]) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss and number of hits of a batch; every parameter's gradient is then its own."""
        self._network.train()
        index = torch.from_numpy(batch).to(self._x.device)
        target = self._y[index]
        output = self._network(self._x[index])
        loss = functional.nll_loss(output, target)
        self._network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), (output.detach().argmax(dim=1) == target).sum()

    def weights(self) -> list[NDArray[Any]]:
        return [_to_numpy(convolution.weight) for convolution in self._convolutions]

    def gradients(self) -> list[NDArray[Any]]:
        gradients = [convolution.weight.grad for convolution in self._convolutions]
        assert all(gradient is not None for gradient in gradients), "no batch has been trained on yet"
        return [_to_numpy(gradient) for gradient in gradients if gradient is not None]

    def momentum(self) -> list[NDArray[Any]]:
        assert self._has_momentum, "no rule of the configuration reads the momentum"
        return [_to_numpy(self._first_moment(convolution.weight)) for convolution in self._convolutions]

    def _first_moment(self, weight: torch.nn.Parameter) -> torch.Tensor:
        if self._restarting:
            return self._restarting.first_moment(weight)
        # Adam has no state before its first step, and only looking must not make one.
        moment: torch.Tensor = self._optimiser.state.get(weight, {}).get("exp_avg", torch.zeros_like(weight))
        return moment

    def set_masks(self, masks: Sequence[NDArray[np.bool_]], grown: Sequence[NDArray[np.bool_]] | None = None) -> None:
        present = [
            convolution.mask.numpy(force=True) for convolution in self._convolutions if convolution.mask is not None
        ]
        require_masks(self.sparse_layers, present, masks, grown, trained=bool(self._optimiser.state))
        for convolution, mask in zip(self._convolutions, masks, strict=True):
            convolution.set_mask(torch.from_numpy(mask))
        if self._restarting and grown is not None:
            for convolution, where in zip(self._convolutions, grown, strict=True):
                self._restarting.restart(convolution.weight, torch.from_numpy(where).to(self._x.device))

    def snapshot(self) -> Snapshot:
        return {name: _to_numpy(tensor) for name, tensor in self._network.state_dict().items()}

    def restore(self, snapshot: Snapshot) -> None:
        self._network.load_state_dict(_tensors(snapshot, self._x))

    @torch.no_grad()
    def predict(self, x: NDArray[Any], snapshot: Snapshot | None = None) -> NDArray[np.float64]:
        require_series(x, tuple(self._x.shape[1:]))
        self._network.eval()
        state = self._network.state_dict() if snapshot is None else _tensors(snapshot, self._x)
        with reproducible_numerics(self._threads):
            parts = [
                functional_call(self._network, state, (self._series(x[start : start + PREDICTION_BATCH]),))
                for start in range(0, max(len(x), 1), PREDICTION_BATCH)  # one part, an empty one, of no series
            ]
        return torch.cat(parts).to("cpu", torch.float64).numpy()

    def _series(self, x: NDArray[Any]) -> torch.Tensor:
        # PyTorch takes neither negative strides nor all of NumPy's types.
        return torch.tensor(np.ascontiguousarray(x, dtype=self.dtype), device=self._x.device)

    def state_dict(self) -> dict[str, Any]:
        # PyTorch hands out its live tensors; a checkpoint must not change while training goes on.
        return {
            "network": _with_arrays(self._network.state_dict()),
            "optimiser": _with_arrays(self._optimiser.state_dict()),
            "restarting": _with_arrays(self._restarting.state_dict()) if self._restarting else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._network.load_state_dict(_with_tensors(state["network"]))
        # PyTorch's optimisers go on in the very tensors that they are given: copies.
        self._optimiser.load_state_dict(_with_tensors(state["optimiser"]))
        if self._restarting:
            self._restarting.load_state_dict(_with_tensors(state["restarting"]))


def _to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    return tensor.detach().to("cpu", copy=True).numpy()


def _with_arrays(state: Any) -> Any:
    """A copy of a module's or optimiser's state, with arrays for its tensors."""
    if isinstance(state, torch.Tensor):
        return state.detach().cpu().numpy().copy()  # NumPy's: PyTorch would wake all its threads for it
    if isinstance(state, Mapping):
        return {key: _with_arrays(value) for key, value in state.items()}
    return [_with_arrays(value) for value in state] if isinstance(state, list) else state


def _with_tensors(state: Any) -> Any:
    """The same back again."""
    if isinstance(state, np.ndarray):
        return torch.from_numpy(state.copy())
    if isinstance(state, Mapping):
        return {key: _with_tensors(value) for key, value in state.items()}
    return [_with_tensors(value) for value in state] if isinstance(state, list) else state


def _tensors(snapshot: Snapshot, like: torch.Tensor) -> dict[str, torch.Tensor]:
    """On the device of ``like``, and in its type what has one of the kind: masks and counts stay what they are."""
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in snapshot.items()}
    return {name: each.to(like if each.is_floating_point() else like.device) for name, each in tensors.items()}
