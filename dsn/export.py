"""A trained network as a program of PyTorch's own, ``torch.export``, that runs without this project.

The program takes raw series: it prepares them as training did, so that its user need not know how, and runs the network
as dense convolutions, masked weights being zeros. Not as ONNX: PyTorch writes that with two further packages only.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dsn.artifact import NetworkHeader
from dsn.data.dataset import Scaling
from dsn.layers import SparseConv1d
from dsn.models import MODELS

FORMAT = 1
"""Raised whenever a program's input, its output or what is said of them changes its meaning."""

DESCRIPTION = "dsn.json"
"""The file inside a program that says what it is: ``{"format": FORMAT}`` and the fields of ``NetworkHeader``."""


class RawSeriesNetwork(nn.Module):
    """Raw series (n, channels, length), NaN where there is no value -> log-probabilities (n, classes); both float32."""

    def __init__(self, network: nn.Module, scaling: Scaling) -> None:
        super().__init__()
        self.network = network
        self.scaling = scaling

    def forward(self, x: Tensor) -> Tensor:
        # As dsn.data.preparation.prepare_series, in double too.
        scaled = (x.double() - self.scaling.mean) / self.scaling.std
        scores: Tensor = self.network(torch.where(scaled.isnan(), 0.0, scaled).float())
        return scores


def program_bytes(arrays: Mapping[str, NDArray[Any]], header: NetworkHeader) -> bytes:
    """The content of a ``.pt2`` file for ``torch.export.load``, for any number of series.

    Args:
        arrays: a snapshot of an engine.
        header: what the arrays mean.
    """
    network = MODELS[header.config.model.name](
        header.config.model, header.config.sparsity, channels=header.channels, classes=len(header.classes), seed=0
    )
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    for module in network.modules():
        if isinstance(module, SparseConv1d):
            module.mask = None  # the weights are zero already
    example = torch.zeros(2, header.channels, header.length)
    program = torch.export.export(
        RawSeriesNetwork(network, header.scaling).eval().requires_grad_(False),
        (example,),
        dynamic_shapes={"x": {0: torch.export.Dim("series", min=1)}},
    )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths on this machine, which are nobody's business
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={DESCRIPTION: json.dumps({"format": FORMAT, **asdict(header)})})
    return content.getvalue()
