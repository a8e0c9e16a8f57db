"""How far a run has been asked to stop."""

from __future__ import annotations


class Stopping:
    """``asked`` is 0; 1 once no new trial is to begin, and those that run are to finish; 2 once they are to end now."""

    asked: int = 0
