"""Writing a bundle: the same study gives the same bytes."""

from __future__ import annotations

import json
import stat
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dsn.durable import atomic_file
from pipeline.analysis.frames import results_of
from pipeline.analysis.report.files import write_report
from pipeline.bundle.contents import README, STUDY_FILE, VERSIONS, lines_member, record_member, require_ending
from pipeline.trial.outcome import NETWORK, TABLES
from pipeline.trial.provenance import DISTRIBUTION, code_provenance
from pipeline.wording import encodable
from pipeline.workspace.ledger import as_lines
from pipeline.workspace.lifecycle import TrialState, prevailing, states_of
from pipeline.workspace.record import StudyRecord, record_text
from pipeline.workspace.source import StudySource

_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file in a bundle: the first that a zip file can hold."""

_LIBRARIES = ("numpy", "pandas", "pyarrow", "matplotlib", "scipy", "jinja2")

_README = """\
# {name}

{question}

This archive holds one study of {distribution}: what was planned, what its trials gave, and its report. It is a
workspace of that program, with

- `reports/{name}/report.html`: the report; the tables beside it are CSV, the figures SVG;
- `ledger/{name}/`: the plan (`study.json`), and a line for each trial that began or ended (`ledger.jsonl`);
- `trials/<id>/`: {kept} of each trial;
- `{study_file}`: the study file; `{versions}`: the versions that wrote the report.

To have the report made again from these numbers, without the data sets, and to go on working with the study:

    dsn import THIS_FILE.zip --workspace there

The numbers are as they were measured. Names of the machines that computed them, and of the folders that their data
lay in, are among them.
"""


class _Settled:
    """A source at a moment when nothing runs: what a workspace would say that has its lines alone."""

    def __init__(self, source: StudySource) -> None:
        self._source = source
        self.record = source.record
        self._lines = [_encodable(line) for line in source.lines()]
        self.states: Mapping[str, TrialState] = prevailing(states_of(self._lines, driven=False))

    def lines(self) -> list[dict[str, Any]]:
        return self._lines

    def holds(self, trial_id: str, artifact: str) -> bool:
        return self._source.holds(trial_id, artifact)

    def file(self, trial_id: str, artifact: str) -> Path:
        return self._source.file(trial_id, artifact)

    def against(self) -> Path | None:
        return self._source.against()


def _encodable(value: Any) -> Any:
    """A line of a ledger without what no reader has to take."""
    if isinstance(value, dict):
        return {key: _encodable(each) for key, each in value.items()}
    return encodable(value) if isinstance(value, str) else value


def write_bundle(source: StudySource, path: Path, *, networks: bool) -> None:
    """Pack a study; the same study gives the same bytes.

    Args:
        source: of the study. What runs is packed as what was cut off.
        path: of the archive, which appears whole or not at all.
        networks: whether the trained networks are packed too, most of the size.

    Raises:
        InvalidInput: ``path`` has another ending, or a file of ``source`` cannot be fetched.
        OSError: something cannot be read or written.
    """
    require_ending(path)
    settled = _Settled(source)
    record = settled.record
    artifacts = (*TABLES, NETWORK) if networks else TABLES
    texts: dict[str, str | bytes] = {
        README: _readme(record, networks=networks),
        STUDY_FILE: record.source,
        VERSIONS: json.dumps(_versions(), indent=2) + "\n",
        record_member(record.name): record_text(record),
        lines_member(record.name): as_lines(settled.lines()),
    }
    with tempfile.TemporaryDirectory() as folder, atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        write_report(results_of(settled), Path(folder))
        for name, content in texts.items():
            _add(archive, name, content)
        for trial_id in sorted(trial.trial_id for trial in record.trials):
            for artifact in artifacts:
                if settled.holds(trial_id, artifact):
                    content = settled.file(trial_id, artifact).read_bytes()
                    _add(archive, f"trials/{trial_id}/{artifact}", content)
        for written in sorted(Path(folder).iterdir()):
            _add(archive, f"reports/{record.name}/{written.name}", written.read_bytes())


def _readme(record: StudyRecord, *, networks: bool) -> str:
    return _README.format(
        name=record.name,
        question=record.question or "A study without a question.",
        distribution=DISTRIBUTION,
        kept="the learning curve, other tables and the trained network"
        if networks
        else "the learning curve and other tables",
        study_file=STUDY_FILE,
        versions=VERSIONS,
    )


def _versions() -> dict[str, str]:
    code = code_provenance()
    libraries = {name: version(name) for name in _LIBRARIES}
    return {DISTRIBUTION: code["version"], "revision": code["revision"], **libraries}


def _add(archive: zipfile.ZipFile, name: str, content: str | bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_TIME)
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
