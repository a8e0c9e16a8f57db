"""What a lost worker died of, as far as that can be told from outside. Pure."""

from __future__ import annotations

import re

from pipeline.trial.outcome import ErrorKind
from pipeline.wording import cause

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

_RAISED = "ray::"
"""How Ray's words begin when the worker lives, and its code raised something: as a traceback, without the head."""
_RAISED_IN_SETUP = "error raised in its creation task"
_MACHINE_FULL = "running low on memory"
_HOST_GONE = re.compile(
    r"node has died|node was (?:terminated|marked dead)|actor is temporarily unavailable|owner has exited",
    re.IGNORECASE,
)
"""A host that is killed, preempted or cut off; of one that dies before its workers, these just cannot be asked."""
_EXIT_CODE = re.compile(r"exits? with an? exit code (-?\d+)")
_CRASH = re.compile(r"^(?:Fatal Python error: (.+)|\*\*\* (SIG\w+) received)", re.MULTILINE)


def plain(text: str) -> str:
    """Without the colours that Ray gives to its words."""
    return _COLOURS.sub("", text)


def cause_of_death(words: str, output: str) -> tuple[ErrorKind, str]:
    """The kind and a line that says it.

    Ray tells an exit code only where Python could end in order. A worker that is killed and one that leaves by
    ``os._exit`` look the same, and both count as lost.

    Args:
        words: Ray's, ``plain``.
        output: the last that the worker wrote to standard error.
    """
    if words.startswith(_RAISED) or _RAISED_IN_SETUP in words:
        return "exception", cause(f"Traceback (most recent call last)\n{words}")
    if _MACHINE_FULL in words:
        # Not by its own limit: it may have been another's doing, Ray takes the youngest.
        return "worker-lost", "Ray ended the worker, as the machine was low on memory"
    if _HOST_GONE.search(words):
        return "host-lost", "its host has died, or can no longer be reached"
    code = _EXIT_CODE.search(words)
    if code:
        return "exited", f"the worker ended itself, with exit code {code[1]}"
    crash = _CRASH.search(output)
    if crash:
        return "exited", f"the worker crashed: {crash[1] or crash[2]}"
    return "worker-lost", "the worker died: it was killed, or left without a word"
