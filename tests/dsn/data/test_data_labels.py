"""Labels: text, order, codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsn.data.labels import encode, label_texts, sorted_labels
from dsn.errors import InvalidData


@pytest.mark.parametrize(
    ("y", "texts", "classes"),
    [
        (["b", "a", "b"], ["b", "a", "b"], ("a", "b")),
        (["10", "9", "1"], ["10", "9", "1"], ("1", "9", "10")),
        (["10", "9", "x"], ["10", "9", "x"], ("10", "9", "x")),
        (["10", "9", "nan"], ["10", "9", "nan"], ("10", "9", "nan")),
        (["10", "9", "inf"], ["10", "9", "inf"], ("10", "9", "inf")),
        (["01", "1", "0"], ["01", "1", "0"], ("0", "01", "1")),
        (["0.0", "2.0", "1.0"], ["0.0", "2.0", "1.0"], ("0.0", "1.0", "2.0")),
        ([1.0, 2.0, 10.0], ["1", "2", "10"], ("1", "2", "10")),
        ([-1.0, 1.0, -0.0], ["-1", "1", "0"], ("-1", "0", "1")),
        ([0.5, 0.25], ["0.5", "0.25"], ("0.25", "0.5")),
        ([7, 3, -2], ["7", "3", "-2"], ("-2", "3", "7")),
        ([2**53, 2**53 + 1], ["9007199254740992", "9007199254740993"], ("9007199254740992", "9007199254740993")),
        ([b"b", b"a"], ["b", "a"], ("a", "b")),
        ([True, False], ["True", "False"], ("False", "True")),
    ],
)
def test_text_and_order(y: list[Any], texts: list[str], classes: tuple[str, ...]) -> None:
    found = label_texts(np.array(y), place="here")
    assert found.tolist() == texts
    assert sorted_labels(texts) == classes
    assert encode(found, classes).tolist() == [classes.index(text) for text in texts]


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (np.array([1.0, np.nan]), "a label is NaN or infinite"),
        (np.array([1.0, np.inf]), "a label is NaN or infinite"),
        (np.array(["a", ""]), "a label is empty"),
        (np.array([b"\xff"]), "a label is not UTF-8 text"),
        (np.array([1j]), "labels must be numbers or text, not complex128"),
        (np.array([1], dtype="datetime64[D]"), "labels must be numbers or text, not datetime64[D]"),
    ],
)
def test_refused(y: np.ndarray[Any, Any], problem: str) -> None:
    with pytest.raises(InvalidData) as caught:
        label_texts(y, place="some.npz")
    assert caught.value.problem == problem
    assert caught.value.place == "some.npz"


@pytest.mark.parametrize("count", [24, 50, 52])
@pytest.mark.parametrize("first", [-3, 0, 1])
def test_no_classes_merge(count: int, first: int) -> None:
    y = np.arange(first, first + count, dtype=np.float64)
    classes = sorted_labels(label_texts(y, place="").tolist())
    assert encode(label_texts(y, place=""), classes).tolist() == list(range(count))


whole = st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=30)


@given(whole)
def test_codes_do_not_depend_on_how_whole_numbers_are_stored(labels: list[int]) -> None:
    forms = [np.array(labels), np.array(labels, dtype=np.float64), np.array([str(label) for label in labels])]
    texts = [label_texts(form, place="") for form in forms]
    expected = sorted(set(labels))
    for found in texts:
        classes = sorted_labels(found.tolist())
        assert classes == tuple(str(label) for label in expected)
        assert encode(found, classes).tolist() == [expected.index(label) for label in labels]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_distinct_numbers_stay_distinct_and_ordered(labels: list[float]) -> None:
    found = label_texts(np.array(labels), place="")
    classes = sorted_labels(found.tolist())
    assert [float(label) for label in classes] == sorted(set(labels))


# NumPy drops NUL at the end of text, so it cannot be part of a label.
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=4)


@given(st.lists(words, min_size=1, max_size=30))
def test_text_survives(labels: list[str]) -> None:
    found = label_texts(np.array(labels), place="")
    classes = sorted_labels(found.tolist())
    assert [classes[code] for code in encode(found, classes)] == labels
    assert sorted(classes) == sorted(set(labels))
