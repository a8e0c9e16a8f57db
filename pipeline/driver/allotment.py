"""What each trial of a run is given of what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.planning.gpu_memory import share_of
from pipeline.planning.plan import TrialSpec
from pipeline.study.resources import Resources


def allotted(trials: Sequence[TrialSpec], wanted: Resources, say: Callable[[str], None]) -> list[TrialSpec]:
    """The trials with what they are given on the cluster that was started or joined: no GPU where there is none, and of
    one the part that they need by its memory, where the study divides it like that.

    Args:
        trials: with what they want.
        wanted: by all of them.
        say: told what is given otherwise than is wanted.

    Raises:
        InvalidInput: no trial would ever start.
    """
    from pipeline.cluster.gpus import least_gpu_memory
    from pipeline.cluster.hosts import capacity_there

    there = capacity_there()
    given = there.fitted(wanted)
    if wanted.gpus and not given.gpus:
        say("no GPU here: the trials run on the CPU")
    trials = [replace(trial, resources=there.fitted(trial.resources)) for trial in trials]
    if given.gpu_memory is None:
        return trials
    memory = least_gpu_memory()
    if memory is None:
        say("how much memory the GPUs have could not be found out (nvidia-smi): each trial has a GPU for itself")
        return [replace(trial, resources=trial.resources.with_share(1)) for trial in trials]
    trials = [replace(trial, resources=_divided(trial.resources, memory)) for trial in trials]
    numbers = sorted({int(1 / trial.resources.gpus) for trial in trials})
    counts = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    say(f"a GPU of {memory / 1e9:.0f} GB is shared by {counts} trials, as far as there are cores for them")
    return trials


def _divided(wanted: Resources, memory: int) -> Resources:
    assert wanted.gpu_memory_bytes is not None, "the plan has put a number there"
    return wanted.with_share(share_of(wanted.gpu_memory_bytes, memory))
