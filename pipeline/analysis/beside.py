"""Published systems beside a study's own arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dsn.errors import InvalidInput
from pipeline.analysis.published import Published
from pipeline.analysis.results import StudyResults
from pipeline.wording import counted, enumerated, listed


@dataclass(frozen=True, kw_only=True)
class System:
    """A published system that stands beside all arms.

    Attributes:
        name: what it is called, which is no arm's label.
        rows: by data set of the study; there may be data sets without.
        elsewhere: data sets that it has accuracies of and the study does not have.
        sources: where they are printed.
    """

    name: str
    rows: Mapping[str, Published]
    elsewhere: tuple[str, ...]
    sources: tuple[str, ...]


def set_beside(results: StudyResults, published: tuple[Published, ...]) -> StudyResults:
    """The results with what is published beside them.

    Raises:
        InvalidInput: an arm that the study does not have, or not a single one of its data sets.
    """
    for one in published:
        if one.arm and one.arm not in results.arms:
            raise InvalidInput(
                "no such arm in the study", key="arm", value=one.arm, place=one.place, choices=results.arms
            )
    if published and not {one.dataset for one in published} & set(results.datasets):
        first = published[0]
        raise InvalidInput(
            "neither this nor any other data set of the file is in the study",
            key="dataset",
            value=first.dataset,
            place=first.place,
            choices=results.datasets,
        )
    return replace(results, published=published)


def systems(results: StudyResults) -> tuple[System, ...]:
    """The published systems that stand beside all arms and have a data set of the study, as they come in the file."""
    by_name: dict[str, list[Published]] = {}
    for one in results.published:
        if not one.arm:
            by_name.setdefault(one.system, []).append(one)
    taken = {*results.arms, *by_name}
    found = []
    for name, rows in by_name.items():
        label = name
        while label in results.arms or (label != name and label in taken):
            label += " (published)"
        found.append(_system(label, rows, results))
    return tuple(system for system in found if system.rows)


def _system(name: str, rows: Sequence[Published], results: StudyResults) -> System:
    here = {one.dataset: one for one in rows if one.dataset in results.datasets}
    elsewhere = tuple(one.dataset for one in rows if one.dataset not in here)
    return System(
        name=name, rows=here, elsewhere=elsewhere, sources=tuple(dict.fromkeys(one.source for one in here.values()))
    )


def source_notes(results: StudyResults) -> tuple[str, ...]:
    """Whose numbers of a table are not the study's, where they are printed, and what of them found no place."""
    found = systems(results)
    if not found:
        return ()
    by_source: dict[tuple[str, ...], list[str]] = {}
    for system in found:
        by_source.setdefault(system.sources, []).append(system.name)
    said = [
        f"{enumerated(names)} ({listed(list(filter(None, sources)), between='; ') or 'no source is given'})"
        for sources, names in by_source.items()
    ]
    notes = [f"Published, not computed here: {'; '.join(said)}."]
    strangers = list(dict.fromkeys(name for system in found for name in system.elsewhere))
    if strangers:
        verb = "is" if len(strangers) == 1 else "are"
        notes.append(f"{counted(len(strangers), 'published data set')} {verb} not in the study: {listed(strangers)}.")
    return tuple(notes)
