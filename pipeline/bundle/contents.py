"""What is in a bundle: a workspace of one study, as a zip file, with a word to whoever opens it.

Zip, because every system opens it, and because what is in it is known before anything is unpacked.
"""

from __future__ import annotations

from pathlib import Path

from dsn.errors import InvalidInput
from pipeline.study.names import NAME
from pipeline.trial.outcome import ARTIFACTS
from pipeline.workspace.layout import AGAINST

ENDING = ".zip"

README, STUDY_FILE, VERSIONS = "README.md", "study.yaml", "versions.json"
"""What is in none of a workspace's folders; the last has the versions that wrote the report."""

STUDY = rf"{NAME}(?:@{NAME})?"
TRIAL_ID = r"[0-9a-f]{16}"

MEMBER = (
    rf"{README}|{STUDY_FILE}|{VERSIONS}"
    rf"|ledger/(?P<study>{STUDY})/(?:study\.json|ledger\.jsonl)"
    rf"|trials/(?P<trial>{TRIAL_ID})/(?:{'|'.join(ARTIFACTS)})"
    rf"|reports/(?P<reported>{STUDY})/(?P<report>[A-Za-z0-9_-]+\.[a-z]+)"
)
"""A regular expression for the names of its files, which no other name fits: none that leads elsewhere."""


def record_member(study: str) -> str:
    """The plan of the study."""
    return f"ledger/{study}/study.json"


def lines_member(study: str) -> str:
    """What its trials gave."""
    return f"ledger/{study}/ledger.jsonl"


def against_member(study: str) -> str:
    """What its report is set beside, if it is."""
    return f"reports/{study}/{AGAINST}"


def require_ending(path: Path) -> None:
    """Refuse a name that does not say what the file is.

    Raises:
        InvalidInput: with the ending that does.
    """
    if path.suffix != ENDING:
        raise InvalidInput("is no name of a bundle", key="--bundle", value=str(path), choices=[f"{path.stem}{ENDING}"])
