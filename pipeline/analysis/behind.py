"""Which trials a number is computed from, said by names: far shorter than their ids, and true while a study runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.analysis.results import StudyResults


@dataclass(frozen=True, kw_only=True)
class Behind:
    """The trials behind a number: those of these arms, on these data sets, of this status; what is empty asks nothing.

    Attributes:
        arms: labels; a trial that serves several arms is one of each.
        datasets: names.
        status: one of ``ledger.STATUSES``.
    """

    arms: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    status: str = ""


def behind(results: StudyResults, arms: Sequence[str], datasets: Sequence[str]) -> Behind | None:
    """The trials of ``arms`` on ``datasets``, without the names where all of the study's are meant; None if it has no
    such trials: published systems are no arms of it."""
    own = tuple(arm for arm in results.arms if arm in arms)
    if not own or not datasets:
        return None
    return Behind(
        arms=() if own == results.arms else own,
        datasets=() if set(datasets) >= set(results.datasets) else tuple(datasets),
    )
