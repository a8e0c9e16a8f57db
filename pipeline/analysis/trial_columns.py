"""What trials left behind, an artifact of thousands of them at a time, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from pyarrow import ArrowException
from pyarrow.parquet import ParquetFile

from pipeline.analysis.results import Columns
from pipeline.errors import DamagedArtifact
from pipeline.workspace.source import StudySource


class TrialColumns(Mapping[str, Columns]):
    """The columns of one artifact by trial id."""

    def __init__(self, source: StudySource, trial_ids: Iterable[str], artifact: str) -> None:
        self._source = source
        self._trial_ids = list(trial_ids)
        self._artifact = artifact

    def __getitem__(self, trial_id: str) -> Columns:
        """
        Raises:
            DamagedArtifact: the file is there, and no Parquet.
        """
        if trial_id not in self._held:
            raise KeyError(trial_id)
        path = self._source.file(trial_id, self._artifact)
        try:
            # Files are small: a frame takes three times as long as its columns, and threads longer than they save.
            with ParquetFile(path) as file:
                table = file.read(use_threads=False)
        except (ArrowException, OSError) as error:
            raise DamagedArtifact(str(error), place=str(path)) from error
        return {name: table.column(name).to_numpy() for name in table.column_names}

    def __contains__(self, trial_id: object) -> bool:
        return trial_id in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    @cached_property
    def _held(self) -> dict[str, None]:
        """Looked for when first needed: a frame alone needs none of them."""
        return {each: None for each in self._trial_ids if self._source.holds(each, self._artifact)}
