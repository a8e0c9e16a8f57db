"""What only a study can run into; the tree goes on from ``dsn.errors``.

DSNError
|-- InvalidInput                (dsn.errors) exit code 2
|   |-- UnknownStudy            a name that the workspace has no record of
|   |-- DamagedArtifact         a file of a trial that cannot be read
|   |-- BrokenDataSets          several data sets of a study cannot be used
|   |-- AbsentDataSets          data sets of a study are not there
|   `-- UnfitHosts              hosts of a cluster lack what the study needs
|-- Locked                      exit code 5: another process runs a study of the workspace
|-- Interrupted                 exit code 4: stopped by a signal, or Ray has died; the same command continues
`-- WorkspaceFailed             exit code 4 too: a full disk, say; once that is mended the same command continues
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from dsn.errors import DSNError, InvalidData, InvalidInput


class ExitCode(IntEnum):
    """How a command ended, for scripts."""

    OK = 0
    BUG = 1
    INVALID_INPUT = 2
    TRIALS_FAILED = 3
    INTERRUPTED = 4
    LOCKED = 5
    CHECK_FAILED = 6


class UnknownStudy(InvalidInput):
    """The workspace has no record of a study or trial of that name."""


class DamagedArtifact(InvalidInput):
    """A file of a trial at ``place`` is not what was written."""

    def __init__(self, reason: str, place: str) -> None:
        super().__init__(f"cannot be read ({reason}); remove it, and the report does without it", place=place)


class BrokenDataSets(InvalidData):
    """Several of ``total`` data sets cannot be used; a line each."""

    def __init__(self, causes: Sequence[InvalidData], total: int) -> None:
        self.causes = tuple(causes)
        self.total = total
        super().__init__(f"{len(self.causes)} of {total} data sets cannot be used")

    def __str__(self) -> str:
        return "\n  ".join([f"{super().__str__()}:", *map(str, self.causes)])


class AbsentDataSets(InvalidInput):
    """Data sets of a study are not there; what can be done, a line each."""

    def __init__(self, problem: str, ways_out: Sequence[str], place: str) -> None:
        self.ways_out = tuple(ways_out)
        super().__init__(problem, place=place)

    def __str__(self) -> str:
        return "\n  ".join([super().__str__(), *self.ways_out])


class UnfitHosts(InvalidInput):
    """Hosts of a cluster, of ``total``, could not train the study; a line each, with what they lack."""

    def __init__(self, problems: Mapping[str, Sequence[str]], total: int) -> None:
        self.problems = dict(problems)
        self.total = total
        super().__init__(f"{len(self.problems)} of {total} hosts cannot train this study, and nothing was trained")

    def __str__(self) -> str:
        lines = [f"host {name}: {'; '.join(found)}" for name, found in self.problems.items()]
        return "\n  ".join([f"{super().__str__()}:", *lines])


class Locked(DSNError):
    """Another process runs ``study`` in this workspace. ``holder`` says which, in words."""

    def __init__(self, study: str, holder: str) -> None:
        self.study = study
        self.holder = holder
        super().__init__(f"study {study!r} is being run by {holder}")


class Interrupted(DSNError):
    """A signal, or the death of Ray, stopped the run before all trials were done."""


class WorkspaceFailed(DSNError):
    """The workspace could not be read or written: a full disk, missing rights. What is recorded stays recorded."""
