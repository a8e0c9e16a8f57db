"""How often running trials tell how far they are."""

from __future__ import annotations

SHORTEST = 2.0
"""Seconds between two reports of a trial, where few run: a person who looks on sees it go on."""

MOST = 50
"""Reports a second that all trials together send: the driver hears one in a few milliseconds, and has results to record
(pipeline/README.md, "Where it saturates")."""


def report_every(slots: int) -> float:
    """Seconds between two reports of a trial where ``slots`` run at a time."""
    return max(SHORTEST, slots / MOST)
