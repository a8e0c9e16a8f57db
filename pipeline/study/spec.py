"""A study file as a StudySpec: strictly validated, nothing expanded yet (that is ``pipeline.planning.plan``)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from dsn.config import STRICT, RunConfig
from dsn.engine_choice import CPU_ONLY, EngineChoice
from dsn.errors import InvalidInput
from dsn.limits import Limits, limited, require_limits
from pipeline.redaction import secret_variable
from pipeline.study.document import Document, read_document
from pipeline.study.editing import nested_form, with_profile, with_settings
from pipeline.study.factors import Combination, Factors
from pipeline.study.names import require_name
from pipeline.study.resources import Resources
from pipeline.study.tracking_uri import require_store_uri
from pipeline.study.validation import validate

MOST_SEEDS = 100_000


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """How MLflow shows the study.

    Attributes:
        uri: an MLflow tracking URI; null for the workspace's own SQLite store. ``${NAME}`` in it stands for an
            environment variable, which is recorded as it stands here and filled in when MLflow is called.
        curve_points: most points of a learning curve that are logged as MLflow metrics; the full curve is an artifact.
        keep_models: whether trained networks are kept.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    uri: str | None = None
    curve_points: int = limited(100, Limits(least=0, most=10_000))
    keep_models: Literal["all", "none"] = "all"

    def __post_init__(self) -> None:
        if self.uri is not None:
            require_store_uri(self.uri)
        require_limits(self)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What is kept of a running trial, so that one whose worker is lost need not begin anew.

    Attributes:
        checkpoint_every: seconds between two checkpoints of a trial, made after the epoch that is then under way.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    checkpoint_every: float = limited(60.0, Limits(least=0.1, most=86_400))

    def __post_init__(self) -> None:
        require_limits(self)


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """A study file, its profile applied.

    Attributes:
        name: with ``@profile`` when one was chosen.
        question: what the study asks.
        reproduces: the table or figure that it repeats.
        data: entries as written: ``source``, either ``names`` or the ``collection`` of ``dsn.data.catalogue`` whose
            sets are meant, and any other field of ``dsn.config.DataConfig``.
        base: overrides shared by all arms, nested as in ``dsn.config.RunConfig``, and ``recipe``.
        arms: label -> overrides; the first is the reference.
        factors: values crossed with the arms, or with some of them.
        exclude: combinations left out: dotted key (or ``arm``) -> value; all must hold.
        seeds: a count n, meaning 0 to n-1, or a list.
        profiles: name -> dotted path into this file -> replacement.
        engine: how steps are computed; ``auto`` is the fastest that can be used where a trial runs. All are exact, but
            they round differently, so that long trainings part.
        on_finish: a program and its arguments, started (without a shell) when a ``dsn run`` of the study ends. It is
            looked up in PATH or, if it has a slash, from the study file's folder. It may take a minute, and is told in
            its environment what happened: DSN_OUTCOME (``done``; ``failed``: some trials have; ``interrupted``;
            ``workspace-failed``: a full disk, say; ``error``), DSN_STUDY, DSN_PLANNED, DSN_DONE, DSN_FAILED,
            DSN_WORKSPACE and DSN_REPORT (empty when none was written).
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: str
    question: str = ""
    reproduces: str = ""
    data: list[dict[str, Any]]
    base: dict[str, Any] = field(default_factory=dict)
    arms: dict[str, dict[str, Any]] = field(default_factory=lambda: {"base": {}})
    factors: Factors | None = None
    exclude: list[dict[str, Any]] = field(default_factory=list)
    seeds: int | list[int] = 5
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    engine: EngineChoice = "auto"
    resources: Resources = field(default_factory=Resources)
    recovery: Recovery = field(default_factory=Recovery)
    tracking: Tracking = field(default_factory=Tracking)
    on_finish: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        named = [("name", part) for part in self.name.split("@", 1)]
        named += [(f"arms.{arm}", arm) for arm in self.arms]
        named += [(f"profiles.{profile}", profile) for profile in self.profiles]
        for key, value in named:
            require_name(value, key=key)
        for key in ("data", "arms"):
            if not getattr(self, key):
                raise InvalidInput("must not be empty", key=key, value=getattr(self, key))
        if self.engine in CPU_ONLY and self.resources.gpus:
            raise InvalidInput("computes on the CPU only, and resources.gpus is not 0", key="engine", value=self.engine)
        if any("\0" in word for word in self.on_finish):
            raise InvalidInput("must not hold a zero byte", key="on_finish")
        if isinstance(self.seeds, int) and self.seeds > MOST_SEEDS:
            raise InvalidInput(f"must be at most {MOST_SEEDS}", key="seeds", value=self.seeds)
        if not self.seed_list or min(self.seed_list) < 0 or len(set(self.seed_list)) < len(self.seed_list):
            raise InvalidInput("must be a count of at least 1, or distinct seeds from 0", key="seeds", value=self.seeds)
        for arm in (self.factors and self.factors.arms) or ():
            if arm not in self.arms:
                raise InvalidInput("no such arm", key="factors.arms", value=arm, choices=self.arms)

    def combinations(self, arm: str) -> Iterator[Combination]:
        """The combinations of factor values of the arm of this name; a single empty one where it takes none."""
        return self.factors.combinations() if self.factors and self.factors.crosses(arm) else iter([{}])

    @property
    def seed_list(self) -> tuple[int, ...]:
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A validated study and the document that it came from, which knows the lines."""

    spec: StudySpec
    document: Document


def read_study(path: Path, profile: str | None = None, settings: Sequence[str] = ()) -> Study:
    """Read, apply the profile and then the ``key=value`` settings, validate.

    Raises:
        InvalidInput: with file, line and column, key, value and valid choices.
    """
    document = nested_form(read_document(path))
    name = document.data.get("name")
    if isinstance(name, str):
        # Here too, before a profile adds its part: a name with an @ would pass for some study's profile.
        require_name(name, key="name", place=document.place(("name",)))
    if profile is not None:
        # What the profile puts in may be written in either way too.
        document = nested_form(with_profile(document, profile))
    if settings:
        document = nested_form(with_settings(document, settings))
    data = _with_paths_resolved(document)
    return Study(spec=validate(StudySpec, data, document, {"base": RunConfig}), document=document)


def _with_paths_resolved(document: Document) -> dict[str, Any]:
    """The data with the paths of data entries absolute: variables filled in, relative to the study file's folder."""
    data = dict(document.data)
    if isinstance(data.get("data"), list):
        folder = Path(document.file).resolve().parent
        data["data"] = [
            {**entry, "path": str(folder / _expanded(entry["path"], document.place(("data", index, "path"))))}
            if isinstance(entry, dict) and isinstance(entry.get("path"), str)
            else entry
            for index, entry in enumerate(data["data"])
        ]
    return data


def _expanded(path: str, place: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            problem = f"environment variable {name} is not set: export {name}=FOLDER"
            raise InvalidInput(problem, key="path", value=path, place=place)
        return os.environ[name]

    filled_in = Path(re.sub(r"\$\{(\w+)\}", value, path))
    secret = secret_variable(str(filled_in))
    if secret is not None:
        problem = f"holds the value of the environment variable {secret}, a secret by its name, and paths are recorded"
        raise InvalidInput(problem, key="path", place=place)
    try:
        return str(filled_in.expanduser())
    except (RuntimeError, ValueError) as error:  # no such user; a NUL in a user's name
        raise InvalidInput("names a home folder that is not there", key="path", value=path, place=place) from error
