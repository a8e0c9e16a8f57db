"""What may be a name of a study, a profile or an arm: they become parts of paths and of dotted keys."""

from __future__ import annotations

import re

from dsn.errors import InvalidInput

NAME = r"[A-Za-z0-9][A-Za-z0-9_+-]{0,99}"
"""A regular expression."""


def require_name(name: str, *, key: str, place: str = "") -> None:
    """Refuse what is not a name.

    Raises:
        InvalidInput: with ``key`` and ``place``.
    """
    if not re.fullmatch(NAME, name):
        problem = "must be letters, digits, '_', '+' or '-', at most 100, the first a letter or digit"
        raise InvalidInput(problem, key=key, value=name, place=place)
