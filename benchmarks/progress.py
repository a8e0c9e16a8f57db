"""What is being measured, for those who wait: on standard error, apart from the figures."""

from __future__ import annotations

import sys


def say(what: str) -> None:
    """One line."""
    print(f"... {what}", file=sys.stderr, flush=True)
