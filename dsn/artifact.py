"""A trained network as a file, ``network.npz``: compressed plain arrays and a JSON header that says what they mean.

Reading one executes nothing, allocates no more than its own header can account for, and answers a file that is broken,
or not of this kind, with ``InvalidInput``.
"""

from __future__ import annotations

import io
import json
import math
import struct
import tokenize
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dsn.architecture import layer_plans
from dsn.config import MOST, RunConfig
from dsn.data.dataset import Scaling, TimeSeriesData
from dsn.engines.contract import Snapshot
from dsn.errors import InvalidInput
from dsn.models import MODELS
from dsn.plain import from_plain

FORMAT = 2
"""Raised whenever a reader of the format before would misread the file. Format 1 lacked ``length`` and ``scaling``, so
nobody can prepare series for it as its training did."""

_npy: Any = np.lib.format  # it has no types

_LARGEST_HEADER = 2**24
_NPY_HEADER = 2**16  # more than NumPy writes before an array of any shape

# What reading a zip file of arrays raises when it is cut off or damaged, or when an expert made it so.
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    SyntaxError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
)


@dataclass(frozen=True, kw_only=True)
class NetworkHeader:
    """What a network's arrays mean, and how series are made ready for it.

    Attributes:
        config: what was trained.
        classes: the labels as text; class i of the network is ``classes[i]``.
        channels: of every series.
        length: time points of every series, once padded.
        scaling: of every value.
    """

    config: RunConfig
    classes: tuple[str, ...]
    channels: int
    length: int
    scaling: Scaling

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) == len(set(self.classes)):
            raise InvalidInput("must be at least 2, all different", key="classes", value=self.classes)
        for key in ("channels", "length"):
            value = getattr(self, key)
            if not 1 <= value <= MOST:
                raise InvalidInput(f"must be between 1 and {MOST}", key=key, value=value)
        layer_plans(self.config.model, self.config.sparsity, self.channels)  # refuses what has no topology

    @classmethod
    def of(cls, config: RunConfig, data: TimeSeriesData) -> NetworkHeader:
        """Of a network that was trained with ``config`` on ``data``."""
        _, channels, length = data.x_train.shape
        return cls(config=config, classes=data.classes, channels=channels, length=length, scaling=data.scaling)


def network_bytes(network: Snapshot, header: NetworkHeader) -> bytes:
    """The content of a ``network.npz``: ``header``, JSON text, and ``array/<name>`` for each array, masks included."""
    text = json.dumps({"format": FORMAT, **asdict(header)})
    arrays: dict[str, Any] = {f"array/{name}": array for name, array in network.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, header=np.array(text), **arrays)
    return buffer.getvalue()


def read_network(path: Path) -> tuple[Snapshot, NetworkHeader]:
    """What ``network_bytes`` wrote.

    Raises:
        InvalidInput: there is no such file; it is no network, or one of another format; it is damaged; its arrays are
            not those of the network that its header describes, are not finite, or disagree with their masks.
    """
    place = str(path)
    if path.exists() and not path.is_file():
        raise InvalidInput("is no file", place=place)  # a device would be read without end
    try:
        with zipfile.ZipFile(path) as archive:
            header = _read_header(archive, place)
            network = _read_arrays(archive, header, place)
    except InvalidInput:
        raise
    except FileNotFoundError:
        raise InvalidInput("no such file", place=place) from None
    except _UNREADABLE as error:
        raise InvalidInput(f"not a readable network: {error or type(error).__name__}", place=place) from error
    _require_consistent(network, place)
    return network, header


def _read_header(archive: zipfile.ZipFile, place: str) -> NetworkHeader:
    if "header.npy" not in archive.namelist():
        raise InvalidInput("not a trained network: it has no header", place=place)
    content = _content(archive, "header", _LARGEST_HEADER, place)
    shape, dtype = _shape_and_dtype(content)
    if shape != () or dtype.kind != "U" or dtype.itemsize > _LARGEST_HEADER:
        raise InvalidInput("not a trained network: its header is not a text", place=place)
    content.seek(0)
    text: str = _npy.read_array(content, allow_pickle=False).item()
    # NumPy makes text of any bytes, even of such as are no characters; what we wrote is ASCII.
    values = json.loads(text.encode("ascii"))
    if not isinstance(values, dict) or "format" not in values:
        raise InvalidInput("not a trained network: its header names no format", place=place)
    found = values.pop("format")
    if found == 1:
        raise InvalidInput(
            "format 1 did not keep the training set's length and scaling, so series cannot be prepared for it; train "
            "it again",
            place=place,
        )
    if found != FORMAT:
        raise InvalidInput(
            f"of another version of this software, which reads format {FORMAT}", value=found, place=place
        )
    return from_plain(NetworkHeader, values, place=place)


def _read_arrays(archive: zipfile.ZipFile, header: NetworkHeader, place: str) -> Snapshot:
    expected = _expected(header)
    held = sorted(name.removesuffix(".npy") for name in archive.namelist() if name != "header.npy")
    wanted = sorted(f"array/{name}" for name in expected)
    if held != wanted:
        differing = sorted(set(held) ^ set(wanted)) or held
        raise InvalidInput(
            f"does not hold the arrays of its network; at fault: {', '.join(differing[:3])}", place=place
        )
    return {name: _array(archive, name, *of, place=place) for name, of in expected.items()}


def _expected(header: NetworkHeader) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shape and type of each array, from a network that has shapes only: nothing of its size is allocated."""
    config = header.config
    with torch.device("meta"):
        network = MODELS[config.model.name](
            config.model, config.sparsity, channels=header.channels, classes=len(header.classes), seed=0
        )
    return {
        name: (tuple(tensor.shape), torch.empty(0, dtype=tensor.dtype).numpy().dtype)
        for name, tensor in network.state_dict().items()
    }


def _array(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], *, place: str
) -> NDArray[Any]:
    size = math.prod(shape) * dtype.itemsize
    content = _content(archive, f"array/{name}", size + _NPY_HEADER, place)
    found = _shape_and_dtype(content)
    if found != (shape, dtype):
        raise InvalidInput(f"{name} must be {dtype} of shape {shape}, not {found[1]} of {found[0]}", place=place)
    if len(content.getbuffer()) - content.tell() != size:
        raise InvalidInput(f"{name} is cut off, or too long", place=place)
    content.seek(0)
    array: NDArray[Any] = _npy.read_array(content, allow_pickle=False)
    return array


def _content(archive: zipfile.ZipFile, name: str, most: int, place: str) -> io.BytesIO:
    """A member of the archive, whole, its checksum compared."""
    member = archive.getinfo(f"{name}.npy")
    if member.file_size > most:
        raise InvalidInput(f"{name} has {member.file_size} bytes where at most {most} make sense", place=place)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InvalidInput(f"{name} is compressed in a way that is never used here", place=place)
    with archive.open(member) as file:
        return io.BytesIO(file.read(most + 1))


def _shape_and_dtype(content: io.BytesIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """What a .npy says of itself, before anything of that size is allocated; the data follows in ``content``."""
    version = _npy.read_magic(content)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array in .npy format {version}")
    read = _npy.read_array_header_1_0 if version == (1, 0) else _npy.read_array_header_2_0
    shape, _, dtype = read(content)
    return shape, dtype


def _require_consistent(network: Snapshot, place: str) -> None:
    for name, array in network.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InvalidInput(f"{name} has values that are not finite", place=place)
        if name.endswith(".mask") and network[f"{name.removesuffix('mask')}weight"][~array].any():
            raise InvalidInput(f"{name} is off where weights are not zero", place=place)
