"""The YAML dialect of study files: scalars of YAML 1.2, positions of keys, and everything that it refuses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from dsn.errors import InvalidInput
from pipeline.study.document import DEEPEST, LARGEST, LARGEST_FILE, Document, read_document


def _read(tmp_path: Path, content: str | bytes) -> Document:
    file = tmp_path / "study.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_document(file)


def _refusal(tmp_path: Path, content: str | bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        _read(tmp_path, content)
    return caught.value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # YAML 1.1 reads these as false, true, 750 and dates; YAML 1.2 as text.
        ("no", "no"),
        ("yes", "yes"),
        ("off", "off"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("1_000", "1_000"),
        ("<<", "<<"),
        # ... and this as text.
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5e+2", -150.0),
        ("010", 10),
        ("+7", 7),
        ("-0", 0),
        ("0x10", 16),
        ("0xfF", 255),
        ("0o17", 15),
        ("0x", "0x"),
        ("0o8", "0o8"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("null", None),
        ("", None),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("inf", "inf"),
        ("'1'", "1"),
        ('"true"', "true"),
        (str(LARGEST), LARGEST),
        (f"-{LARGEST}", -LARGEST),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_says(tmp_path: Path, written: str, meant: object) -> None:
    value = _read(tmp_path, f"key: {written}\n").data["key"]
    assert value == meant
    assert type(value) is type(meant)


def test_nan_is_a_number(tmp_path: Path) -> None:
    assert math.isnan(_read(tmp_path, "key: .NaN\n").data["key"])


def test_keys_and_list_items_are_found_at_their_line_and_column(tmp_path: Path) -> None:
    document = _read(
        tmp_path,
        "# a comment\n"
        "name: x\n"
        "base:\n"
        "  sparsity:\n"
        "    level: 0.5\n"
        "data:\n"
        "  - {source: aeon, names: [A, B]}\n"
        "  - source: npz\n",
    )
    assert document.data == {
        "name": "x",
        "base": {"sparsity": {"level": 0.5}},
        "data": [{"source": "aeon", "names": ["A", "B"]}, {"source": "npz"}],
    }
    expected: dict[tuple[str | int, ...], tuple[int, int]] = {
        ("name",): (2, 1),
        ("base",): (3, 1),
        ("base", "sparsity"): (4, 3),
        ("base", "sparsity", "level"): (5, 5),
        ("data",): (6, 1),
        ("data", 0): (7, 5),
        ("data", 0, "source"): (7, 6),
        ("data", 0, "names"): (7, 20),
        ("data", 0, "names", 0): (7, 28),
        ("data", 0, "names", 1): (7, 31),
        ("data", 1): (8, 5),
        ("data", 1, "source"): (8, 5),
    }
    assert dict(document.marks) == expected


def test_the_place_of_a_key_that_was_not_written_is_that_of_the_nearest_above(tmp_path: Path) -> None:
    document = _read(tmp_path, "a:\n  b: 1\n")
    file = str(tmp_path / "study.yaml")
    assert document.place(("a", "b")) == f"{file}:2:3"
    assert document.place(("a", "c", "d")) == f"{file}:1:1"
    assert document.place(("x",)) == file


def test_text_is_kept_verbatim(tmp_path: Path) -> None:
    text = "# why\nname:   x # here\n\n"
    assert _read(tmp_path, text).text == text


def test_a_document_may_have_its_start_and_end_marked_or_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert _read(tmp_path, "---\na: 1\n...\n").data == {"a": 1}
    assert _read(tmp_path, b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


@pytest.mark.parametrize(
    ("content", "position", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "key 'a' is given twice"),
        ("x: [{a: 1}, {a: 1, a: 2}]\n", "1:20", "key 'a' is given twice"),
        ("a: &x 1\nb: *x\n", "2:4", "aliases are not supported"),
        ("a: {b: 1}\nc: {<<: *a}\n", "2:9", "aliases are not supported"),
        ("a: !!python/object/apply:os.system [x]\n", "1:4", "tags are not supported"),
        ("a: !!python/name:os.system\n", "1:4", "tags are not supported"),
        ("a: !mine {b: 1}\n", "1:4", "tags are not supported"),
        ("a: !!binary aGk=\n", "1:4", "tags are not supported"),
        ("a: !!timestamp 2020-01-01\n", "1:4", "tags are not supported"),
        ("a: !!bool maybe\n", "1:4", "tags are not supported"),
        ("a: ! 1\n", "1:4", "tags are not supported"),
        ("!!str a: 1\n", "1:1", "tags are not supported"),
        ("1: a\n", "1:1", "keys must be text"),
        ("~: a\n", "1:1", "keys must be text"),
        ("a:\n  true: 1\n", "2:3", "keys must be text"),
        ("? [a]\n: b\n", "1:3", "keys must be text"),
        ("a: b: c\n", "1:5", "mapping values are not allowed here; a text with ': ' in it needs quotes"),
        (
            "a: [1, 2\n",
            "2:1",
            "expected ',' or ']', but got '<stream end>'; the bracket was opened in line 1, column 4",
        ),
        ("a:\n\tb: 1\n", "2:1", "cannot start any token; indent with spaces"),
        ("a: @b\n", "1:4", "cannot start any token; a text that starts with it needs quotes"),
        ("a: 1\nb\n", "3:1", "could not find expected ':'; a key needs ': ' after it"),
        ("a: [1]\n - b\n", "2:2", "expected <block end>, but found"),
        ("a: 1\nb: '\x07'\n", "2:5", "special characters are not allowed, here U+0007"),
        ("\x00", "1:1", "special characters are not allowed"),
        ('a: 1\nb: "\\ud800"\n', "2:4", "is not valid Unicode text"),
        ('"\\ud800": 1\n', "1:1", "is not valid Unicode text"),
        ('a: "\\U00110000"\n', "1:7", "a number is out of range"),
        ('a: "\\UFFFFFFFF"\n', "1:7", "a number is out of range"),
        (f"a: {LARGEST + 1}\n", "1:4", "is a number too large"),
        (f"a: -{LARGEST + 1}\n", "1:4", "is a number too large"),
        (f"a: {'9' * 5000}\n", "1:4", "is a number too large"),
        (f"a: 0x{'f' * 5000}\n", "1:4", "is a number too large"),
        ("a: 1\n---\nb: 2\n", "2:1", "expected a single document in the stream"),
        ("%YAML 2.0\n---\na: 1\n", "1:1", "incompatible YAML document"),
    ],
)
def test_what_the_dialect_refuses_is_refused_at_its_line_and_column(
    tmp_path: Path, content: str, position: str, problem: str
) -> None:
    error = _refusal(tmp_path, content)
    assert error.place == f"{tmp_path / 'study.yaml'}:{position}"
    assert problem in error.problem


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n", "~\n", "- a\n- b\n", "only text\n", "[{a: 1}]\n"])
def test_the_top_level_must_be_a_mapping(tmp_path: Path, content: str) -> None:
    error = _refusal(tmp_path, content)
    assert (error.problem, error.place) == ("must be a mapping of keys to values", str(tmp_path / "study.yaml"))


def _nested(levels: int) -> str:
    return "a: " + "[" * levels + "]" * levels + "\n"


def test_nesting_ends_at_the_deepest_level(tmp_path: Path) -> None:
    value: Any = _read(tmp_path, _nested(DEEPEST)).data["a"]
    for _ in range(DEEPEST - 1):
        assert len(value) == 1
        value = value[0]
    assert value == []
    assert "nested too deeply" in _refusal(tmp_path, _nested(DEEPEST + 1)).problem


@pytest.mark.parametrize(
    "content",
    [
        "a: " + "[" * 10_000,
        _nested(10_000),
        "a: " + "{a: " * 10_000,
        "- " * 10_000,
        "\n".join(" " * i + "a:" for i in range(500)),
    ],
    ids=["brackets", "closed brackets", "braces", "dashes", "indents"],
)
def test_thousands_of_levels_are_refused_too(tmp_path: Path, content: str) -> None:
    assert "nested too deeply" in _refusal(tmp_path, content).problem


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    error = _refusal(tmp_path, "name: é\n".encode("latin-1"))
    assert (error.problem, error.place) == ("is not UTF-8 text", f"{tmp_path / 'study.yaml'}:1:7")
    error = _refusal(tmp_path, b"# \xc3\xa9\r\nname: \xff\n")
    assert error.place == f"{tmp_path / 'study.yaml'}:2:7"


def test_a_file_of_another_kind_is_refused_by_its_size(tmp_path: Path) -> None:
    text = "name: "
    assert _read(tmp_path, text + "a" * (LARGEST_FILE - len(text))).data.keys() == {"name"}
    error = _refusal(tmp_path, text + "a" * (LARGEST_FILE - len(text) + 1))
    assert error.problem == f"is larger than {LARGEST_FILE} bytes, too large for a study file"


def test_lines_may_end_as_on_any_system(tmp_path: Path) -> None:
    for end in (b"\r\n", b"\r"):
        document = _read(tmp_path, b"# \xc3\xa9" + end + b"a: 1" + end + b"b: 2" + end)
        assert (document.data, document.marks[("b",)]) == ({"a": 1, "b": 2}, (3, 1))


def test_a_folder_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "none.yaml", "No such file or directory")):
        with pytest.raises(InvalidInput) as caught:
            read_document(path)
        assert (caught.value.problem, caught.value.place) == (f"cannot be read: {reason}", str(path))
