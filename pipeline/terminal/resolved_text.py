"""What a plan's settings come to, for ``dsn plan --resolved``: recipe, base, data entries, arms and factors applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dsn.config import DataConfig, RunConfig
from pipeline.analysis.table import Cell, Column, Table
from pipeline.planning.plan import Plan
from pipeline.study.resolution import WHICH_DATA
from pipeline.wording import ABSENT, counted, spelled


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """Those of one arm on one data set, under dotted keys."""

    arm: str
    dataset: str
    values: Mapping[str, Any]


def resolved_tables(plan: Plan) -> tuple[Table, ...]:
    """The settings that all trials share, those that an arm decides, and those that a data set decides."""
    found = list(_settings(plan))
    keys = [key for key in found[0].values if key != "data.name"]
    varying = {key for key in keys if len({_shown(each.values[key]) for each in found}) > 1}
    of_data_sets = {key for key in varying if _same_for_all_arms(found, key)}
    tables = [_shared(found[0], [key for key in keys if key not in varying], len(plan.trials))]
    for what, chosen in (("arm", varying - of_data_sets), ("data set", of_data_sets)):
        if chosen:
            tables.append(_differing(found, what, [key for key in keys if key in chosen]))
    return tuple(tables)


def _settings(plan: Plan) -> Iterator[_Settings]:
    trials = {trial.trial_id: trial for trial in plan.trials}
    seen = set()
    for cell in plan.cells:
        config = trials[cell.trial_id].config
        place = (cell.arm, cell.dataset, config)
        if place not in seen:
            seen.add(place)
            yield _Settings(arm=cell.arm, dataset=cell.dataset, values=config.settings() | cell.differs)


def _same_for_all_arms(found: list[_Settings], key: str) -> bool:
    values: dict[str, str] = {}
    return all(values.setdefault(each.dataset, _shown(each.values[key])) == _shown(each.values[key]) for each in found)


def _shared(settings: _Settings, keys: list[str], trials: int) -> Table:
    """Each setting, and beside it what ``published-code`` has where that is something else."""
    defaults = RunConfig(data=DataConfig(source="", name="")).settings()
    rows = []
    for key in keys:
        value, default = _shown(settings.values[key]), _shown(defaults[key])
        # Where data lie is no recipe's matter.
        other = default if value != default and key not in WHICH_DATA else ""
        rows.append((Cell(text=key), Cell(text=value), Cell(text=other)))
    columns = tuple(Column(name=name, numeric=False) for name in ("setting", "value", "published-code has"))
    whose = "the trial" if trials == 1 else f"all {counted(trials, 'trial')}"
    return Table(title=f"Settings of {whose}", columns=columns, rows=tuple(rows))


def _differing(found: list[_Settings], what: str, keys: list[str]) -> Table:
    """An arm (or a data set) a row; several values where it has one here and another there."""
    rows: dict[str, dict[str, dict[str, None]]] = {}
    for each in found:
        row = rows.setdefault(each.arm if what == "arm" else each.dataset, {key: {} for key in keys})
        for key in keys:
            row[key][_shown(each.values[key])] = None
    body = tuple(
        (Cell(text=name), *(Cell(text=" or ".join(values)) for values in row.values())) for name, row in rows.items()
    )
    columns = tuple(Column(name=name, numeric=False) for name in (what, *keys))
    return Table(title=f"Settings that differ between {what}s", columns=columns, rows=body)


def _shown(value: object) -> str:
    return ABSENT if value is None else spelled(value)
