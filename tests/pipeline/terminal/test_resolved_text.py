"""``dsn plan --resolved``: every setting of every trial, each in the table where it belongs."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from study_text import plan_of

from dsn.config import DataConfig, RunConfig
from pipeline.analysis.table import Table
from pipeline.terminal.plan_text import plan_summary, plan_text
from pipeline.terminal.resolved_text import resolved_tables

STUDY = """\
name: s
data:
  - {source: npz, path: sets, names: [A, B], normalisation: global}
  - {source: npz, path: sets, names: [C]}
base: {recipe: paper, training: {epochs: 7}}
arms:
  dsn: {}
  fixed: {sparsity.explore: false}
  raw: {data.normalisation: none, sparsity.grow: gradient}
seeds: 2
"""


def _rows(table: Table) -> dict[str, list[str]]:
    return {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}


def test_every_setting_is_in_exactly_one_table(tmp_path: Path) -> None:
    shared, by_arm = resolved_tables(plan_of(tmp_path, STUDY))
    shown = [row[0].text for row in shared.rows] + [column.name for column in by_arm.columns[1:]]
    config = RunConfig(data=DataConfig(source="", name=""))
    known = {f"{room.name}.{each.name}" for room in fields(RunConfig) for each in fields(getattr(config, room.name))}
    assert sorted(shown) == sorted(known - {"data.name"})


def test_what_is_shared_stands_beside_the_default_where_it_departs_from_it(tmp_path: Path) -> None:
    shared = _rows(resolved_tables(plan_of(tmp_path, STUDY))[0])
    assert shared["training.epochs"] == ["7", "1000"]
    assert shared["sparsity.moments"] == ["fresh", "warm"]
    assert shared["model.channels"] == ["141", ""]
    assert shared["sparsity.final_fraction"] == ["0.0", "0.001"]


def test_what_differs_is_named_by_arm_with_all_its_values(tmp_path: Path) -> None:
    by_arm = resolved_tables(plan_of(tmp_path, STUDY))[1]
    assert [column.name for column in by_arm.columns] == [
        "arm",
        "data.normalisation",
        "sparsity.explore",
        "sparsity.grow",
    ]
    assert _rows(by_arm) == {
        "dsn": ["global or none", "true", "random"],
        "fixed": ["global or none", "false", "random"],
        "raw": ["none", "true", "gradient"],
    }


def test_what_the_data_set_alone_decides_is_named_by_data_set(tmp_path: Path) -> None:
    study = STUDY.replace("  raw: {data.normalisation: none, sparsity.grow: gradient}\n", "")
    _, by_arm, by_data_set = resolved_tables(plan_of(tmp_path, study))
    assert [column.name for column in by_arm.columns] == ["arm", "sparsity.explore"]
    assert _rows(by_data_set) == {"A": ["global"], "B": ["global"], "C": ["none"]}


def test_an_arm_keeps_the_settings_that_it_asked_for_where_it_shares_a_trial(tmp_path: Path) -> None:
    arms = "arms: {dense: {sparsity.level: dense}, wide: {sparsity.level: dense, sparsity.groups: 1}}\n"
    study = STUDY[: STUDY.index("arms:")] + arms + "seeds: 1\n"
    assert _rows(resolved_tables(plan_of(tmp_path, study))[1]) == {"dense": ["3"], "wide": ["1"]}


def test_a_study_of_one_configuration_has_one_table(tmp_path: Path) -> None:
    study = STUDY[: STUDY.index("arms:")].replace(", normalisation: global", "") + "seeds: 1\n"
    (only,) = resolved_tables(plan_of(tmp_path, study))
    assert only.title == "Settings of all 3 trials"


def test_text_and_json_show_settings_only_when_asked(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, STUDY)
    assert "sparsity.moments" in plan_text(plan, 10**6, resolved=True)
    assert "sparsity.moments" not in plan_text(plan, 10**6)
    trials = plan_summary(plan, 10**6, resolved=True)["trial_list"]
    assert [trial["config"]["sparsity"]["moments"] for trial in trials] == ["fresh"] * len(plan.trials)
    assert all("config" not in trial for trial in plan_summary(plan, 10**6)["trial_list"])
