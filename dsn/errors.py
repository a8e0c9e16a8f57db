"""The exceptions of this project, one tree.

    DSNError
    |-- InvalidInput (ValueError)   what a user wrote cannot be done
    |   `-- InvalidData             a data set cannot be used
    |       `-- AbsentData          none of its files is there
    `-- Diverged                    a loss is not finite

``pipeline.errors`` grows the same tree with what only a study can run into. A bug of ours is never one of these:
invariants are asserted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final


class DSNError(Exception):
    """Root of every exception that this project raises on purpose."""


class _Unset:
    """Marks "no value was given", which None (a legal YAML value) cannot."""

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Final = _Unset()

MOST_LISTED = 30
"""Valid choices that a message lists."""


class InvalidInput(DSNError, ValueError):
    """Something a user wrote is wrong. Carries what they need to mend it.

    Attributes:
        problem: one clause, lower case, without a full stop.
        key: dotted name of the setting at fault, e.g. ``sparsity.level``; empty when there is none.
        value: the offending value, or ``UNSET``.
        place: where it was written, e.g. ``study.yaml:12:5`` or the path of a file; empty when unknown.
        choices: what would have been valid, when that can be listed.
    """

    def __init__(
        self,
        problem: str,
        *,
        key: str = "",
        value: object = UNSET,
        place: str = "",
        choices: Iterable[object] = (),
    ) -> None:
        self.problem = problem
        self.key = key
        self.value = value
        self.place = place
        self.choices = tuple(str(choice) for choice in choices)
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [_shortened(self.place, 300), _shortened(self.key, 80), _shortened(self.problem, 500)]
        return _in_a_line(": ".join(part for part in parts if part) + self._shown_value() + self._advice())

    def _shown_value(self) -> str:
        if isinstance(self.value, _Unset):
            return ""
        shown = repr(self.value)
        return f" (got {_shortened(shown, 80)})"

    def _advice(self) -> str:
        if not self.choices:
            return ""
        wrong = str(self.value)
        if isinstance(self.value, _Unset):
            dotted = any("." in choice for choice in self.choices)
            wrong = self.key if dotted else self.key.rpartition(".")[2]
        near = " or ".join(map(repr, nearest(wrong, self.choices)[:3]))
        listed = ", ".join(self.choices[:MOST_LISTED])
        if len(self.choices) > MOST_LISTED:
            listed += f" and {len(self.choices) - MOST_LISTED} more"
        if set(self.choices) <= set(re.findall(r"\w+", self.problem)):  # it names them all, as "true or false" does
            return f"; did you mean {near}?" if near else ""
        return f"; did you mean {near}? Valid: {listed}" if near else f"; valid: {listed}"


def nearest(wrong: str, choices: Sequence[str]) -> list[str]:
    """The choices that are one slip of the keyboard away from ``wrong``; if there are none, the most similar one."""
    folded = [(choice.casefold(), choice) for choice in choices]
    # Of one or two letters, all words are one slip apart.
    meant = [choice for fold, choice in folded if len(fold) > 2 and _one_edit_apart(wrong.casefold(), fold)]
    return meant or [dict(folded)[fold] for fold in difflib.get_close_matches(wrong.casefold(), dict(folded), n=1)]


def _one_edit_apart(one: str, other: str) -> bool:
    """At most a letter more, fewer or another one, or two neighbours exchanged."""
    for _ in ("from the start", "from the end"):
        same = next(
            (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
        )
        one, other = one[same:][::-1], other[same:][::-1]
    return max(len(one), len(other)) <= 1 or (len(one) == 2 and one == other[::-1])


def _shortened(text: str, most: int) -> str:
    """``text`` without its middle if it is long: a place ends with its line, and a path with its file's name."""
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 2 :]}"


def _in_a_line(text: str) -> str:
    """``text`` with escapes for what would break the line or steer the terminal; file names and keys may hold it."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


class InvalidData(InvalidInput):
    """A data set is missing, unreadable, or of a shape or content that no classifier can be trained on."""


class AbsentData(InvalidData):
    """No file of a data set is where it was looked for, and so none is broken either."""


class Diverged(DSNError):
    """A loss became NaN or infinite.

    Attributes:
        loss: which one, ``training loss`` or ``test loss``.
        epoch: the epoch (from 1) whose network it is.
    """

    def __init__(self, loss: str, epoch: int) -> None:
        self.loss = loss
        self.epoch = epoch
        super().__init__(f"the {loss} is not finite in epoch {epoch}")
