"""Data sets of a study whose files are not there: what is said of them, and what can be done.

A study is planned all the same, with the sizes that are known of them (``dsn.data.catalogue``), but not run: without
them it is another study. Whoever wants that one says so (``--skip-absent``), and then its record and report say so too.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dsn.config import DataConfig
from dsn.data import is_there
from dsn.data.catalogue import UCI
from dsn.errors import InvalidInput
from pipeline.errors import AbsentDataSets
from pipeline.planning.plan import Plan, blamed_on_data
from pipeline.study.resolution import data_entries, expanded_arms, resolved
from pipeline.study.spec import Study
from pipeline.wording import LONGEST_LIST, counted, listed, part_of

FETCHED_FOR = ("archive", "folder")
"""The sources that read what ``dsn data fetch`` downloads."""


def require_present(study: Study, plan: Plan) -> None:
    """Check that the files of every data set are there.

    Raises:
        AbsentDataSets: some are not; with their names and what can be done.
    """
    if plan.absent:
        raise AbsentDataSets(absence(plan), ways_out(study, plan), place=study.document.place(("data",)))


def absent_from(study: Study) -> dict[DataConfig, str]:
    """The data sets of a study whose files are not there, each with its line; nothing is read.

    Raises:
        InvalidInput: the study cannot be, or a data set is there but cannot be used.
    """
    arm = next(expanded_arms(study))
    absent = {}
    for entry, written in data_entries(study):
        config = resolved(study, arm, entry, written).data
        try:
            there = is_there(config)
        except InvalidInput as error:
            raise blamed_on_data(study, config, written, error) from error
        if not there:
            absent[config] = study.document.place(written["name"])
    return absent


def absence(plan: Plan) -> str:
    """``14 of 30 data sets are not there: Cricket, ...``."""
    names = [config.name for config in plan.absent]
    verb = "is" if len(names) == 1 else "are"
    return f"{part_of(len(names), len(plan.datasets), 'data set')} {verb} not there: {listed(names, LONGEST_LIST)}"


def ways_out(study: Study, plan: Plan) -> list[str]:
    """What can be done about the data sets that are not there, each in a line; nothing if all are."""
    reasons = [why_not_fetched(config) for config in plan.absent]
    fetched = reasons.count("")
    them = "them" if fetched == len(reasons) else f"{fetched} of them"
    ways = [f"`{fetch_command(study)}` downloads {them}"] if fetched else []
    ways += dict.fromkeys(filter(None, reasons))
    return [*ways, "`--skip-absent` leaves them out"] if 0 < len(reasons) < len(plan.datasets) else ways


def why_not_fetched(config: DataConfig) -> str:
    """Why ``dsn data fetch`` cannot get a data set of the catalogue, and what to do; empty if it can."""
    if config.name in UCI:
        return f"{config.name} is to be found at {UCI[config.name]}"
    if config.source not in FETCHED_FOR:
        return f"`dsn data fetch` downloads what source {FETCHED_FOR[-1]} reads, and source {config.source} does not"
    return ""


def fetch_command(study: Study) -> str:
    """What downloads the data sets of a study that are not there."""
    _, _, profile = study.spec.name.partition("@")
    command = ["dsn", "data", "fetch", "--study", study.document.file]
    return shlex.join([*command, "--profile", profile] if profile else command)


def omission(names: Sequence[str], kept: int, most: int = LONGEST_LIST) -> str:
    """``14 of the study's 30 data sets were not there and are left out: Cricket, ...``."""
    verbs = "was not there and is" if len(names) == 1 else "were not there and are"
    whole = counted(len(names) + kept, "data set")
    return f"{len(names)} of the study's {whole} {verbs} left out: {listed(names, most)}"
