"""Tune's loop, which forgets trials that have ended, and lets workers start."""

from __future__ import annotations

import shutil
import time

import ray
from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

REMEMBERED = 100
"""Trials that have ended and are still known to Tune, at most."""

MAY_START = 10.0
"""Seconds that a worker may take to start while another is free for its trial. One that waits at Ray for a host which
has left, or for room that is left on no single host, would never start."""


class Controller(TuneController):
    """Tune's. It would keep each trial with all that it was given, and in the end copy and read the folders of all: the
    memory of a run, and its last seconds, would grow with the study.

    And a worker that comes free it would give to any trial that waits, one among them whose own worker is just
    starting, and drop that: trials that are shorter than a worker's start could run one after the other for ever.
    """

    _kept_free_since: float | None = None
    """Since when no free worker was taken, because those of the trials that wait are starting."""

    def on_step_end(self) -> None:
        super().on_step_end()  # type: ignore[no-untyped-call]
        ended = self._stopped_trials | self._failed_trials
        if len(ended) <= REMEMBERED:
            return
        # One of them is kept: a run without any, Tune would read from its snapshots.
        ended.discard(next(trial for trial in reversed(self._trials) if trial in ended))
        self._trials = [trial for trial in self._trials if trial not in ended]
        for known in (self._live_trials, self._stopped_trials, self._failed_trials, self._trials_to_cache):
            known.difference_update(ended)
        self._trial_metadata.clear()
        # Empty, but for what Ray said of workers that were lost, which has been read.
        for folder in filter(None, (trial.local_path for trial in ended)):
            shutil.rmtree(folder, ignore_errors=True)

    def _maybe_add_actors(self) -> None:
        if self._actor_cache.num_cached_objects:
            self._hand_out_free_workers()
        super()._maybe_add_actors()

    def _hand_out_free_workers(self) -> None:
        """To trials that have none, first come, first served. Tune would offer them to any that waits."""
        for trial in self._trials:
            wanted = trial.placement_group_factory
            if trial not in self._pending_trials or self._has_worker(trial):
                continue
            if not self._actor_cache.has_cached_object(wanted):
                continue
            if trial in self._staged_trials:
                super()._maybe_reuse_cached_actor(trial)
            else:
                self._staged_trials.add(trial)
                self._actor_cache.increase_max(wanted)
                self._schedule_trial_actor(trial)  # takes a free one, as there is one

    def _maybe_reuse_cached_actor(self, trial: Trial) -> bool:
        if self._has_worker(trial) and not self._kept_free_for_long():
            return False
        return bool(super()._maybe_reuse_cached_actor(trial))

    def _kept_free_for_long(self) -> bool:
        now = time.monotonic()
        if self._kept_free_since is None:
            self._kept_free_since = now
        return now - self._kept_free_since > MAY_START

    def _actor_started(self, tracked_actor: TrackedActor, log: str = "STARTED") -> None:
        """Called too when a free one is taken."""
        self._kept_free_since = None
        super()._actor_started(tracked_actor, log)

    def _has_worker(self, trial: Trial) -> bool:
        """A process of its own, be it one that is only starting."""
        worker = self._trial_to_actor.get(trial)
        return worker is not None and self._actor_manager.is_actor_started(worker)

    def _remove_actor(self, tracked_actor: TrackedActor) -> None:
        super()._remove_actor(tracked_actor)
        workers = self._actor_manager._live_actors_to_ray_actors_resources
        if tracked_actor in workers and tracked_actor not in self._started_actors:
            # It would have to start to be asked to stop.
            ray.kill(workers[tracked_actor][0])
