"""The exceptions of this project, one tree.

    DSNError
    |-- InvalidInput (ValueError)   what a user wrote cannot be done
    |   `-- InvalidData             a data set cannot be used
    `-- Diverged                    a loss is not finite

``pipeline.errors`` grows the same tree with what only a study can run into. A bug of ours is never one of these:
invariants are asserted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final


class DSNError(Exception):
    """Root of every exception that this project raises on purpose."""


class _Unset:
    """Marks "no value was given", which None (a legal YAML value) cannot."""

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Final = _Unset()


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
        parts = [self.place, self.key, self.problem + self._shown_value()]
        return ": ".join(part for part in parts if part) + self._advice()

    def _shown_value(self) -> str:
        if isinstance(self.value, _Unset):
            return ""
        shown = repr(self.value)
        return f" (got {shown if len(shown) <= 80 else shown[:77] + '...'})"

    def _advice(self) -> str:
        if not self.choices:
            return ""
        wrong = self.value if isinstance(self.value, str) else self.key.rpartition(".")[2]
        near = difflib.get_close_matches(wrong, self.choices, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{hint} Valid: {', '.join(self.choices)}" if hint else f"; valid: {', '.join(self.choices)}"


class InvalidData(InvalidInput):
    """A data set is missing, unreadable, or of a shape or content that no classifier can be trained on."""


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
