"""What ``dsn plan`` says beside the counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsn.data import describe
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.terminal.plan_text import plan_text

ARMS = """
name: s
data: [{source: aeon, names: [GunPoint]}]  # 50 training series: 10 steps an epoch
base: {training: {epochs: 4}}
seeds: 1
arms:
  epochs: {}
  steps: {sparsity.update_unit: steps, sparsity.update_every: 41}
  in-time: {sparsity.update_unit: steps, sparsity.update_every: 40}
  fixed: {sparsity.explore: false}
  dense: {sparsity.level: dense}
  short: {model.kernel_size: 4}
"""


@pytest.mark.parametrize(("epochs", "note"), [(4, "in epochs; steps"), (5, "")], ids=["too short", "long enough"])
def test_who_would_never_be_updated_is_named(tmp_path: Path, epochs: int, note: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(ARMS)
    plan = make_plan(read_study(file, settings=[f"base.training.epochs={epochs}"]), describe)
    notes = [line for line in plan_text(plan, 0).splitlines() if "no mask update" in line]
    assert notes == ([f"note:      no mask update falls due {note}"] if note else [])
