"""``dsn verify`` in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.wording import counted, printable

if TYPE_CHECKING:
    from pipeline.analysis.verification.report import Verification

MOST_SHOWN: Final = 20
"""Differences that are shown one by one; of more it is said where they are."""


def verification_text(found: Verification) -> str:
    """What was found, a line a difference, and what was compared."""
    return "\n".join(_lines(found))


def verification_summary(study: str, page: Path, found: Verification) -> dict[str, Any]:
    """The same for a script: every difference."""
    return {
        "study": study,
        "report": str(page),
        "moved": found.moved,
        "compared": dict(found.compared),
        "differences": [asdict(each) for each in found.differences],
    }


def _lines(found: Verification) -> Iterator[str]:
    if found.moved:
        yield found.moved
    yield from map(str, found.differences[:MOST_SHOWN])
    rest = found.differences[MOST_SHOWN:]
    if rest:
        yield f"and {counted(len(rest), 'difference')} more:"
        for (file, part), many in Counter((each.file, each.part) for each in rest).items():
            yield printable(f"  {many} in {', '.join(filter(None, (file, part)))}")
    number = found.compared
    yield (
        f"compared: {counted(number['tables'], 'table')} with {number['cells']:,} cells, "
        f"{counted(number['figures'], 'figure')} with {number['points']:,} points, "
        f"{counted(number['sentences'], 'sentence')}; {counted(number['files'], 'file')} in all"
    )
    if found.against:
        yield "Published accuracies are those of against.csv beside the report: no ledger can confirm them."
    yield (
        f"{counted(len(found.differences), 'difference')} from the ledger"
        if found.differences
        else ("nothing differs from the ledger")
    )
