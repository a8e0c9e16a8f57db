"""A trial that is of no study."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dsn.config import RunConfig
from dsn.cost import count
from dsn.data import DataInfo
from pipeline.planning.plan import TrialSpec
from pipeline.study.resources import Resources


def lone_trial(config: RunConfig, info: DataInfo, **changes: Any) -> TrialSpec:
    """Of a configuration and what is known of its data; the reference engine and one core, unless ``changes`` says."""
    sizes = {"channels": info.channels, "length": info.length, "classes": info.classes}
    trial = TrialSpec(
        trial_id="0123456789abcdef",
        config=config,
        seed=0,
        content_hash=info.content_hash,
        arm="dsn",
        engine="torch",
        resources=Resources(),
        cost=count(config.model, config.sparsity, **sizes),
        seconds=1.0,
    )
    return replace(trial, **changes)
