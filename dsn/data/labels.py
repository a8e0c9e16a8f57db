"""Labels as text, their order, and their codes.

The published code re-scales float labels to 0..C-1 and thereby merges classes for C = 24, 50 and 52. Here a label is
a piece of text, and two labels are one class only if their texts are equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.errors import InvalidData

Texts = NDArray[np.str_]


def label_texts(y: NDArray[Any], *, place: str) -> Texts:
    """The labels ``y`` (n,) as text (n,).

    Text stays as it is. A whole number is written without a decimal point, so that a set stored with labels 1.0 and
    2.0 has the same classes as one stored with 1 and 2; any other number is written with the digits that identify it.

    Raises:
        InvalidData: a label is empty, NaN, infinite, not UTF-8, or neither a number nor text.
    """
    if y.dtype.kind not in "biufUS":
        raise InvalidData(f"labels must be numbers or text, not {y.dtype}", place=place)
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise InvalidData("a label is NaN or infinite", place=place)
    values, codes = np.unique(y, return_inverse=True)
    texts = [_text(value, place) for value in values]
    return np.array(texts, dtype=np.str_)[codes]


def _text(value: Any, place: str) -> str:
    if isinstance(value, np.floating) and value == np.floor(value):
        return str(int(value))
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise InvalidData("a label is not UTF-8 text", value=value, place=place) from None
    if str(value) == "":
        raise InvalidData("a label is empty", place=place)
    return str(value)


def sorted_labels(texts: Iterable[str]) -> tuple[str, ...]:
    """The distinct labels, by number if every one of them is the text of a number, else as text.

    Numbers that are equal but written differently ("1", "01") stay two classes: merging would be silent.
    """
    distinct = sorted(set(texts))
    try:
        return tuple(sorted(distinct, key=_number))
    except InvalidOperation:
        return tuple(distinct)


def _number(text: str) -> Decimal:
    # Exact, unlike float: labels above 2**53 would tie.
    number = Decimal(text)
    if not number.is_finite():
        raise InvalidOperation
    return number


def encode(texts: Texts, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """The position of every label (n,) in ``classes``; each must be there."""
    position = {label: code for code, label in enumerate(classes)}
    distinct, codes = np.unique(texts, return_inverse=True)
    return np.array([position[str(text)] for text in distinct], dtype=np.int64)[codes]
