"""Text without credentials: what is written or shown goes through here where others' words may be in it.

Two things are credentials: what stands before the host of a URL, or in its query under such a name; and the values of
environment variables that are named as secrets are.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import TextIO
from urllib.parse import quote

HIDDEN = "***"

_SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|TOKEN|SECRET|_KEY)$", re.IGNORECASE)

_SHORTEST = 6
"""Characters. Shorter values would be found in half of all words; they protect nothing either."""

# Up to the last @ before the path: passwords are written with a bare @ too.
_USERINFO = re.compile(r"(?<=://)[^/?#\s'\"<>]*@")
_QUERY = re.compile(r"(?i)([?&;][\w.-]*(?:password|passwd|pwd|token|secret|_key|apikey)=)[^&;#\s'\"<>]+")

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def redacted(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """``text`` with ``***`` in the place of every credential; variables that are not filled in, ``${NAME}``, stay."""
    for value in _secrets(environment):
        text = text.replace(value, HIDDEN)
    text = _USERINFO.sub(lambda found: found[0] if not written_out(found[0]) else f"{HIDDEN}@", text)
    return _QUERY.sub(lambda found: found[0] if _VARIABLE.search(found[0]) else f"{found[1]}{HIDDEN}", text)


def holds_credentials(uri: str) -> bool:
    """Whether a URI has a name, a password or a token written out, rather than ``${NAME}`` of a variable."""
    return any(written_out(found) for found in _USERINFO.findall(uri)) or any(
        written_out(found[0].removeprefix(found[1])) for found in _QUERY.finditer(uri)
    )


def written_out(userinfo: str) -> bool:
    """Whether more is in it than variables and what separates them."""
    return bool(_VARIABLE.sub("", userinfo).strip(":@"))


def secret_variable(text: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The name of an environment variable that is a secret, and whose value is in ``text``."""
    names = (name for name in environment if _SECRET_NAME.search(name))
    return next((name for name in names if len(environment[name]) >= _SHORTEST and environment[name] in text), None)


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """Values, as they are and as they stand in URLs and in JSON; the longest first, as one may begin another."""
    values = {value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) >= _SHORTEST}
    return sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)


def _forms(value: str) -> Iterator[str]:
    yield value
    yield quote(value, safe="", errors="replace")
    yield json.dumps(value)[1:-1]
    yield repr(value)[1:-1]


class RedactedStream:
    """A text stream to which everything is written redacted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redacted(text))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
