"""How long trials take together whose costs differ widely: by the order in which they are begun, under a real Ray."""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.effort import Effort
from benchmarks.progress import say
from benchmarks.table import Table, Value
from dsn.config import DataConfig
from dsn.data import DataInfo
from pipeline.planning.capacity import OBJECT_STORE, Capacity
from pipeline.planning.plan import TrialSpec, make_plan
from pipeline.scheduling.costs import Costs, shared_out
from pipeline.scheduling.stopping import Stopping
from pipeline.study.spec import read_study
from pipeline.trial.outcome import TrialResult

TARGET = 1.10
"""Times what trials must take: all together shared out, and the longest."""

TRIALS, SLOTS = 200, 8
FEWER, FEWER_SLOTS = 12, 2
"""Of the quick effort."""

SPREAD = 50
"""How many times as long the longest takes as the shortest: half of that by the data set, the rest by the arm."""

LONGEST = 2.5
"""Seconds, at full effort: ten milliseconds of Ray are then little beside most trials."""

WRONG = 2.0
"""The plan is wrong by at most so much in each data set, either way; ``SLOWER`` says how much in all."""
SLOWER = 3.0

SEEDS = 5
_NOISE = 0.05
_WARM_UP = "warm-up"
_STUDY = """name: uneven
data: [{{source: npz, path: /d, names: {datasets}}}]
arms: {{x: {{}}, y: {{sparsity.level: 0.5}}}}
seeds: {seeds}
"""


@dataclass(frozen=True, kw_only=True)
class Uneven:
    """Trials, in no order, and what each really takes, in seconds."""

    trials: Sequence[TrialSpec]
    seconds: Mapping[str, float]
    slots: int

    @property
    def least(self) -> float:
        """What they must take."""
        return shared_out(self.seconds.values(), self.slots)


class AsPlanned(Costs):
    """What is measured changes nothing."""

    def learn(self, trial_id: str, seconds: float) -> None: ...


def _all_alike(trials: Sequence[TrialSpec]) -> Costs:
    return AsPlanned.of([replace(trial, seconds=1.0) for trial in trials])


CORRECTED = "the longest first, corrected"
"""What ``dsn run`` does."""

ORDERS: Mapping[str, Callable[[Sequence[TrialSpec]], Costs]] = {
    "the first first": _all_alike,
    "the longest first, by the plan": AsPlanned.of,
    CORRECTED: Costs.of,
}
"""In what order trials are begun -> the costs that lead to it."""


def makespan(effort: Effort) -> list[Table]:
    """The same trials in each order, in workers that are there already."""
    whole = effort.trials >= 1000
    with tempfile.TemporaryDirectory(prefix="dsn-makespan-") as folder:
        uneven = _uneven(Path(folder), TRIALS if whole else FEWER, SLOTS if whole else FEWER_SLOTS)
        if not whole:
            uneven = replace(uneven, seconds={key: each / SPREAD for key, each in uneven.seconds.items()})
        rows = []
        with _ray(uneven.slots) as capacity:
            for number, name in enumerate(ORDERS):
                say(f"makespan: {len(uneven.trials)} trials, {name}")
                rows.append(_row(name, uneven, _makespan(uneven, name, capacity, Path(folder) / str(number))))
    return [
        Table(
            title="Makespan of uneven trials",
            columns={
                "begun": "",
                "trials": "d",
                "slots": "d",
                "s": ".2f",
                "s at least": ".2f",
                "times the least": ".3f",
                "target": ".2f",
                "verdict": "",
            },
            rows=rows,
            notes=(
                f"Trials that sleep, the longest {SPREAD} times as long as the shortest; once in each order, by Ray.",
                "At least: all seconds shared out among the slots, or the longest trial. Without starting workers.",
                f"The plan is wrong by up to {WRONG:g} times in each data set, either way, and by {SLOWER:g} in all.",
            ),
        )
    ]


def _row(name: str, uneven: Uneven, seconds: float) -> tuple[Value, ...]:
    times = seconds / uneven.least
    judged = name == CORRECTED
    verdict = ("met" if times <= TARGET else "missed") if judged else None
    shown = (name, len(uneven.trials), uneven.slots, seconds, uneven.least, times)
    return (*shown, TARGET if judged else None, verdict)


def _uneven(folder: Path, trials: int, slots: int) -> Uneven:
    """Data sets of costs at equal ratios, two arms of which one takes twice as long, and seeds that hardly differ."""
    random = np.random.default_rng(0)
    datasets = [f"Set{number:02d}" for number in range(math.ceil(trials / (2 * SEEDS)))]
    file = folder / "uneven.yaml"
    file.write_text(_STUDY.format(datasets=datasets, seeds=SEEDS), encoding="utf-8")
    ratio = (SPREAD / 2) ** (1 / max(len(datasets) - 1, 1))
    of_dataset = {name: LONGEST / SPREAD * ratio**number for number, name in enumerate(datasets)}
    wrong = {name: WRONG ** random.uniform(-1, 1) for name in datasets}
    planned, seconds = [], {}
    for trial in make_plan(read_study(file), _described).trials[:trials]:
        dataset = trial.config.data.name
        cost = of_dataset[dataset] * (2 if trial.arm == "y" else 1)
        seconds[trial.trial_id] = cost * random.uniform(1 - _NOISE, 1 + _NOISE)
        planned.append(replace(trial, seconds=cost / SLOWER * wrong[dataset]))
    return Uneven(trials=[planned[index] for index in random.permutation(len(planned))], seconds=seconds, slots=slots)


def _described(config: DataConfig) -> DataInfo:
    return DataInfo(
        name=config.name,
        content_hash=config.name,
        train_n=20,
        test_n=20,
        channels=1,
        length=50,
        classes=2,
        files=(),
    )


@contextmanager
def _ray(slots: int) -> Iterator[Capacity]:
    """With as many logical cores as there are slots: to sleep takes none."""
    import ray

    ray.init(
        address="local",
        num_cpus=slots,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=OBJECT_STORE,
    )
    try:
        yield Capacity.of_one(cpus=slots)
    finally:
        ray.shutdown()


def _makespan(uneven: Uneven, order: str, capacity: Capacity, folder: Path) -> float:
    """Seconds from when all workers are there to the end of the last trial, as the driver sees it."""
    from pipeline.cluster import runner
    from pipeline.cluster.hosts import Anywhere

    folder.mkdir()
    # The first trial of each worker waits for the others: what comes before is Ray's start.
    first = [
        replace(uneven.trials[0], trial_id=f"{_WARM_UP}{slot}", arm=_WARM_UP, seconds=math.inf)
        for slot in range(uneven.slots)
    ]
    trials = [*first, *uneven.trials]
    listener = Stopwatch()
    with patch.object(runner, "TrialActor", _sleeper(uneven.seconds, uneven.slots, folder)):
        runner.run_trials(
            trials,
            Anywhere(capacity=capacity),
            listener,
            death=lambda: "",
            keep_model=False,
            checkpoint_every=math.inf,
            stopping=Stopping(),
            costs=ORDERS[order](trials),
        )
    assert listener.done == {trial.trial_id for trial in trials}
    return listener.seconds


@dataclass(kw_only=True)
class Stopwatch:
    """Listens to trials, and keeps when the first of the warm-up ended, and the last of all."""

    done: set[str] = field(default_factory=set)
    warm: float = math.inf
    last: float = 0.0

    @property
    def seconds(self) -> float:
        return self.last - self.warm

    def attempts(self, *_: Any, **__: Any) -> int:
        return 0

    def newest_checkpoint(self, *_: Any, **__: Any) -> None:
        return None

    def started(self, *_: Any, **__: Any) -> None: ...

    progressed = checkpointed = lost = gave_up = started

    def finished(self, trial: TrialSpec, attempt: int, result: TrialResult) -> None:
        assert (result.status, attempt) == ("done", 1), result.error
        self.done.add(trial.trial_id)
        self.last = time.monotonic()
        if trial.arm == _WARM_UP:
            self.warm = min(self.warm, self.last)


def _sleeper(seconds: Mapping[str, float], slots: int, folder: Path) -> type:
    """A worker whose trials sleep; made here, so that Ray sends it along instead of looking for this module."""
    from pipeline.cluster.worker import TrialActor

    class Sleeper(TrialActor):
        def _training(self, trial: TrialSpec, *_: Any, **__: Any) -> Generator[Any, None, TrialResult]:
            yield from ()
            started = time.time()
            told = {}
            if trial.arm == _WARM_UP:
                (folder / trial.trial_id).touch()
                while sum(1 for _ in folder.iterdir()) < slots:
                    time.sleep(0.01)
                told = {"resumed_from": "0"}  # its time says nothing
            else:
                time.sleep(seconds[trial.trial_id])
            return TrialResult(trial_id=trial.trial_id, status="done", started=started, provenance=told)

    return Sleeper
