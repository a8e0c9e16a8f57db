"""What may be a name of a study, a profile or an arm: they become parts of paths and of dotted keys."""

from __future__ import annotations

import re

from dsn.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,99}")


def require_name(name: str, *, key: str, place: str = "") -> None:
    """Refuse what is not a name.

    Raises:
        InvalidInput: with ``key`` and ``place``.
    """
    if not _NAME.fullmatch(name):
        problem = "must be letters, digits, '_', '+' or '-', at most 100, the first a letter or digit"
        raise InvalidInput(problem, key=key, value=name, place=place)
