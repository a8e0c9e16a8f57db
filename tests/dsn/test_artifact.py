"""The file of a trained network: what is written is read, and whatever is broken is refused with its reason."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsn.artifact import FORMAT, NetworkHeader, network_bytes, read_network
from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.dataset import Scaling
from dsn.engines.contract import Snapshot
from dsn.errors import InvalidInput
from dsn.training import Training

CONFIG = RunConfig(
    data=DataConfig(source="npz", name="made-up", normalisation="global"),
    model=ModelConfig(channels=3, kernel_size=5, depth=2, pool_size=4),
    sparsity=SparsityConfig(level=0.5, groups=1),
    training=TrainingConfig(epochs=1),
)
SCALING = Scaling(mean=0.1 + 0.2, std=1e-300)

Members = dict[str, bytes]


@pytest.fixture
def trained(make_data) -> tuple[Snapshot, NetworkHeader]:
    data = replace(make_data(channels=2, classes=3), classes=("1", "Straße", "a\nb"), scaling=SCALING)
    training = Training(CONFIG, data, seed=0)
    list(training.epochs())
    return training.selected, NetworkHeader.of(CONFIG, data)


@pytest.fixture
def content(trained) -> bytes:
    return network_bytes(*trained)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[bytes], str]:
    """Why ``read_network`` refuses such a file, without the file's name."""

    def reason(content: bytes) -> str:
        file = tmp_path / "network.npz"
        file.write_bytes(content)
        with pytest.raises(InvalidInput) as caught:
            read_network(file)
        assert caught.value.place == str(file)
        return str(caught.value).removeprefix(f"{file}: ")

    return reason


def _members(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(members: Members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return buffer.getvalue()


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _with_header(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    members = _members(content)
    header = json.loads(np.load(io.BytesIO(members["header.npy"])).item())
    change(header)
    return _packed({**members, "header.npy": _npy(np.array(json.dumps(header)))})


def _with_array(content: bytes, name: str, change: Callable[[np.ndarray[Any, Any]], Any]) -> bytes:
    members = _members(content)
    array = np.load(io.BytesIO(members[f"array/{name}.npy"]))
    return _packed({**members, f"array/{name}.npy": _npy(change(array))})


def test_what_is_written_is_read_bit_for_bit(trained, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "network.npz").write_bytes(content)
    network, header = read_network(tmp_path / "network.npz")
    assert header == trained[1]
    assert (header.channels, header.length, header.scaling) == (2, 20, SCALING)
    assert network.keys() == trained[0].keys()
    for name, array in trained[0].items():
        assert (network[name].dtype, network[name].tobytes()) == (array.dtype, array.tobytes())


def test_equal_networks_are_equal_bytes(trained, content: bytes) -> None:
    assert network_bytes(*trained) == content


def test_a_dense_network_has_no_masks(make_data, tmp_path: Path) -> None:
    config = replace(CONFIG, sparsity=SparsityConfig(level="dense"))
    data = make_data()
    training = Training(config, data, seed=0)
    list(training.epochs())
    (tmp_path / "network.npz").write_bytes(network_bytes(training.selected, NetworkHeader.of(config, data)))
    network, header = read_network(tmp_path / "network.npz")
    assert header.config == config
    assert not [name for name in network if "mask" in name]


def test_arrays_in_the_other_order_of_memory_are_read(trained, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "network.npz").write_bytes(
        _with_array(content, "blocks.1.convolution.weight", np.asfortranarray)  # as a transposed snapshot is stored
    )
    network, _ = read_network(tmp_path / "network.npz")
    assert np.array_equal(network["blocks.1.convolution.weight"], trained[0]["blocks.1.convolution.weight"])


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"network\.npz: no such file$"):
        read_network(tmp_path / "network.npz")


def test_a_device_is_not_read() -> None:
    with pytest.raises(InvalidInput, match=r"/dev/zero: is no file$"):
        read_network(Path("/dev/zero"))


@pytest.mark.parametrize("junk", [b"", b"PK", b"\x93NUMPY" + bytes(100), _npy(np.ones(3)), b"\0" * 1000])
def test_something_else(refused, junk: bytes) -> None:
    assert refused(junk).startswith("not a readable network: ")


def test_another_archive(refused) -> None:
    assert refused(_packed({"X_train.npy": _npy(np.ones(3))})) == "not a trained network: it has no header"


def test_a_file_that_is_cut_off_is_refused_wherever(content: bytes, refused) -> None:
    for length in range(0, len(content), 61):
        assert refused(content[:length]).startswith("not a readable network: ")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bits_are_refused_or_change_nothing(trained, content: bytes, tmp_path: Path, data) -> None:
    # A zip file has bits that mean nothing here, such as the times of its members.
    broken = bytearray(content)
    for position in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=3)):
        broken[position // 8] ^= 1 << position % 8
    (tmp_path / "network.npz").write_bytes(broken)
    try:
        network, header = read_network(tmp_path / "network.npz")
    except InvalidInput:
        return
    assert header == trained[1]
    assert all(network[name].tobytes() == array.tobytes() for name, array in trained[0].items())


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nonsense_with_right_checksums_is_refused_or_of_the_right_shape(content: bytes, tmp_path: Path, data) -> None:
    members = _members(content)
    name = data.draw(st.sampled_from(sorted(members)))
    # The first bytes of a .npy say what the others mean.
    position = data.draw(st.integers(0, min(len(members[name]), 130) - 1))
    changed = bytearray(members[name])
    changed[position] = data.draw(st.integers(0, 255))
    (tmp_path / "network.npz").write_bytes(_packed({**members, name: bytes(changed)}))
    try:
        network, _ = read_network(tmp_path / "network.npz")
    except InvalidInput:
        return
    assert network["blocks.0.convolution.weight"].shape == (3, 1, 5)


def test_format_1_says_what_it_lacks(content: bytes, refused) -> None:
    assert refused(_with_header(content, lambda header: header.update(format=1))) == (
        "format 1 did not keep the training set's length and scaling, so series cannot be prepared for it; "
        "train it again"
    )


@pytest.mark.parametrize("other", [FORMAT + 1, 0, "2", None])
def test_another_format_is_named(content: bytes, refused, other: object) -> None:
    reason = refused(_with_header(content, lambda header: header.update(format=other)))
    assert reason == f"of another version of this software, which reads format {FORMAT} (got {other!r})"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda header: header.pop("format"), "not a trained network: its header names no format"),
        (lambda header: header.pop("length"), "length: is missing"),
        (lambda header: header.update(lenght=3), "lenght: no such setting; did you mean 'length'? Valid: config, "),
        (lambda header: header.update(length=0), "length: must be between 1 and 10000000 (got 0)"),
        (lambda header: header.update(channels=10**12), "channels: must be between 1 and 10000000 (got 1"),
        (lambda header: header.update(channels=3), "blocks.0.bottleneck.weight must be float32 of shape (1, 3, 1), no"),
        (lambda header: header.update(classes="abc"), "classes: must be a list (got 'abc')"),
        (lambda header: header.update(classes=["a", 2]), "classes[1]: must be text (got 2)"),
        (lambda header: header.update(classes=["a", "a"]), "classes: must be at least 2, all different (got ('a', 'a'"),
        (lambda header: header.update(classes=["a"]), "classes: must be at least 2, all different (got ('a',))"),
        (lambda header: header.update(classes=["a", "b"]), "head.convolution.weight must be float32 of shape (2, 3, 1"),
        (lambda header: header["scaling"].update(std=0.0), "scaling.std: must be above 0 and finite (got 0.0)"),
        (lambda header: header["scaling"].update(mean=float("nan")), "scaling.mean: must be finite (got nan)"),
        (
            lambda header: header["config"]["model"].update(depth=1),
            "does not hold the arrays of its network; at fault: ",
        ),
        (lambda header: header["config"]["model"].update(name="x"), "config.model.name: must be 'dsn' (got 'x')"),
        (
            lambda header: header["config"]["sparsity"].update(groups=9),
            "sparsity.groups: must be at most the kernel si",
        ),
        # Petabytes of weights, which must not be allocated before they are missed.
        (
            lambda header: header["config"]["model"].update(channels=30_000, kernel_size=10_000),
            "blocks.0.bottleneck.weight must be float32 of shape (10000, 2, 1), not float32 of (1, 2, 1)",
        ),
    ],
)
def test_a_header_that_is_wrong_is_named(content: bytes, refused, change, problem: str) -> None:
    assert refused(_with_header(content, change)).startswith(problem)


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (np.array("{"), "not a readable network: "),
        (np.array("[" * 100_000), "not a readable network: "),
        (np.array("[1]"), "not a trained network: its header names no format"),
        (np.array([1.0]), "not a trained network: its header is not a text"),
        (np.array(["{}"]), "not a trained network: its header is not a text"),
        # Numbers that are no characters, which NumPy makes text of all the same.
        (np.array([*map(ord, '{"format": 2, "'), 0x610068, *map(ord, '": 1}')], "<u4").view("<U21")[0], "not a readab"),
    ],
)
def test_a_header_that_is_no_header(content: bytes, refused, header: Any, problem: str) -> None:
    assert refused(_packed({**_members(content), "header.npy": _npy(header)})).startswith(problem)


def _elsewhere(mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.zeros_like(mask)


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        (
            "blocks.0.convolution.mask",
            lambda mask: mask[:-1],
            "blocks.0.convolution.mask must be bool of shape (3, 1, 5)",
        ),
        (
            "blocks.0.convolution.mask",
            lambda mask: mask.astype(np.float32),
            "blocks.0.convolution.mask must be bool of s",
        ),
        ("blocks.0.convolution.mask", _elsewhere, "blocks.0.convolution.mask is off where weights are not zero"),
        (
            "head.convolution.weight",
            lambda x: x.astype(np.float64),
            "head.convolution.weight must be float32 of shape (",
        ),
        (
            "head.convolution.weight",
            lambda x: x.astype(">f4"),
            "head.convolution.weight must be float32 of shape (3, 3,",
        ),
        (
            "head.convolution.weight",
            lambda x: x[..., 0],
            "head.convolution.weight must be float32 of shape (3, 3, 1), n",
        ),
        (
            "head.convolution.weight",
            lambda x: x * np.float32(np.nan),
            "head.convolution.weight has values that are not f",
        ),
        (
            "head.norm.running_var",
            lambda x: x * np.float32(np.inf),
            "head.norm.running_var has values that are not finit",
        ),
    ],
)
def test_an_array_that_is_wrong_is_named(content: bytes, refused, name: str, change, problem: str) -> None:
    assert refused(_with_array(content, name, change)).startswith(problem)


def test_missing_and_superfluous_arrays_are_named(content: bytes, refused) -> None:
    members = _members(content)
    without = {name: member for name, member in members.items() if name != "array/head.norm.bias.npy"}
    expected = "does not hold the arrays of its network; at fault: array/"
    assert refused(_packed(without)) == f"{expected}head.norm.bias"
    assert refused(_packed({**members, "array/extra.npy": _npy(1)})) == f"{expected}extra"


@pytest.mark.parametrize("change", [lambda member: member[:-1], lambda member: member + b"\0"])
def test_an_array_of_another_number_of_bytes_is_refused(content: bytes, refused, change) -> None:
    members = _members(content)
    name = "array/blocks.1.convolution.weight.npy"
    reason = refused(_packed({**members, name: change(members[name])}))
    assert reason == "blocks.1.convolution.weight is cut off, or too long"


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': (), 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
        "{'descr': '<M8[zz]', 'fortran_order': False, 'shape': ()}",
        "{[]: 1}",
        "(",
        "  x\n y",
        "[" * 3000,
        "",
    ],
)
def test_a_description_of_an_array_that_is_none(content: bytes, refused, text: str) -> None:
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(12)
    for name in ("header.npy", "array/head.norm.bias.npy"):
        assert refused(_packed({**_members(content), name: array})).startswith("not a readable network: ")


class _Trap:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_pickles_are_not_opened(content: bytes, refused, tmp_path: Path) -> None:
    trap = np.empty((), dtype=object)
    trap[()] = _Trap(tmp_path / "sprung")
    pickled = _npy(trap)
    members = _members(content)
    assert refused(_packed({**members, "header.npy": pickled})).startswith("not a trained network: ")
    assert refused(_packed({**members, "array/head.norm.bias.npy": pickled})).startswith(
        "head.norm.bias must be float32"
    )
    assert not (tmp_path / "sprung").exists()
    np.load(io.BytesIO(pickled), allow_pickle=True)
    assert (tmp_path / "sprung").exists(), "the trap was set"


def test_a_member_beyond_its_size_is_not_unpacked(content: bytes, refused) -> None:
    bomb = bytes(10_000_000)
    reason = refused(_packed({**_members(content), "array/head.norm.bias.npy": bomb}))
    assert reason == "array/head.norm.bias has 10000000 bytes where at most 65548 make sense"


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(content: bytes, refused, compression: int) -> None:
    reason = refused(_packed(_members(content), compression))
    assert reason == "header is compressed in a way that is never used here"
