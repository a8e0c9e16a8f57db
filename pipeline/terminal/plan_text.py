"""A plan in words, for ``dsn plan``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dsn.architecture import is_sparse
from dsn.engine_choice import choose_engine
from dsn.errors import InvalidInput
from dsn.sparsity.schedule import update_period
from pipeline.analysis.renderings.text import to_text
from pipeline.analysis.table import Cell, Column, Table
from pipeline.planning.absent import absence, omission
from pipeline.planning.plan import Plan, TrialSpec
from pipeline.scheduling.standing import Standing, standing
from pipeline.scheduling.todo import left_alone
from pipeline.terminal.resolved_text import resolved_tables
from pipeline.wording import LONGEST_LIST, counted, duration, listed
from pipeline.workspace.disk import shown_size


def plan_summary(plan: Plan, disk: int, *, now: Standing | None = None, resolved: bool = False) -> dict[str, Any]:
    """The plan for scripts: counts, estimates (``disk`` in bytes), how it stands ``now``, every trial; all of its
    settings if ``resolved``. Without ``now``, as in an empty workspace.

    A trial over data that are not there has no id yet.
    """
    now = now or standing(plan, {})
    return {
        "study": plan.study,
        "trials": len(plan.trials),
        "cells": len(plan.cells),
        "arms": list(plan.arms),
        "datasets": list(plan.datasets),
        "absent": [config.name for config in plan.absent],
        "left_out": list(plan.left_out),
        "engine": _engine(plan),
        **_counted("estimated", plan, now.trial_seconds(plan.trials)),
        "estimated_bytes": disk,
        **_standing_summary(plan, now),
        "trial_list": [
            {
                "trial": trial.trial_id if trial.content_hash else None,
                "arm": trial.arm,
                "dataset": trial.config.data.name,
                "seed": trial.seed,
            }
            | ({"config": trial.config.to_dict()} if resolved else {})
            for trial in plan.trials
        ],
    }


def plan_text(
    plan: Plan,
    disk: int,
    *,
    now: Standing | None = None,
    ways_out: Sequence[str] = (),
    resolved: bool = False,
    width: int | None = None,
) -> str:
    """The plan for people: what is crossed, and what each arm costs; every setting if ``resolved``.

    ``disk`` is what the results take, in bytes; ``now`` how the plan stands in the workspace (without, in an empty
    one); ``ways_out`` what can be done about data sets that are not there; ``width`` is that of the terminal, and None
    breaks no line.
    """
    now = now or standing(plan, {})
    seeds = len({cell.seed for cell in plan.cells})
    lines = [
        f"{plan.study}: {counted(len(plan.trials), 'trial')} = {_product(plan, seeds)}{_departures(plan, seeds)}",
        f"data sets: {listed(plan.datasets, LONGEST_LIST)}",
        f"estimated: {_cost(plan, now.trial_seconds(plan.trials))} ({_how_sure(now)})",
        *_here(now),
        f"engine:    {_engine(plan)}",
        f"on disk:   about {shown_size(disk)}",
        *_already(plan, now),
        *_missing(plan, ways_out),
        *_unexplored(plan),
        "",
        to_text(_arm_table(plan, now), width),
    ]
    lines += [to_text(table, width) for table in resolved_tables(plan)] if resolved else []
    return "\n".join(lines)


def _engine(plan: Plan) -> str:
    """What trials will be computed with, as far as this machine knows; others of a cluster choose for themselves."""
    trial = plan.trials[0]
    try:
        here = choose_engine(trial.engine)
    except InvalidInput as error:
        return f"{trial.engine}, which {error.problem}"
    if trial.resources.gpus:
        return f"{choose_engine(trial.engine, 'cuda').name} on a GPU; where there is none, {here}"
    return str(here)


def _counted(name: str, plan: Plan, seconds: float) -> dict[str, float]:
    """Seconds of trials, as those of the cores that they take and, if they take any, of GPUs."""
    taken = {"core": plan.resources.cpus, "gpu": plan.resources.gpus}
    return {f"{name}_{unit}_seconds": round(seconds * count, 1) for unit, count in taken.items() if count}


def _standing_summary(plan: Plan, now: Standing) -> dict[str, Any]:
    todo, here = now.todo, now.here
    error = now.costs.error_factor()
    return {
        "already_done": todo.there,
        "already_failed": todo.failed,
        "stale": todo.stale,
        "to_run": len(todo.trials),
        **_counted("remaining", plan, now.seconds),
        "remaining_wall_seconds": None if isinstance(here, str) else round(here.seconds, 1),
        "slots": 0 if isinstance(here, str) else here.slots,
        "measured": now.costs.measured,
        "error_factor": None if error is None else round(error, 3),
    }


def _cost(plan: Plan, seconds: float) -> str:
    """Seconds of trials, as hours of what there is less of."""
    if plan.resources.gpus:
        return f"{duration(seconds * plan.resources.gpus)} of one GPU"
    return f"{duration(seconds * plan.resources.cpus)} of one core"


def _how_sure(now: Standing) -> str:
    """On what the estimate rests."""
    if not now.costs.measured:
        return "rough: it is for an AVX-512 server"
    error = now.costs.error_factor()
    within = "" if error is None else f": half of them within {error:.2f} times"
    return f"by {counted(now.costs.measured, 'trial')} done on such a machine{within}"


def _here(now: Standing) -> list[str]:
    """How long what is to be run takes on this machine, if anything is."""
    if not now.todo.trials:
        return []
    if isinstance(now.here, str):
        return [f"here:      {now.here}"]
    return [f"here:      {duration(now.here.seconds)}, {counted(now.here.slots, 'trial')} at a time"]


def _already(plan: Plan, now: Standing) -> list[str]:
    """What the workspace has of the plan, if anything, and how long the rest takes."""
    if len(now.todo.trials) == len(plan.trials):
        return []
    there = [f"{now.todo.there} of {counted(len(plan.trials), 'trial')} done", *left_alone(now.todo)]
    rest = f"; the rest about {_cost(plan, now.seconds)}" if now.todo.trials else "; nothing is left to run"
    return [f"already:   {', '.join(there)}{rest}"]


def _missing(plan: Plan, ways_out: Sequence[str]) -> list[str]:
    """The data sets that are not there, if any."""
    lines = [f"left out:  {omission(plan.left_out, len(plan.datasets))}"] if plan.left_out else []
    if plan.absent:
        lines += [f"absent:    {absence(plan)}", "           (planned with the sizes that are known of them)"]
        lines += [f"           {way}" for way in ways_out]
    return lines


def _unexplored(plan: Plan) -> list[str]:
    """The arms whose topology would be explored if the training were longer, if any."""
    train_n = {use.config: use.info.train_n for use in plan.data}
    arms: dict[str, None] = {}
    for trial in plan.trials:
        config = trial.config
        steps = config.training.steps_per_epoch(train_n[config.data])
        explored = config.sparsity.explore and is_sparse(config.model, config.sparsity)
        if explored and update_period(config.sparsity, steps) > steps * config.training.epochs:
            arms[trial.arm] = None
    names = listed(list(arms), LONGEST_LIST, between="; ")
    return [f"note:      no mask update falls due in {names}"] if arms else []


def _product(plan: Plan, seeds: int) -> str:
    factors = ((len(plan.arms), "arm"), (len(plan.datasets), "data set"), (seeds, "seed"))
    return " x ".join(counted(count, noun) for count, noun in factors)


def _departures(plan: Plan, seeds: int) -> str:
    """Why the product is not the count, when it is not."""
    full = len(plan.arms) * len(plan.datasets) * seeds
    reasons = []
    if len(plan.cells) < full:
        reasons.append(f"{full - len(plan.cells)} excluded")
    if len(plan.trials) < len(plan.cells):
        reasons.append(f"{len(plan.cells) - len(plan.trials)} share a trial with another arm")
    return f" ({', '.join(reasons)})" if reasons else ""


def _arm_table(plan: Plan, now: Standing) -> Table:
    """An arm a row, its mean costs over the data sets."""
    trials = {trial.trial_id: trial for trial in plan.trials}
    of_arm: dict[str, dict[str, TrialSpec]] = {arm: {} for arm in plan.arms}
    for cell in plan.cells:
        of_arm[cell.arm][cell.trial_id] = trials[cell.trial_id]
    rows = []
    for arm in plan.arms:
        own = list(of_arm[arm].values())
        texts = (
            arm,
            str(len(own)),
            f"{_mean([trial.cost.parameters for trial in own]) / 1e3:.1f} K",
            f"{_mean([trial.cost.flops for trial in own]) / 1e6:.1f}",
            duration(now.trial_seconds(own) * (plan.resources.gpus or plan.resources.cpus)),
        )
        rows.append(tuple(Cell(text=text) for text in texts))
    names = ("trials", "parameters", "MFLOPs", "GPU time" if plan.resources.gpus else "core time")
    columns = (Column(name="arm", numeric=False), *(Column(name=name) for name in names))
    return Table(title="Arms (means over data sets)", columns=columns, rows=tuple(rows))


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)
