"""A plan in words, for ``dsn plan``."""

from __future__ import annotations

from typing import Any

from pipeline.planning import Plan, TrialSpec

LONGEST_LIST = 12


def plan_summary(plan: Plan) -> dict[str, Any]:
    """The plan for scripts: counts, estimates, and every trial."""
    return {
        "study": plan.study,
        "trials": len(plan.trials),
        "cells": len(plan.cells),
        "arms": list(plan.arms),
        "datasets": list(plan.datasets),
        "estimated_core_seconds": round(plan.seconds, 1),
        "trial_list": [
            {"trial": trial.trial_id, "arm": trial.arm, "dataset": trial.config.data.name, "seed": trial.seed}
            for trial in plan.trials
        ],
    }


def plan_text(plan: Plan) -> str:
    """The plan for people: what is crossed, and what each arm costs."""
    seeds = len({cell.seed for cell in plan.cells})
    lines = [
        f"{plan.study}: {_counted(len(plan.trials), 'trial')} = {_product(plan, seeds)}{_departures(plan, seeds)}",
        f"data sets: {_listed(plan.datasets)}",
        f"estimated: {_duration(plan.seconds)} of one core (rough: it is for an AVX-512 server)",
        "",
        *_arm_lines(plan),
    ]
    return "\n".join(lines)


def _product(plan: Plan, seeds: int) -> str:
    factors = ((len(plan.arms), "arm"), (len(plan.datasets), "data set"), (seeds, "seed"))
    return " x ".join(_counted(count, noun) for count, noun in factors)


def _departures(plan: Plan, seeds: int) -> str:
    """Why the product is not the count, when it is not."""
    full = len(plan.arms) * len(plan.datasets) * seeds
    reasons = []
    if len(plan.cells) < full:
        reasons.append(f"{full - len(plan.cells)} excluded")
    if len(plan.trials) < len(plan.cells):
        reasons.append(f"{len(plan.cells) - len(plan.trials)} share a trial with another arm")
    return f" ({', '.join(reasons)})" if reasons else ""


def _arm_lines(plan: Plan) -> list[str]:
    """A table: an arm a row, its mean costs over the data sets."""
    trials = {trial.trial_id: trial for trial in plan.trials}
    rows = [("arm", "trials", "parameters", "MFLOPs", "core time")]
    for arm in plan.arms:
        own = [trials[identity] for identity in dict.fromkeys(c.trial_id for c in plan.cells if c.arm == arm)]
        rows.append(
            (
                arm,
                str(len(own)),
                f"{_mean([trial.cost.parameters for trial in own]) / 1e3:.1f} K",
                f"{_mean([trial.cost.flops for trial in own]) / 1e6:.1f}",
                _duration(_core_seconds(own)),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _core_seconds(trials: list[TrialSpec]) -> float:
    return sum(trial.seconds * trial.resources.cpus for trial in trials)


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - LONGEST_LIST
    return ", ".join(names[:LONGEST_LIST]) + (f" and {more} more" if more > 0 else "")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
