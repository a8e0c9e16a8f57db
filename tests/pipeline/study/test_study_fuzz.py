"""No study file, however broken, is answered with a traceback: thousands of them, through the command line itself.

Three levels of damage: to the bytes of a file, to its structure, and to what it means. Whatever comes out is refused in
one line, or is a plan that holds together.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsn.config import DataConfig, RunConfig
from pipeline.cli import app, main
from pipeline.study.document import parse_value
from pipeline.study.spec import StudySpec

Tree = Any
"""A study file's content: nested dicts, lists and scalars."""

COMMAND = typer.main.get_command(app)
"""What ``dsn`` makes of its ``app`` each time that it starts, made once."""

LONGEST_MESSAGE = 1500
"""Characters that still read as one message; the folder's path is the larger part of some."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command ended, and what it said."""

    code: object
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A folder with two data sets, a study file that changes all the time, and a workspace."""

    folder: Path

    @property
    def study(self) -> Path:
        return self.folder / "study.yaml"

    def plan(self, content: bytes, *options: str) -> Answer:
        self.study.write_bytes(content)
        return dsn("plan", str(self.study), *options)

    def listing(self) -> dict[str, tuple[int, int]]:
        """Everything but the study file and the folder that it stands in."""
        found = {str(path): path.lstat() for path in self.folder.rglob("*") if path != self.study}
        return {path: (status.st_mtime_ns, status.st_size) for path, status in found.items()}


def dsn(*arguments: str) -> Answer:
    """The command, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["dsn", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main(COMMAND)
    return Answer(code=stopped.value.code, out=out.getvalue(), err=err.getvalue())


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "sets").mkdir()
    x = np.arange(32.0).reshape(4, 8)
    for name in ("Two", "Three"):
        np.savez(folder / "sets" / f"{name}.npz", X_train=x, y_train=[0, 1, 0, 1], X_test=x, y_test=[0, 1, 0, 1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSN_WORKSPACE", str(folder / "workspace"))
        patch.setenv("DSN_FUZZ_SETS", str(folder / "sets"))
        patch.chdir(folder)
        yield Bench(folder=folder)


def judge(bench: Bench, content: bytes, *options: str) -> None:
    """Plan ``content``, and hold the answer to what every answer must be."""
    before = bench.listing()
    answer = bench.plan(content, *options)
    if answer.code == 0:
        _require_sound_plan(bench, content, answer, options)
    else:
        require_refusal(answer)
        assert bench.listing() == before


def require_refusal(answer: Answer) -> None:
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("dsn: ")
    message = answer.err.removesuffix("\n")
    assert message.isprintable(), "a message is one line, and cannot steer the terminal"
    assert len(message) <= LONGEST_MESSAGE


def _require_sound_plan(bench: Bench, content: bytes, answer: Answer, options: tuple[str, ...]) -> None:
    assert answer.err == ""
    first, again = (bench.plan(content, *options, "--json") for _ in range(2))
    assert first == again
    plan = json.loads(first.out, parse_constant=_no_such_number)
    # Over data sets that are not there, trials have no id yet.
    ids = [trial["trial"] for trial in plan["trial_list"] if trial["dataset"] not in plan["absent"]]
    assert None not in ids
    assert len(ids) == len(set(ids))
    assert len(ids) == plan["trials"] or plan["absent"]
    assert 1 <= len(plan["trial_list"]) == plan["trials"] <= plan["cells"]
    for key in ("arms", "datasets"):
        assert 1 <= len(plan[key]) == len(set(plan[key])) <= plan["cells"]
    assert {trial["arm"] for trial in plan["trial_list"]} <= set(plan["arms"])
    assert {trial["dataset"] for trial in plan["trial_list"]} <= set(plan["datasets"])
    assert len({(trial["arm"], trial["dataset"], trial["seed"]) for trial in plan["trial_list"]}) == plan["trials"]
    assert plan["estimated_core_seconds"] >= 0
    assert answer.out.startswith(f"{plan['study']}: {plan['trials']} trial")


def _no_such_number(constant: str) -> None:
    raise AssertionError(constant)


# What is damaged: studies that use everything there is to use.

NESTED = """\
# A comment, and every way to nest.
name: nested
question: "Why: does it help?"
reproduces: Table 1
data:
  - {source: npz, path: sets, names: [Two]}
  - source: npz
    path: "${DSN_FUZZ_SETS}"
    names:
      - Three
    split: 2015
    normalisation: global
base:
  recipe: published-code
  model: {channels: 6, depth: 2, padding: zero}
  training:
    epochs: 3
    learning_rate: 1e-3
arms:
  dsn:
  fixed: {sparsity.explore: false}
  dense:
    sparsity:
      level: dense
factors:
  mode: grid
  values: {model.kernel_size: [9, 15], sparsity: {groups: [1, 2]}}
exclude: [{arm: dense, sparsity.groups: 2}, {model: {kernel_size: 9}, data.name: Three}]
seeds: 2
profiles:
  tiny: {seeds: [7], base.training.epochs: 1, factors.values.model.kernel_size: [9]}
  wide:
    base: {model.channels: 9}
    arms.new: {sparsity: {grow: gradient}}
resources: {cpus: 2, gpus: 0.25}
tracking: {uri: "http://127.0.0.1:5000", curve_points: 0, keep_models: none}
"""

DOTTED = """\
name: dotted
data: [{source: npz, path: sets, names: [Two, Three]}]
base: {model.channels: 6, model.depth: 1, training.epochs: 3, data.normalisation: global}
arms: {a: {sparsity.level: 0.5}, b: {sparsity.level: 0.25, sparsity.initial: random}}
factors: {mode: one_at_a_time, values: {model.kernel_size: [9, 15], training.batch_rule: [tenth, fixed]}}
seeds: [3, 1]
profiles: {tiny: {seeds: 1}}
engine: torch
"""

COLLECTED = """\
name: collected
data:
  - {source: folder, path: sets, names: [Two, three]}
  - {source: folder, path: none, collection: UCI-3, split: 2015}
base: {model.channels: 6, model.depth: 1, training.epochs: 3}
arms: {dense: {sparsity.level: dense}, sparse: {}}
factors: {arms: [sparse], values: {sparsity.level: [0.5, 0.25]}}
seeds: 2
profiles: {tiny: {seeds: 1, factors.arms: [sparse]}}
"""


def _every_key() -> str:
    """A study that says what is the default anyway, of every key that there is."""
    study = asdict(StudySpec(name="every", data=[{"source": "npz"}]))
    defaults = RunConfig(data=DataConfig(source="npz", name="Two", path="sets")).to_dict()
    entry = defaults.pop("data")
    return written(
        study
        | {
            "data": [{"names": [entry.pop("name")], **entry}],
            "base": {"recipe": "published-code", **defaults},
            "factors": {"mode": "zip", "values": {"model.depth": [1, 2], "sparsity.groups": [1, 2]}},
            "profiles": {"tiny": {"seeds": 1}},
            "exclude": [{"model.depth": 2}],
            "seeds": 2,
        }
    )


def written(tree: Tree) -> str:
    """A tree as YAML: the top level in lines, everything below as flow."""
    return "".join(f"{_flow(key)}: {_flow(value)}\n" for key, value in tree.items())


def _flow(value: Tree) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    return json.dumps(value, ensure_ascii=False)


EVERY_KEY = _every_key()
TEXTS = (NESTED, DOTTED, COLLECTED, EVERY_KEY)


@pytest.mark.parametrize("text", TEXTS, ids=["nested", "dotted", "collected", "every key"])
@pytest.mark.parametrize("options", [(), ("--profile", "tiny"), ("--set", "base.training.epochs=2")])
def test_the_studies_that_are_damaged_are_whole(bench: Bench, text: str, options: tuple[str, ...]) -> None:
    assert bench.plan(text.encode(), *options).code == 0
    judge(bench, text.encode(), *options)


# Bytes.

SNIPPETS: tuple[bytes, ...] = (
    *(b"\x00", b"\x07", b"\x1b[2J", b"\x7f", b"\t", b"\r", b"\r\n", b"\n", b"\n\n", b" ", b"\xef\xbb\xbf", b"\xff"),
    *(b"\xc3\x28", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xc2\x85", b"\xc2\xa0", "😀".encode(), "\u202e".encode()),
    *(b'"\\ud800"', b'"\\x00"', b'"\\U00110000"', b'"\\q"', b'"\\', b'"', b"'", b"`", b"@", b"%", b"#", b" # "),
    *(b":", b": ", b"- ", b"? ", b"? [a]\n: b\n", b",", b"[", b"]", b"{", b"}", b"[" * 40, b"{a: " * 40, b"- " * 40),
    *(b"&a ", b"*a", b"&a [*a, *a]", b"<<: *a\n", b"<<: {a: 1}\n", b"&a [&b [&c [1, *c], *b], *a]"),
    *(b"!!python/object/apply:os.system [x] ", b"!!str ", b"! ", b"!<x> ", b"!!binary aGk= ", b"!!set {a} "),
    *(b"\n---\n", b"\n...\n", b"%YAML 1.2\n---\n", b"%YAML 9.9\n", b"%YAML 1." + b"9" * 5000, b"%TAG ! x\n", b"%X\n"),
    *(b"|", b">", b"|9\n", b">-\n", b"|0", b"~", b"null", b"true", b"no", b"1e999", b".nan", b"-.inf", b"2020-01-01"),
    *(b"0o17", b"0x1F", b"12:30", b"1_000", b"9" * 30, b"9" * 5000, b"-0", b"1.", b".", b"..", b"=", b"y"),
    *(b"a" * 1500, b"a" * 20_000, b"\nseeds: 1\n", b"\nname: s\n", b"\n  ", b"a: b: c", b"{a: 1, a: 2}"),
)

LINE_ENDS = (b"\r\n", b"\r", b"\n\r", "\u2028".encode(), b"\x0c", b"")


@st.composite
def damaged_texts(draw: st.DrawFn) -> bytes:
    content = draw(st.sampled_from(TEXTS)).encode()
    for _ in range(draw(st.integers(1, 3))):
        content = draw(st.sampled_from(BYTE_DAMAGES))(draw, content)
    return content


def _flip(draw: st.DrawFn, content: bytes) -> bytes:
    at = draw(st.integers(0, max(len(content) - 1, 0)))
    return content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :]


def _insert(draw: st.DrawFn, content: bytes) -> bytes:
    at = draw(st.integers(0, len(content)))
    return content[:at] + draw(st.sampled_from(SNIPPETS)) + content[at:]


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    start = draw(st.integers(0, len(content)))
    return content[:start] + content[start + draw(st.integers(1, 40)) :]


def _truncate(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _replace_value(draw: st.DrawFn, content: bytes) -> bytes:
    """What stands after some colon, as far as the line, becomes a snippet."""
    colons = [match.end() for match in re.finditer(rb": ", content)] or [0]
    start = draw(st.sampled_from(colons))
    stop = draw(st.sampled_from([len(content), *(match.start() for match in re.finditer(rb"[,}\n]", content))]))
    return content[:start] + draw(st.sampled_from(SNIPPETS)) + content[max(start, stop) :]


def _rearrange(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    line = lines[draw(st.integers(0, len(lines) - 1))]
    lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from([b"", b" ", b"  ", b"\t", b"- "])) + line)
    if draw(st.booleans()):
        lines.remove(line)
    return b"".join(lines)


def _end_lines(draw: st.DrawFn, content: bytes) -> bytes:
    return content.replace(b"\n", draw(st.sampled_from(LINE_ENDS)))


def _encode(draw: st.DrawFn, content: bytes) -> bytes:
    return content.decode("utf-8", "replace").encode(draw(st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "utf-7"])))


ByteDamage = Callable[[st.DrawFn, bytes], bytes]
BYTE_DAMAGES: tuple[ByteDamage, ...] = (
    _flip,
    _insert,
    _insert,
    _cut,
    _truncate,
    _replace_value,
    _replace_value,
    _rearrange,
    _end_lines,
    _encode,
)

WHOLE_FILES: dict[str, bytes] = {
    "empty": b"",
    "a comment": b"# nothing\n",
    "a null": b"~",
    "a list": b"- a\n",
    "a scalar": b"name",
    "only a mark": b"---",
    "two documents": b"name: s\n---\nname: s\n",
    "only a byte order mark": b"\xef\xbb\xbf",
    "NUL": b"\x00" * 100,
    "an alias bomb": b"a: &a [x, x]\n"
    + b"".join(b"%c: &%c [*%c, *%c]\n" % (n, n, n - 1, n - 1) for n in range(98, 120)),
    "deep brackets": b"[" * 100_000,
    "a long line": b"name: " + b"a" * 200_000,
    "a long key": b"a" * 200_000 + b": 1",
    "many keys": b"".join(b"k%d: 1\n" % n for n in range(10_000)),
    "a zip file": b"PK\x03\x04" + bytes(range(256)),
}


@pytest.mark.parametrize("case", WHOLE_FILES)
def test_a_file_that_is_nothing_like_a_study_is_refused(bench: Bench, case: str) -> None:
    require_refusal(bench.plan(WHOLE_FILES[case]))


OPTIONS: tuple[tuple[str, ...], ...] = ((), (), ("--profile", "tiny"), ("--set", "base.training.epochs=2"))

# The same examples every time, so more of them would find nothing new from one day to the next.
THOROUGH = settings(derandomize=True, database=None)


@settings(THOROUGH, max_examples=1200)
@given(content=damaged_texts(), options=st.sampled_from(OPTIONS))
def test_a_file_with_damaged_bytes_is_refused_in_a_line_or_planned(
    bench: Bench, content: bytes, options: tuple[str, ...]
) -> None:
    judge(bench, content, *options)


# Structure.

Path_ = tuple[str | int, ...]

ODD_TEXTS: tuple[str, ...] = (
    *("", " ", ".", "..", "...", "a..b", ".a", "a.", "a.b", "../../etc", "/etc/passwd", "/", "~", "~\0", "~nobody/x"),
    *("${HOME}", "${NO_SUCH_VARIABLE}", "${}", "${DSN_FUZZ_SETS", "$HOME", "%s", "{0}", "{}", "a\nb", "\x1b[31m", "\0"),
    *("\u202eevil", "😀", "é", "a b", "a@b", "a/b", "a\\b", "-", "--set", "=", "x" * 101, "x" * 300, "x" * 5000),
    *("1", "1.0", "true", "null", "nan", "dense", "Two", "Three", "tiny", "dsn", "npz", "aeon", "no", "names"),
    *("arm", "recipe", "data", "data.name", "data.path", "model", "model.depth", "sparsity.level.x", "profiles.tiny"),
    *("values", "str", "int", "list[int]", "dict", "sqlite://", "http", "file:///tmp", "\ufeff", "\x7f", "\u2028"),
)

ODD_NUMBERS: tuple[float, ...] = (
    *(0, 1, -1, 2, 3, 5, 7, 100, 10_000, 10_001, 10**6, 10**9, 2**31, 2**63 - 1, 1 - 2**63, 2**63, 10**30),
    *(0.0, -0.0, 0.5, 1.0, 1.5, -0.5, 0.9999999, 1e-300, 5e-324, 1e300, math.inf, -math.inf, math.nan),
)

SCALARS = st.one_of(
    st.sampled_from([None, True, False]),
    st.sampled_from(ODD_NUMBERS),
    st.integers(),
    st.floats(),
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
KEYS = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=4).filter(lambda text: text.isprintable()))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=4,
)


TREES: tuple[Tree, ...] = tuple(parse_value(text, "") for text in TEXTS)


def _paths(tree: Tree, above: Path_ = ()) -> list[Path_]:
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, child in children for found in ((*above, key), *_paths(child, (*above, key)))]


def _at(tree: Tree, path: Path_) -> Tree:
    for key in path:
        tree = tree[key]
    return tree


def _renamed(block: dict[str, Tree], old: str, new: str) -> None:
    """In its place."""
    items = [(new if key == old else key, value) for key, value in block.items()]
    block.clear()
    block.update(items)


def one_edit(draw: st.DrawFn, word: str) -> str:
    at = draw(st.integers(0, max(len(word) - 1, 0)))
    letter = draw(st.sampled_from("aeinorst_.-A1"))
    return draw(
        st.sampled_from(
            [
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at:],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
                word.upper(),
                word + word,
            ]
        )
    )


DAMAGES = ("replace", "replace", "respell", "delete", "rename", "move", "swap", "add", "dot", "wrap")


def _damage(draw: st.DrawFn, tree: Tree) -> None:
    """One change anywhere; a kind that does not fit the place wraps the value in another."""
    path = draw(st.sampled_from([(), *_paths(tree)]))
    if not path:
        tree[draw(KEYS)] = draw(VALUES)
        return
    parent, last, kind = _at(tree, path[:-1]), path[-1], draw(st.sampled_from(DAMAGES))
    value = parent[last]
    if kind == "replace":
        parent[last] = draw(VALUES)
    elif kind == "delete":
        del parent[last]
    elif kind == "respell" and isinstance(value, str):
        parent[last] = one_edit(draw, value)
    elif kind in ("rename", "respell") and isinstance(parent, dict):
        _renamed(parent, last, draw(KEYS) if kind == "rename" else one_edit(draw, last))
    elif kind == "move":
        _add(draw, _at(tree, draw(st.sampled_from([(), *_paths(tree)]))), str(last), deepcopy(value))
    elif kind == "swap":
        *above, other = draw(st.sampled_from(_paths(tree)))
        there = _at(tree, tuple(above))
        parent[last], there[other] = deepcopy(there[other]), deepcopy(value)
    elif kind == "add":
        _add(draw, value, draw(KEYS), draw(VALUES))
    elif kind == "dot" and isinstance(parent, dict):
        below = draw(st.sampled_from([*(value if isinstance(value, dict) else ()), "x", "", "level"]))
        parent[f"{last}.{below}"] = draw(VALUES)
    else:
        parent[last] = draw(st.sampled_from([[value], {str(last): value}, str(value)]))


def _add(draw: st.DrawFn, target: Tree, key: str, value: Tree) -> None:
    if isinstance(target, dict):
        target[key] = value
    elif isinstance(target, list):
        target.insert(draw(st.integers(0, len(target))), value)


@st.composite
def damaged_trees(draw: st.DrawFn) -> bytes:
    tree = deepcopy(draw(st.sampled_from(TREES)))
    for _ in range(draw(st.integers(1, 3))):
        _damage(draw, tree)
    return written(tree).encode("utf-8", "replace")


ODD_SETTINGS = st.one_of(
    st.builds("{}={}".format, KEYS, st.sampled_from(ODD_TEXTS)),
    st.builds(
        "{}={}".format,
        st.sampled_from([*(each.name for each in fields(StudySpec)), "base.model", "arms.dsn", "factors.values.model"]),
        VALUES.map(_flow),
    ),
    st.sampled_from(ODD_TEXTS),
)


@settings(THOROUGH, max_examples=1200)
@example(content=(DOTTED.replace("base: {", f"base: {{{'.' * 1000}: 1, ")).encode(), options=())
@example(content=(DOTTED + 'tracking: {"\\e[2J\\n": 1}\n').encode(), options=())
@example(content=DOTTED.replace("path: sets", 'path: "~\\0"').encode(), options=())
@example(content=DOTTED.replace("seeds: [3, 1]", "seeds: {int: 3}").encode(), options=())
@given(content=damaged_trees(), options=st.sampled_from(OPTIONS))
def test_a_file_of_damaged_structure_is_refused_in_a_line_or_planned(
    bench: Bench, content: bytes, options: tuple[str, ...]
) -> None:
    judge(bench, content, *options)


@settings(THOROUGH, max_examples=600)
@example(text=DOTTED, edits=["base={training: {epochs: 3}}", "arms={a: {sparsity: {level: 0.5}}}"])
@example(text=DOTTED, edits=["factors={values: {model: {depth: [1]}}}"])
@example(text=DOTTED, edits=[f"base.{'.' * 2000}=1"])
@given(text=st.sampled_from(TEXTS), edits=st.lists(ODD_SETTINGS, min_size=1, max_size=3))
def test_any_setting_of_the_command_line_is_refused_in_a_line_or_planned(
    bench: Bench, text: str, edits: list[str]
) -> None:
    judge(bench, text.encode(), *(f"--set={edit}" for edit in edits))


# Meaning: every key is one that there is, and every value one that somebody might try.

NEAR_BOUNDS: dict[str, tuple[object, ...]] = {
    "model.channels": (0, 3, 4, 6, 141, 30_000, 30_003),
    "model.kernel_size": (0, 1, 4, 5, 9, 39, 10_000, 10_001),
    "model.depth": (0, 1, 2, 1_000, 1_001),
    "model.padding": ("zero", "replicate-right", "same"),
    "model.pool_size": (0, 1, 50, 10_000, 10_001),
    "sparsity.level": (-1e-9, 0, 0.0, 5e-324, 0.5, 0.9, 0.9999999, 1 - 2**-53, 1, 1.0, "dense", math.nan, math.inf),
    "sparsity.relative_to": ("region", "layer", "network"),
    "sparsity.groups": (0, 1, 2, 3, 5, 9, 10, 40, 142, 10_000, 10_001),
    "sparsity.explore": (True, False, "no"),
    "sparsity.drop": ("magnitude", "set", "snip", "taylor", "random", "smallest"),
    "sparsity.grow": ("random", "gradient", "momentum", "least-covered"),
    "sparsity.update_every": (0, 1, 10**7, 10**7 + 1),
    "sparsity.update_unit": ("epochs", "steps", "batches"),
    "sparsity.schedule": ("cosine", "constant", "linear", "inverse-power", "inverse power"),
    "sparsity.initial_fraction": (0, 5e-324, 0.5, 1, 1.0000001),
    "sparsity.explore_until": (0, 1e-9, 1, 2),
    "training.epochs": (0, 1, 3, 10**7, 10**7 + 1),
    "training.batch_size": (1, 2, 16, 10**7),
    "training.batch_rule": ("tenth", "fixed"),
    "training.learning_rate": (0, 5e-324, 1e-3, 1e308, math.inf),
    "data.split": (2015, 2018, 2016),
    "data.normalisation": ("none", "global"),
    "data.name": ("Two",),
    "recipe": ("published-code", "paper"),
}

SEEDS = (1, 2, 3, 0, -1, 100_000, 100_001, 10**9, 2**63 - 1, [0], [5, 3], [1, 1], [-1], [], [2**63 - 1], [0.0], None)

NAMES = ("s", "a" * 100, "a" * 101, "a/b", "../a", "s@tiny", "@", "é", "", " ", ".", "1", "a b", "x" * 300, 5, None)


def _settings_near_bounds(draw: st.DrawFn, most: int) -> dict[str, object]:
    keys = draw(st.lists(st.sampled_from(sorted(NEAR_BOUNDS)), max_size=most, unique=True))
    return {key: draw(st.sampled_from(NEAR_BOUNDS[key])) for key in keys}


def _factors(draw: st.DrawFn) -> dict[str, object]:
    keys = draw(st.lists(st.sampled_from(sorted(NEAR_BOUNDS)), max_size=3, unique=True))
    values = {key: draw(st.lists(st.sampled_from(NEAR_BOUNDS[key]), min_size=1, max_size=3)) for key in keys}
    if draw(st.integers(0, 9)) == 0:
        values["training.epochs"] = list(range(1, 60))
    return {"mode": draw(st.sampled_from(["grid", "zip", "one_at_a_time"])), "values": values}


@st.composite
def improbable_studies(draw: st.DrawFn) -> bytes:
    study: dict[str, Tree] = {
        "name": draw(st.sampled_from(NAMES)) if draw(st.integers(0, 9)) == 0 else "s",
        "data": [{"source": "npz", "path": "sets", "names": draw(st.sampled_from([["Two"], ["Two", "Three"]]))}],
        "base": {"model.depth": 1, **_settings_near_bounds(draw, 2)},
    }
    if draw(st.booleans()):
        study["arms"] = {arm: _settings_near_bounds(draw, 1) for arm in draw(st.sampled_from(["a", "ab", "abc"]))}
    if draw(st.booleans()):
        study["factors"] = _factors(draw)
        if draw(st.booleans()):
            study["factors"]["arms"] = draw(st.lists(st.sampled_from([*study.get("arms", ["base"]), "z"]), max_size=2))
    if draw(st.booleans()):
        arm = st.sampled_from([{}, {"arm": "a"}, {"arm": "base"}])
        study["exclude"] = [{**draw(arm), **_settings_near_bounds(draw, 1)} for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        study["seeds"] = draw(st.sampled_from(SEEDS))
    if draw(st.booleans()):
        study["resources"] = {"cpus": draw(st.sampled_from([0, 1, 2**62])), "gpus": draw(st.sampled_from(ODD_NUMBERS))}
    return written(study).encode()


@settings(THOROUGH, max_examples=600)
@given(content=improbable_studies())
def test_a_study_of_improbable_values_is_refused_in_a_line_or_planned(bench: Bench, content: bytes) -> None:
    judge(bench, content)


# Things that are no file, in a process of their own: one that waits for a pipe could not be told to stop in this one.


def _fifo(place: Path) -> None:
    os.mkfifo(place)


def _loop(place: Path) -> None:
    place.symlink_to(place)


def _device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))


NO_FILES: dict[str, Callable[[Path], None]] = {
    "a folder": Path.mkdir,
    "a pipe": _fifo,
    "a link to itself": _loop,
    "an endless device": _device,
    "a socket": _socket,
    "nothing": lambda place: None,
}


@pytest.mark.parametrize("case", NO_FILES)
def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    NO_FILES[case](Path("study.yaml"))
    answer = _process(tmp_path, "plan", "study.yaml")
    require_refusal(answer)
    assert answer.err.startswith("dsn: study.yaml: cannot be read: ")


def _process(folder: Path, *arguments: str) -> Answer:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Answer(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.mark.parametrize("case", ["NUL", "an alias bomb", "a long line", "a zip file"])
def test_a_process_of_its_own_answers_the_same(bench: Bench, case: str) -> None:
    here = bench.plan(WHOLE_FILES[case])
    assert _process(bench.folder, "plan", str(bench.study)) == here


def test_bytes_of_the_command_line_that_are_no_text_are_refused(bench: Bench) -> None:
    bench.study.write_text(DOTTED, encoding="utf-8")
    for option in ("--set=base.\udcff=1", "--set=base.training.epochs=\udcff", "--profile=\udcff"):
        require_refusal(_process(bench.folder, "plan", "study.yaml", option))
