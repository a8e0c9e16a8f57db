"""The data sets of studies."""

from __future__ import annotations

from dsn.data import describe
from dsn.data.cache import DescriptionCache
from dsn.errors import InvalidInput
from pipeline.health.finding import Finding, Subject, ok, problem
from pipeline.health.preflight import broken_data, place_of
from pipeline.planning.absent import absence, ways_out
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.wording import counted


def check_data(subject: Subject) -> Finding:
    """Each data set of the studies is there and can be loaded."""
    if not subject.studies:
        return ok("data", "no study was named; `dsn doctor STUDY.yaml` loads its data sets")
    cache = DescriptionCache(subject.workspace.data_cache)
    found, failures, remedies = [], [], []
    for file in subject.studies:
        try:
            study = read_study(file)
            plan = make_plan(study, lambda config: describe(config, cache))
        except InvalidInput as error:
            failures.append(str(error))
            continue
        if plan.absent:
            failures.append(f"{file}: {absence(plan)}")
            remedies += ways_out(study, plan)
        there = [trial for trial in plan.trials if trial.content_hash]
        failures += [f"{place_of(study, each)}: {each.config.name}: {each.problem}" for each in broken_data(there)]
        found.append(f"{file} ({counted(len(plan.datasets), 'data set')})")
    if failures:
        advice = "; ".join(remedies) or "correct the study or get the data; `dsn plan` tells the same"
        return problem("data", "; ".join(failures), advice)
    return ok("data", f"all can be loaded: {', '.join(found)}")
