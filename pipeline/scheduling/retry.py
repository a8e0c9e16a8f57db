"""What is done about an attempt that ended without a result: one table, and the few rules around it. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from pipeline.planning.capacity import Capacity
from pipeline.study.resources import Resources
from pipeline.trial.outcome import ErrorKind, TrialError

Action = Literal["record", "enlarge", "again"]

ACTIONS: Mapping[ErrorKind, Action] = MappingProxyType(
    {
        "diverged": "record",
        "invalid-data": "record",
        "exception": "record",
        "exited": "record",
        "no-result": "record",
        "time-limit": "record",
        "out-of-memory": "enlarge",
        "worker-lost": "again",
        "host-lost": "again",
    }
)
"""``record``: it would happen again. ``enlarge``: try with twice the share, while there is more to be had. ``again``:
it says nothing against the trial, until it has happened so often (``MOST_LOSSES``) without an epoch more."""

MOST_LOSSES: Mapping[ErrorKind, int] = MappingProxyType({"worker-lost": 3, "host-lost": 10})
"""Attempts in a row that may end without an epoch that none before had reached. Hosts that are lent go by the dozen;
but a trial that takes all memory of its host, and its host with it, must not take them all."""

SAME_FAILURES = 3
"""Trials of a run that fail by the same traceback before no more are begun: a night is too much to spend on a bug."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Begin again, from the newest checkpoint, with these resources."""

    resources: Resources


def decide(error: TrialError, losses: int, given: Resources, capacity: Capacity) -> Retry | None:
    """What to do about an attempt that ended by ``error``; None: record it.

    Args:
        error: why it ended.
        losses: how many attempts in a row, this one counted, ended like this without a new epoch.
        given: what it could use.
        capacity: what there is.
    """
    action = ACTIONS[error.kind]
    if action == "enlarge":
        larger = enlarged(given, capacity)
        return None if larger is None else Retry(resources=larger)
    if action == "again" and losses < MOST_LOSSES[error.kind]:
        return Retry(resources=given)
    return None


def enlarged(given: Resources, capacity: Capacity) -> Resources | None:
    """Twice the memory and twice the part of a GPU, at most all that a host has; None if it had that already.

    The cores stay: PyTorch's results depend on the number of threads.
    """
    larger = replace(given, gpus=min(2 * given.gpus, 1)) if 0 < given.gpus < 1 else given
    most = capacity.most_memory(larger)
    if given.memory_bytes is not None and most is not None:
        size = min(2 * given.memory_bytes, most)
        larger = larger.with_memory(size) if size > given.memory_bytes else larger
    return None if larger == given else larger


def fingerprint(error: TrialError) -> str:
    """The same for errors that come from the same place: their type and the lines of code that led there, not what they
    say of the trial. Empty where nothing can be compared."""
    if error.kind != "exception" or not error.traceback:
        return ""
    frames = list(re.finditer(r'^ *File "(.*)", line (\d+), in (.*)$', error.traceback, re.MULTILINE))
    if not frames:
        return ""
    # A message may have many lines; the type begins the first that is not indented as code is.
    kind = re.search(r"^\S[^:\n]*", error.traceback[frames[-1].end() :], re.MULTILINE)
    told = ([frame.groups() for frame in frames], kind and kind[0])
    return hashlib.sha256(repr(told).encode("utf-8", "backslashreplace")).hexdigest()
