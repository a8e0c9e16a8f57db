"""What a check is asked about, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.workspace.layout import Workspace

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is examined beside the machine.

    Attributes:
        workspace: where results are to go; it need not be there yet.
        studies: files whose data sets and tracking stores are to be there.
        tracking_uri: an MLflow store that is to answer.
    """

    workspace: Workspace
    studies: tuple[Path, ...] = ()
    tracking_uri: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The answer of one check.

    Attributes:
        name: the check's, in ``pipeline.health.checks.CHECKS``.
        state: ``problem`` when runs would fail or lose something, ``warning`` when they would suffer.
        found: on one line.
        advice: what to do; empty exactly when all is well.
    """

    name: str
    state: State
    found: str
    advice: str = ""

    def __post_init__(self) -> None:
        assert bool(self.advice) == (self.state != "ok"), self
        assert self.found, self
        assert "\n" not in self.found + self.advice, self


def ok(name: str, found: str) -> Finding:
    """All is well."""
    return Finding(name=name, state="ok", found=one_line(found))


def warning(name: str, found: str, advice: str) -> Finding:
    """It works, but not well."""
    return Finding(name=name, state="warning", found=one_line(found), advice=one_line(advice))


def problem(name: str, found: str, advice: str) -> Finding:
    """Runs would fail or lose something."""
    return Finding(name=name, state="problem", found=one_line(found), advice=one_line(advice))


def one_line(text: str) -> str:
    """What others wrote, in one line."""
    return " ".join(text.split())
