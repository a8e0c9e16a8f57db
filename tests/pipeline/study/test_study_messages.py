"""What a study's author is told of a slip, for every key and every word of a study: where, and what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from data_info import made_info

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data import SOURCES, DataInfo, describe
from dsn.data.catalogue import collections
from dsn.errors import InvalidInput
from dsn.recipes import RECIPES
from pipeline.planning.plan import make_plan
from pipeline.study.factors import MODES, Factors
from pipeline.study.resources import Resources
from pipeline.study.spec import StudySpec, Tracking, read_study

HEAD = "name: s\ndata:\n  - {source: npz, path: sets, names: [A]}\n"

ROOMS: dict[str, type] = {"model": ModelConfig, "sparsity": SparsityConfig, "training": TrainingConfig}


def _describe(config: DataConfig) -> DataInfo:
    if config.source not in SOURCES:
        describe(config)
    return made_info(config)


def _names(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


@dataclass(frozen=True)
class Spot:
    """A place where a key may be written.

    ``text`` is a study with KEY and VALUE in it, ``siblings`` are the keys that may stand there.
    """

    text: str
    siblings: tuple[str, ...]

    def refusal(self, folder: Path, key: str, value: str) -> tuple[InvalidInput, str]:
        """Of the study with this key and value; and the place of the key, or of the dotted one that it ends."""
        file = folder / "study.yaml"
        error = self.error(file, key, value)
        assert error is not None, f"{key}: {value} is allowed"
        number, line = next((n, each) for n, each in enumerate(self.text.splitlines(), 1) if "KEY" in each)
        before = line.partition("KEY")[0]
        column = len(before) - len(before.rpartition("{")[2].rpartition("- ")[2].lstrip()) + 1
        if "[VALUE]" in line and not error.problem.startswith("unknown key"):
            # Of a factor's values, each has its own place.
            column = line.replace("KEY", key).index("VALUE") + 1
        return error, f"{file}:{number}:{column}: "

    def error(self, file: Path, key: str, value: str) -> InvalidInput | None:
        file.write_text(self.text.replace("VALUE", value).replace("KEY", key), encoding="utf-8")
        try:
            make_plan(read_study(file, "p" if "profiles:\n  p" in self.text else None), _describe)
        except InvalidInput as error:
            return error
        return None


SECTIONS: dict[str, Spot] = {
    "the study": Spot(HEAD + "KEY: VALUE\n", _names(StudySpec)),
    "a data entry": Spot(
        "name: s\ndata:\n  - {source: npz, names: [A], path: sets}\n  - {KEY: VALUE, source: npz, names: [B]}\n",
        ("source", "names", "collection", "path", "split", "normalisation"),
    ),
    "resources": Spot(HEAD + "resources:\n  KEY: VALUE\n", _names(Resources)),
    "tracking": Spot(HEAD + "tracking: {KEY: VALUE}\n", _names(Tracking)),
    "factors": Spot(HEAD + "factors:\n  KEY: VALUE\n", _names(Factors)),
    "base": Spot(HEAD + "base:\n  KEY: VALUE\n", (*_names(RunConfig), "recipe")),
    "an arm": Spot(HEAD + "arms:\n  a:\n  b: {KEY: VALUE}\n", (*_names(RunConfig), "recipe")),
}

SETTINGS: dict[str, Spot] = {
    f"{room} in {where}": Spot(HEAD + text.replace("ROOM", room), _names(kind))
    for room, kind in ROOMS.items()
    for where, text in {
        "base": "base:\n  ROOM:\n    KEY: VALUE\n",
        "base, dotted": "base:\n  ROOM.KEY: VALUE\n",
        "an arm": "arms:\n  a: {}\n  b: {ROOM: {KEY: VALUE}}\n",
        "an arm, dotted": "arms:\n  a: {}\n  b: {ROOM.KEY: VALUE}\n",
        "factors": "factors:\n  values:\n    ROOM.KEY: [VALUE]\n",
        "exclude": "exclude:\n  - ROOM.KEY: VALUE\n",
        "a profile": "profiles:\n  p:\n    base.ROOM.KEY: VALUE\n",
        "a profile's arm": "profiles:\n  p: {arms.b: {ROOM.KEY: VALUE}}\n",
    }.items()
}


def _slips(word: str) -> Iterator[str]:
    """Of each kind one at each place: a letter too few, too many, a wrong one, two exchanged; and capitals."""
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]
        yield word[:at] + "z" + word[at:]
        yield word[:at] + "q" + word[at + 1 :]
        yield word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
    yield word + "s"
    yield word.upper()


def _edits(one: str, other: str) -> int:
    """Letters to insert, delete, replace or exchange with their neighbour: the textbook's table."""
    table = {(i, j): i + j for i in range(len(one) + 1) for j in range(len(other) + 1) if i * j == 0}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            replaced = table[i - 1, j - 1] + (one[i - 1] != other[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, replaced)
            if one[max(i - 2, 0) : i] == other[max(j - 2, 0) : j][::-1] and min(i, j) > 1:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(one), len(other)]


def _require_hint(error: InvalidInput, slip: str, word: str, choices: Sequence[str]) -> None:
    """``word`` is offered, and with it only what the slip is as near to."""
    hint = str(error).partition("did you mean ")[2].partition("?")[0]
    offered = {each.strip("'").rpartition(".")[2] for each in hint.split(" or ")}
    as_near = {choice for choice in choices if _edits(slip.lower(), choice) <= 1}
    assert offered == {word} | as_near, error


def _misspelt(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Slips that are no word themselves, and the word that each was meant to be."""
    return ((slip, word) for word in words for slip in _slips(word) if slip and slip not in words)


THOROUGHLY = (*SECTIONS, *(where for where in SETTINGS if where.endswith("in base")))
"""Where every slip is tried; elsewhere the same code looks for what was meant, and a few must do."""


@pytest.mark.parametrize("where", [*SECTIONS, *SETTINGS])
def test_a_misspelt_key_is_named_with_its_place_and_the_key_that_was_meant(tmp_path: Path, where: str) -> None:
    spot = (SECTIONS | SETTINGS)[where]
    slips = list(_misspelt(spot.siblings))[:: 1 if where in THOROUGHLY else 17]
    assert slips
    for slip, word in slips:
        error, place = spot.refusal(tmp_path, slip, "1")
        assert error.problem.startswith("unknown key")
        assert str(error).startswith(place)
        assert f": {error.key}: " in str(error)
        assert error.key.endswith(slip)
        _require_hint(error, slip, word, spot.siblings)


def _literals(hint: Any) -> list[str]:
    """The words that a setting of this type may be: those of a Literal, alone or in a union; true and false."""
    if hint is bool:
        return ["true", "false"]
    if get_origin(hint) is Literal:
        return [str(word) for word in get_args(hint)]
    return [word for inner in get_args(hint) for word in _literals(inner)]


def _words() -> dict[str, tuple[Spot, str, list[str]]]:
    """Every setting with words of its own: where it may be written, its key, its words."""
    kinds: dict[str, tuple[Spot, type]] = {
        "study": (SECTIONS["the study"], StudySpec),
        "tracking": (SECTIONS["tracking"], Tracking),
        "a data entry": (SECTIONS["a data entry"], DataConfig),
        **{where: (spot, ROOMS[where.partition(" ")[0]]) for where, spot in SETTINGS.items()},
    }
    found = {
        f"{key} of {where}": (spot, key, _literals(hint))
        for where, (spot, kind) in kinds.items()
        for key, hint in get_type_hints(kind).items()
        if _literals(hint)
    }
    found["mode"] = (Spot(HEAD + "factors:\n  values: {model.depth: [1]}\n  KEY: VALUE\n", ()), "mode", list(MODES))
    found["recipe"] = (SECTIONS["base"], "recipe", list(RECIPES))
    found["source"] = (
        Spot("name: s\ndata:\n  - path: sets\n    names: [A]\n    KEY: VALUE\n", ()),
        "source",
        list(SOURCES),
    )
    found["collection"] = (
        Spot("name: s\ndata:\n  - source: npz\n    path: sets\n    KEY: VALUE\n", ()),
        "collection",
        list(collections()),
    )
    found["arm"] = (
        Spot(HEAD + "arms: {wide: {}, dense: {}}\nexclude:\n  - {KEY: VALUE, model.depth: 1}\n", ()),
        "arm",
        ["wide", "dense"],
    )
    return found


WORDS = _words()
ELSEWHERE = tuple(where for where in SETTINGS if where not in THOROUGHLY)


@pytest.mark.parametrize("setting", WORDS)
def test_a_misspelt_word_is_named_with_its_place_and_the_word_that_was_meant(tmp_path: Path, setting: str) -> None:
    spot, key, words = WORDS[setting]
    for slip, word in list(_misspelt(words))[:: 1 if not setting.endswith(ELSEWHERE) else 17]:
        if slip in ("TRUE", "FALSE") or slip[0] == "0":
            continue  # YAML's too; 0215 is 215
        error, place = spot.refusal(tmp_path, key, slip)
        assert str(error).startswith(place)
        assert error.key.endswith(key)
        assert str(error.value) == slip
        _require_hint(error, slip, word, words)


WRONG: dict[str, object] = {
    "null": None,
    "true": True,
    "7.25": 7.25,
    "-3": -3,
    "odd text": "odd text",
    "'1'": "1",
    ".nan": float("nan"),
    "{}": {},
}
"""As written -> what it is. No setting takes all of them, and none of them takes two lines to show."""

VALUES: dict[str, tuple[Spot, str]] = {
    f"{key} of {where}": (spot, key)
    for where, spot in (SECTIONS | SETTINGS).items()
    if where not in ("the study", "a data entry", "factors") and "profile" not in where
    for key in spot.siblings
} | {
    "source": (Spot("name: s\ndata: [{KEY: VALUE, names: [A]}]\n", ()), "source"),
    "names": (Spot("name: s\ndata: [{KEY: VALUE, source: npz}]\n", ()), "names"),
    "collection": (Spot("name: s\ndata: [{KEY: VALUE, source: npz}]\n", ()), "collection"),
    **{key: (SECTIONS["a data entry"], key) for key in ("split", "normalisation")},
    "values": (SECTIONS["factors"], "values"),
    "mode": (Spot(HEAD + "factors:\n  values: {model.depth: [1]}\n  KEY: VALUE\n", ()), "mode"),
    "name": (Spot(HEAD.replace("name: s", "KEY: VALUE"), ()), "name"),
    "data": (Spot("name: s\nKEY: VALUE\n", ()), "data"),
    **{key: (SECTIONS["the study"], key) for key in SECTIONS["the study"].siblings if key not in ("name", "data")},
}


@pytest.mark.parametrize("setting", VALUES)
def test_a_wrong_value_is_shown_with_its_place_and_key(tmp_path: Path, setting: str) -> None:
    spot, key = VALUES[setting]
    refused = 0
    for text, value in WRONG.items():
        error = spot.error(tmp_path / "study.yaml", key, text)
        if error is None or error.problem in ("leaves no trial", "is missing"):
            continue  # a good value, alone or at its place
        error, place = spot.refusal(tmp_path, key, text)
        refused += 1
        assert str(error).startswith(place)
        assert error.key.removesuffix(".0").endswith(key)
        assert f"(got {value!r})" in str(error) or f"(got {value}.0)" in str(error)
    assert refused
