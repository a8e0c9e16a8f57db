"""Entries of ``exclude``: which combinations of arm, data set and settings a study leaves out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dsn.config import RunConfig
from dsn.errors import InvalidInput
from pipeline.study.document import KeyPath
from pipeline.study.resolution import SETTINGS, Arm, flattened
from pipeline.study.spec import Study
from pipeline.study.validation import adapter, explain

_KNOWN = ("arm", *SETTINGS)


@dataclass(frozen=True, kw_only=True)
class Exclusions:
    """Entries that name the same keys are one mapping: so thousands of them are looked up at once.

    Attributes:
        values: keys -> their values in each of the entries.
    """

    values: Mapping[tuple[str, ...], set[tuple[Any, ...]]]

    def hold(self, arm: Arm, config: RunConfig) -> bool:
        """Whether some entry holds in all its parts."""
        known = config.settings() | {"arm": arm.name} if self.values else {}
        return any(tuple(_comparable(known[key]) for key in keys) in values for keys, values in self.values.items())


def _comparable(value: object) -> tuple[bool, object]:
    """As YAML compares: 1 is 1.0 but not true."""
    return isinstance(value, bool), value


def exclusions(study: Study) -> Exclusions:
    """The entries of a study.

    Raises:
        InvalidInput: one names what does not exist, or gives a value that its key can never have. Both would exclude
            nothing, and nobody would notice.
    """
    values: dict[tuple[str, ...], set[tuple[Any, ...]]] = defaultdict(set)
    for index, entry in enumerate(study.spec.exclude):
        conditions = flattened(entry, ("exclude", index))
        for key, (value, origin) in conditions.items():
            _require_possible(study, key, value, origin)
        if conditions:
            values[tuple(conditions)].add(tuple(_comparable(value) for value, _ in conditions.values()))
    return Exclusions(values=values)


def _require_possible(study: Study, key: str, value: object, origin: KeyPath) -> None:
    place = study.document.place(origin)
    if key not in _KNOWN:
        raise InvalidInput("unknown key", key=key, place=place, choices=_KNOWN)
    if key == "arm":
        if value not in list(study.spec.arms):
            raise InvalidInput("no such arm", key=key, value=value, place=place, choices=study.spec.arms)
        return
    room, _, setting = key.partition(".")
    config: dict[str, dict[str, object]] = {"data": {"source": "", "name": ""}}
    config.setdefault(room, {})[setting] = value
    try:
        adapter(RunConfig).validate_json(json.dumps(config))
    except ValidationError as error:
        # Only the type is judged: whether a value is in range may depend on settings that are not known here.
        if all(each["type"] != "value_error" for each in error.errors()):
            problem, _ = explain(error, RunConfig, config)
            raise InvalidInput(
                problem.problem, key=key, value=problem.value, place=place, choices=problem.choices
            ) from error
