"""Arms, factors and data entries as resolved configurations: what overrides what, and whose line is to blame."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import ValidationError

from dsn.config import DataConfig, RunConfig
from dsn.data.catalogue import collections
from dsn.errors import InvalidInput
from dsn.recipes import RECIPES
from pipeline.study.document import KeyPath
from pipeline.study.spec import Study
from pipeline.study.validation import adapter, explain
from pipeline.wording import spelled

WHICH_DATA = ("data.source", "data.name", "data.path")
"""Settings that stand in the entries of ``data`` and nowhere else."""

SETTINGS = tuple(RunConfig(data=DataConfig(source="", name="")).settings())
"""Every key that a configuration has, dotted."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Overrides: an arm of the file under one combination of factor values.

    ``label`` is ``name`` with that combination; ``origins`` says where in the document each dotted key was written.
    """

    name: str
    label: str
    factors: Mapping[str, Any]
    overrides: Mapping[str, Any]
    origins: Mapping[str, KeyPath]


def expanded_arms(study: Study) -> Iterator[Arm]:
    """Every arm crossed with every combination of factor values; those that ``factors.arms`` leaves out, once."""
    spec = study.spec
    base = flattened(spec.base, ("base",))
    for name, written in spec.arms.items():
        own = flattened(written, ("arms", name))
        for key in spec.factors.values if spec.factors and spec.factors.crosses(name) else {}:
            if key in own:
                raise InvalidInput("is set by an arm and by a factor", key=key, place=study.document.place(own[key][1]))
        for chosen in spec.combinations(name):
            factors = {key: (value, ("factors", "values", key)) for key, value in chosen.items()}
            merged = {**base, **own, **factors}
            yield Arm(
                name=name,
                factors=chosen,
                label=", ".join([name, *(f"{key}={spelled(value)}" for key, value in chosen.items())]),
                overrides={key: value for key, (value, _) in merged.items()},
                origins={key: origin for key, (_, origin) in merged.items()},
            )


def flattened(block: Mapping[str, Any], origin: KeyPath, prefix: str = "") -> dict[str, tuple[Any, KeyPath]]:
    """Dotted key -> value, and where in the document it stands; an empty mapping is a value."""
    flat: dict[str, tuple[Any, KeyPath]] = {}
    for key, value in block.items():
        if isinstance(value, dict) and value:
            flat |= flattened(value, (*origin, key), f"{prefix}{key}.")
        else:
            flat[prefix + key] = (value, (*origin, key))
    return flat


_SETS = ("names", "collection")
"""Keys of an entry under ``data`` that say which sets it is about: one of them."""

_ENTRY_KEYS = (*_SETS, *(each.name for each in fields(DataConfig) if each.name != "name"))
"""An entry is a DataConfig for each of its sets."""


def data_entries(study: Study) -> Iterator[tuple[dict[str, Any], Mapping[str, KeyPath]]]:
    """One entry a data set: the fields of its DataConfig, and where each of them was written."""
    seen: set[str] = set()
    for index, entry in enumerate(study.spec.data):
        origin: KeyPath = ("data", index)
        unknown = next((key for key in entry if key not in _ENTRY_KEYS), None)
        if unknown is not None:
            place = study.document.place((*origin, unknown))
            raise InvalidInput("unknown key", key=f"data.{unknown}", place=place, choices=_ENTRY_KEYS)
        shared = {key: value for key, value in entry.items() if key not in _SETS}
        origins: dict[str, KeyPath] = {key: (*origin, key) for key in shared}
        for name, written in _named_sets(study, entry, origin):
            # Source folder and some file systems do not tell case apart: the same series would count twice in means.
            if name.casefold() in seen:
                raise InvalidInput(
                    "is listed twice", key=str(written[2]), value=name, place=study.document.place(written)
                )
            seen.add(name.casefold())
            yield {**shared, "name": name}, {"": origin, **origins, "name": written}


def _named_sets(study: Study, entry: Mapping[str, Any], origin: KeyPath) -> Iterator[tuple[str, KeyPath]]:
    """The sets of an entry, and where each of them was written."""
    if "collection" in entry:
        chosen, written = entry["collection"], (*origin, "collection")
        place = study.document.place(written)
        if "names" in entry:
            raise InvalidInput("stands instead of names, not beside them", key="collection", value=chosen, place=place)
        if not isinstance(chosen, str) or chosen not in collections():
            raise InvalidInput("no such collection", key="collection", value=chosen, place=place, choices=collections())
        yield from ((name, written) for name in collections()[chosen])
        return
    names = entry.get("names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        place = study.document.place((*origin, "names"))
        raise InvalidInput("must list the names of data sets", key="names", value=names, place=place)
    yield from ((name, (*origin, "names", position)) for position, name in enumerate(names))


def resolved(study: Study, arm: Arm, entry: Mapping[str, Any], written: Mapping[str, KeyPath]) -> RunConfig:
    """recipe < base < data entry < arm < factor, validated; an error is blamed on the line that wrote the value."""
    overrides = dict(arm.overrides)
    recipe = overrides.pop("recipe", "published-code")
    if recipe not in list(RECIPES):
        place = study.document.place(arm.origins["recipe"])
        raise InvalidInput("unknown recipe", key="recipe", value=recipe, place=place, choices=sorted(RECIPES))
    fixed = {key for key in overrides if key in WHICH_DATA}
    if fixed:
        key = min(fixed)
        raise InvalidInput("belongs under data:", key=key, place=study.document.place(arm.origins[key]))
    entry_keys = {f"data.{key}": value for key, value in entry.items()}
    # What base says of the data is a default for the entries; what an arm or a factor says replaces theirs.
    late = {key: value for key, value in overrides.items() if arm.origins[key][0] != "base"}
    layers: dict[str, Any] = {**RECIPES[recipe], **overrides, **entry_keys, **late}
    origins = {**arm.origins, **{f"data.{key}": written[key] for key in entry}}
    origins |= {key: arm.origins[key] for key in late}
    _require_two_levels(study, layers, origins)
    nested = _nested(layers)
    try:
        return adapter(RunConfig).validate_json(json.dumps(nested))
    except ValidationError as error:
        problem, where = explain(error, RunConfig, nested)
        key = ".".join(map(str, where))
        unknown = problem.problem.startswith("unknown key")
        if len(where) == 1 and problem.choices:
            problem.choices += ("recipe",)  # which base and arms may have beside a configuration's rooms
        origin = (
            value_origin(study, arm, key) if key in arm.factors and not unknown else _blamed(key, origins, written[""])
        )
        raise InvalidInput(
            problem.problem,
            key=key,
            value=problem.value,
            place=study.document.place(origin),
            choices=problem.choices,
        ) from error


def data_origins(arm: Arm, written: Mapping[str, KeyPath]) -> dict[str, KeyPath]:
    """Where the settings of a data set were written that ``arm`` has on it, ``written`` in its entry: by their names
    without ``data.``; base < data entry < arm."""
    own = {key.removeprefix("data."): origin for key, origin in arm.origins.items() if key.startswith("data.")}
    base = {key: origin for key, origin in own.items() if origin[0] == "base"}
    return {**base, **written, **{key: origin for key, origin in own.items() if key not in base}}


def _blamed(key: str, origins: Mapping[str, KeyPath], otherwise: KeyPath) -> KeyPath:
    """Where ``key`` was written, or else something below it."""
    below = (name for name in origins if name.startswith(f"{key}."))
    return origins[key] if key in origins else next((origins[name] for name in below), otherwise)


def value_origin(study: Study, arm: Arm, key: str) -> KeyPath:
    """Where the value of ``key`` stands that ``arm`` has: that of a factor in its list."""
    factors = study.spec.factors
    written = arm.origins[key]
    return (*written, factors.values[key].index(arm.factors[key])) if factors and key in arm.factors else written


def _require_two_levels(study: Study, layers: Mapping[str, Any], origins: Mapping[str, KeyPath]) -> None:
    """A setting is ``room.key``: a key below it would get lost under the setting's own value."""
    for key in layers:
        room, _, rest = key.partition(".")
        setting = f"{room}.{rest.partition('.')[0]}"
        if "." in rest and setting in SETTINGS:
            place = study.document.place(origins[key])
            raise InvalidInput(f"unknown key: {setting} takes a value, not keys of its own", key=key, place=place)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as nested mappings; a scalar where a mapping is needed is left for the validator to refuse."""
    nested: dict[str, Any] = {}
    for key in sorted(flat, key=lambda dotted: dotted.count(".")):
        *parents, last = key.split(".")
        node = nested
        for part in parents:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                break
        else:
            # A copy, for an empty mapping may be filled by the keys that follow, for this arm alone.
            node[last] = dict(flat[key]) if isinstance(flat[key], dict) else flat[key]
    return nested
