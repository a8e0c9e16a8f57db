"""``dsn sync --verify`` in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.wording import counted

_MOST = 20
"""Differences that are listed; ``--json`` has all."""


def sync_text(found: Mapping[str, Any]) -> str:
    """What ``pipeline.tracking.process.verify`` returned."""
    differences, left = found["differences"], found["left"]
    sizes = ", ".join(
        [counted(found["runs"], "run"), counted(found["points"], "point"), counted(found["artifacts"], "artifact")]
    )
    listed = [f"  {_owner(each)}: {each['what']}: {each['found']}" for each in differences[:_MOST]]
    if len(differences) > _MOST:
        listed.append(f"  and {len(differences) - _MOST} more (--json lists them)")
    if not differences:
        return f"{found['study']}: MLflow is as the ledger has it ({sizes})"
    ended = f"{len(left)} of them left" if left else "mended"
    return "\n".join([*listed, f"{found['study']}: {counted(len(differences), 'difference')}, {ended} ({sizes})"])


def _owner(difference: Mapping[str, str]) -> str:
    return f"trial {difference['trial']}" if difference["trial"] else "the study's run"
