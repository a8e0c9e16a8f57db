"""A study file with damaged structure, and any ``--set``, is answered with a plan or in a line."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields

from hypothesis import example, given, settings
from hypothesis import strategies as st
from plan_judge import Bench, judge
from whole_studies import DOTTED, ODD_NUMBERS, OPTIONS, TEXTS, THOROUGH, Tree, flow, written

from pipeline.study.document import parse_value
from pipeline.study.spec import StudySpec

Path_ = tuple[str | int, ...]

ODD_TEXTS: tuple[str, ...] = (
    *("", " ", ".", "..", "...", "a..b", ".a", "a.", "a.b", "../../etc", "/etc/passwd", "/", "~", "~\0", "~nobody/x"),
    *("${HOME}", "${NO_SUCH_VARIABLE}", "${}", "${DSN_FUZZ_SETS", "$HOME", "%s", "{0}", "{}", "a\nb", "\x1b[31m", "\0"),
    *("\u202eevil", "😀", "é", "a b", "a@b", "a/b", "a\\b", "-", "--set", "=", "x" * 101, "x" * 300, "x" * 5000),
    *("1", "1.0", "true", "null", "nan", "dense", "Two", "Three", "tiny", "dsn", "npz", "aeon", "no", "names"),
    *("arm", "recipe", "data", "data.name", "data.path", "model", "model.depth", "sparsity.level.x", "profiles.tiny"),
    *("values", "str", "int", "list[int]", "dict", "sqlite://", "http", "file:///tmp", "\ufeff", "\x7f", "\u2028"),
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
        VALUES.map(flow),
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
