"""Named protocols: overrides, as dotted keys, of the defaults in ``dsn.config``."""

from __future__ import annotations

from collections.abc import Mapping

RECIPES: dict[str, Mapping[str, object]] = {
    # The dataclasses' own defaults: one place to read them.
    "published-code": {},
}
