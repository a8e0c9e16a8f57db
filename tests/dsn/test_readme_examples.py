"""The examples of dsn/README.md, one after the other, with what their comments promise; 2 epochs where it says 40."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsn.artifact import NetworkHeader
from dsn.data import load
from dsn.trained import TrainedNetwork

README = Path(__file__).parents[2] / "dsn" / "README.md"


def test_the_examples_run_and_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    text, shortened = re.subn("epochs=40", "epochs=2", README.read_text(encoding="utf-8"))
    assert shortened == 2
    training, using, exporting, classifying = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}

    exec(training, names)
    accuracy = names["result"].metrics["test_accuracy"]
    assert capsys.readouterr().out.startswith(f"{accuracy} ")

    # What a trial of that configuration would have left behind.
    (folder,) = re.findall(r'dsn\.load\("(.*?)"\)', using)
    Path(folder).mkdir(parents=True)
    header = NetworkHeader.of(names["config"], load(names["config"].data))
    TrainedNetwork(names["result"].network, header).save(Path(folder) / "network.npz")
    exec(using, names)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("<TrainedNetwork GunPoint: series (1, 150), 2 classes; ")
    assert lines[1] == str(accuracy)

    exec(exporting, names)
    found = names["log_probabilities"].numpy()
    assert capsys.readouterr().out == f"{[str(label) for label in names['network'].predict(names['x_test'][:3])]}\n"
    # The same sums in float32, perhaps in another order, as in the engines' contract.
    assert np.allclose(found, names["network"].predict_log_proba(names["x_test"]), atol=1e-5)

    exec(classifying, names)
    assert capsys.readouterr().out == f"{accuracy}\n"
    assert names["dsn"].load("gunpoint.npz").arrays.keys() == names["network"].arrays.keys()
    assert Path("gunpoint.npz").stat().st_size > 0
