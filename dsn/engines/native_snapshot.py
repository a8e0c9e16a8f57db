"""A native network's weights under the names of the reference network, out of its memory and back into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.engines.contract import Snapshot
from dsn.engines.native_layers import NativeLayer
from dsn.native.network import HEAD, NativeNetwork, Part, Which
from dsn.sparsity.trainer import Mask


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the library keeps an array, and the shape that it has for others."""

    block: int
    part: Part
    which: Which
    shape: tuple[int, ...]


class NativeSnapshot(Mapping[str, NDArray[Any]]):
    """A copy of a network's arrays. Convolutions are kept by their active weights alone, so that taking one costs no
    more than they do; ``snapshot[name]`` makes the whole array.

    Args:
        network: what to copy.
        layers: its convolutions.
        positions: their active weights as flat positions, which nobody changes.
    """

    def __init__(
        self, network: NativeNetwork, layers: Sequence[NativeLayer], positions: Sequence[NDArray[np.int32]]
    ) -> None:
        self._layers = tuple(layers)
        self._positions = tuple(positions)
        classes = network.array(HEAD, Part.NORM_BIAS, Which.WEIGHT).size
        self._places = _places(self._layers, classes)
        self._values = {
            name: network.array(place.block, place.part, place.which).copy() for name, place in self._places.items()
        }
        self._batches = {
            f"{_room(block)}.norm.num_batches_tracked": network.batches(block) for block in _blocks(layers)
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name in self._batches:
            return np.array(self._batches[name])
        if name.endswith(".mask"):
            index = self._names_of_masks().index(name)
            return self._layers[index].mask(self._positions[index])
        place = self._places[name]
        if place.part == Part.CONVOLUTION and place.block != HEAD:
            return self._layers[place.block].scattered(self._positions[place.block], self._values[name])
        return self._values[name].reshape(place.shape)

    def __iter__(self) -> Iterator[str]:
        masks = self._names_of_masks()
        for name in self._places:
            yield name
            if (mask := name.replace("convolution.weight", "convolution.mask")) in masks:
                yield mask
            if name.endswith("running_var"):
                yield name.replace("running_var", "num_batches_tracked")

    def __len__(self) -> int:
        return len(self._places) + len(self._batches) + len(self._names_of_masks())

    def _names_of_masks(self) -> list[str]:
        return [f"{_room(index)}.convolution.mask" for index, layer in enumerate(self._layers) if layer.groups]


def write(network: NativeNetwork, layers: Sequence[NativeLayer], masks: Sequence[Mask], snapshot: Snapshot) -> None:
    """Give a network these masks and a snapshot's weights; moments of weights that are turned off are lost."""
    for index, mask in enumerate(masks):
        network.set_mask(index, mask, None)
    classes = len(snapshot["head.norm.weight"])
    for name, place in _places(layers, classes).items():
        values = snapshot[name].reshape(-1)
        if place.part == Part.CONVOLUTION and place.block != HEAD:
            values = values[network.positions(place.block)]
        network.array(place.block, place.part, place.which)[...] = values
    for block in _blocks(layers):
        network.set_batches(block, int(snapshot[f"{_room(block)}.norm.num_batches_tracked"]))


def masks_in(snapshot: Snapshot, layers: Sequence[NativeLayer]) -> list[Mask]:
    """A snapshot's masks; all usable weights where a layer has none."""
    return [
        snapshot[f"{_room(index)}.convolution.mask"] if layer.groups else layer.usable
        for index, layer in enumerate(layers)
    ]


def _places(layers: Sequence[NativeLayer], classes: int) -> dict[str, _Place]:
    """Arrays of weights and of batch norms' statistics, in the reference network's order."""
    places: dict[str, _Place] = {}
    for index, layer in enumerate(layers):
        room, outputs = _room(index), layer.shape[0]
        if layer.inputs is not None:
            shape = (layer.shape[1], layer.inputs, 1)
            places[f"{room}.bottleneck.weight"] = _Place(
                block=index, part=Part.BOTTLENECK, which=Which.WEIGHT, shape=shape
            )
        places[f"{room}.convolution.weight"] = _Place(
            block=index, part=Part.CONVOLUTION, which=Which.WEIGHT, shape=layer.shape
        )
        places |= _norm_places(index, outputs)
    shape = (classes, layers[-1].shape[0], 1)
    places["head.convolution.weight"] = _Place(block=HEAD, part=Part.CONVOLUTION, which=Which.WEIGHT, shape=shape)
    return places | _norm_places(HEAD, classes)


def _norm_places(block: int, channels: int) -> dict[str, _Place]:
    parts = {
        "weight": (Part.NORM_WEIGHT, Which.WEIGHT),
        "bias": (Part.NORM_BIAS, Which.WEIGHT),
        "running_mean": (Part.NORM_WEIGHT, Which.RUNNING_MEAN),
        "running_var": (Part.NORM_WEIGHT, Which.RUNNING_VARIANCE),
    }
    return {
        f"{_room(block)}.norm.{name}": _Place(block=block, part=part, which=which, shape=(channels,))
        for name, (part, which) in parts.items()
    }


def _room(block: int) -> str:
    return "head" if block == HEAD else f"blocks.{block}"


def _blocks(layers: Sequence[NativeLayer]) -> list[int]:
    return [*range(len(layers)), HEAD]
