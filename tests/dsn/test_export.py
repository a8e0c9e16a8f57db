"""An exported network predicts in a process without this project what it predicts here."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dsn.artifact import NetworkHeader
from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.dataset import Scaling
from dsn.errors import InvalidInput
from dsn.export import FORMAT
from dsn.trained import TrainedNetwork
from dsn.training import fit

CONFIG = RunConfig(
    data=DataConfig(source="npz", name="made-up", normalisation="global"),
    model=ModelConfig(channels=9, kernel_size=9, depth=2, pool_size=10),
    sparsity=SparsityConfig(level=0.6),
    training=TrainingConfig(epochs=20, batch_size=4, batch_rule="fixed", learning_rate=1e-2),
)
SCALING = Scaling(mean=50.125, std=4.3)

# Neither this project nor what it stands on besides torch: numpy is only for the files.
ELSEWHERE = """
import json, sys, warnings
warnings.simplefilter("error")
for name in ("dsn", "pipeline", "aeon", "sklearn", "pandas"):
    sys.modules[name] = None
import numpy, torch
about = {"dsn.json": ""}
program = torch.export.load("network.pt2", extra_files=about).module()
numpy.save("found.npy", program(torch.from_numpy(numpy.load("series.npy"))).numpy())
print(about["dsn.json"])
"""


@pytest.fixture
def trained(make_data) -> Any:
    def make(config: RunConfig, channels: int) -> TrainedNetwork:
        data = replace(make_data(channels=channels, classes=3), classes=("1", "Straße", "a\nb"), scaling=SCALING)
        return TrainedNetwork(fit(config, data, seed=0).network, NetworkHeader.of(config, data))

    return make


def _raw(n: int, channels: int) -> NDArray[np.float32]:
    """Series as they might come, on the scale that ``SCALING`` undoes: gaps, early ends, one without any number."""
    rng = np.random.default_rng(n)
    x = rng.normal(loc=SCALING.mean, scale=SCALING.std, size=(n, channels, 20)).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    x[::3, :, 15:] = np.nan
    x[1:2] = np.nan
    return x


def _require_equal(found: NDArray[np.float32], network: TrainedNetwork, x: NDArray[np.float32]) -> None:
    assert found.dtype == np.float32
    # The same sums in float32, perhaps in another order, as in the engines' contract.
    assert np.allclose(found, network.predict_log_proba(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "channels"),
    [
        (CONFIG, 1),
        (replace(CONFIG, model=replace(CONFIG.model, padding="zero", kernel_size=8)), 2),
        (replace(CONFIG, model=replace(CONFIG.model, pool_size=50), sparsity=SparsityConfig(level="dense")), 1),
    ],
    ids=["univariate", "multivariate, zero padding", "dense, stretched by the head"],
)
def test_the_program_predicts_what_the_network_does(tmp_path: Path, trained, config: RunConfig, channels: int) -> None:
    network = trained(config, channels)
    network.export(tmp_path / "network.pt2")
    program = torch.export.load(tmp_path / "network.pt2").module()
    for n in (1, 2, 300):
        x = _raw(n, channels)
        _require_equal(program(torch.from_numpy(x)).numpy(), network, x)
    assert np.ptp(network.predict_log_proba(_raw(300, channels)), axis=0).min() > 1e-2, "else equality shows little"


def test_elsewhere_it_predicts_the_same_and_says_what_it_is(tmp_path: Path, trained) -> None:
    network, x = trained(CONFIG, 1), _raw(7, 1)
    network.export(tmp_path / "network.pt2")
    np.save(tmp_path / "series.npy", x)
    answer = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert answer.returncode == 0, answer.stderr
    _require_equal(np.load(tmp_path / "found.npy"), network, x)
    about = json.loads(answer.stdout)
    assert about.pop("format") == FORMAT
    assert about == json.loads(json.dumps(asdict(network._header)))


def test_another_shape_or_type_is_refused_by_the_program(tmp_path: Path, trained) -> None:
    trained(CONFIG, 1).export(tmp_path / "network.pt2")
    program = torch.export.load(tmp_path / "network.pt2").module()
    x = torch.zeros(3, 1, 20)
    program(x)
    for other in (x[:, :, :19], torch.zeros(3, 2, 20), x.double(), x[:, 0]):
        with pytest.raises((AssertionError, RuntimeError)):
            program(other)


def test_a_file_is_the_same_whenever_and_wherever_it_is_written(tmp_path: Path, trained) -> None:
    network = trained(CONFIG, 1)
    files = [tmp_path / "one.pt2", tmp_path / "two.pt2"]
    for file in files:
        network.export(str(file))
    assert files[0].read_bytes() == files[1].read_bytes()
    with zipfile.ZipFile(files[0]) as archive:
        contents = b"".join(map(archive.read, archive.namelist()))
    for place in (Path(__file__).parents[2], sys.prefix, tmp_path):
        assert str(place).encode() not in contents


def test_exporting_changes_neither_the_network_nor_another_file(tmp_path: Path, trained) -> None:
    network = trained(CONFIG, 1)
    x = _raw(5, 1)
    before = network.predict_log_proba(x)
    with pytest.raises(InvalidInput) as caught:
        network.export(tmp_path / "network.onnx")
    assert str(caught.value).startswith("path: must end in .pt2")
    with pytest.raises(FileNotFoundError):
        network.export(tmp_path / "nowhere" / "network.pt2")
    network.export(tmp_path / "network.pt2")
    assert [path.name for path in tmp_path.iterdir()] == ["network.pt2"]
    assert network.predict_log_proba(x).tobytes() == before.tobytes()
