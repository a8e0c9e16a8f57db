"""Trials of any arm, data set and estimate, for tests of what is run when."""

from __future__ import annotations

from dataclasses import replace

from data_info import made_info

from dsn.config import DataConfig, RunConfig
from dsn.cost import count
from pipeline.planning.plan import TrialSpec
from pipeline.study.resources import Resources

_CONFIG = RunConfig(data=DataConfig(source="npz", name="A"))
_INFO = made_info(_CONFIG.data)
_COST = count(_CONFIG.model, _CONFIG.sparsity, channels=_INFO.channels, length=_INFO.length, classes=_INFO.classes)


def made_trial(trial_id: str, seconds: float, *, arm: str = "x", dataset: str = "A", seed: int = 0) -> TrialSpec:
    """One that the plan says to take ``seconds``."""
    return TrialSpec(
        trial_id=trial_id,
        config=replace(_CONFIG, data=replace(_CONFIG.data, name=dataset)),
        seed=seed,
        content_hash=dataset,
        arm=arm,
        engine="auto",
        resources=Resources(),
        cost=_COST,
        seconds=seconds,
    )
