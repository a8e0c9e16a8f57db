"""A trained network as a file: a compressed .npz of plain arrays and a JSON header, read without unpickling."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from dsn.config import RunConfig
from dsn.engines.contract import Snapshot

FORMAT = 1


def network_bytes(network: Snapshot, config: RunConfig, classes: tuple[str, ...], channels: int) -> bytes:
    """The content of a ``network.npz``: a snapshot's arrays (masks included) and, as ``header``, what they mean."""
    header: dict[str, Any] = {
        "format": FORMAT,
        "config": config.to_dict(),
        "classes": list(classes),
        "channels": channels,
    }
    arrays: dict[str, Any] = {f"array/{name}": array for name, array in network.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, header=np.array(json.dumps(header)), **arrays)
    return buffer.getvalue()
