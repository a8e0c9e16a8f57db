"""What Tune does otherwise here."""

from __future__ import annotations

import ray.air._internal.usage
import ray.tune.execution.tune_controller
from ray.air.execution._internal import RayActorManager
from ray.air.execution._internal.tracked_actor_task import TrackedActorTask
from ray.exceptions import RayActorError, RayError, RayTaskError


class ActorManager(RayActorManager):
    """Tune's, for which a worker is lost however Ray words it.

    Ray says of a worker that it killed as memory was short, or whose answer was lost with its host, that memory was
    short, or an object lost. Tune knows what to do when the actor died, or its code raised; at any other words it ends
    the whole run.
    """

    def _actor_task_failed(self, tracked_actor_task: TrackedActorTask, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
            exception = RayActorError(error_msg=str(exception))
        super()._actor_task_failed(tracked_actor_task, exception)


def amend_tune() -> None:
    """Let Tune do these things otherwise. There are no settings for them: it looks names up in its modules."""
    vars(ray.tune.execution.tune_controller)["RayActorManager"] = ActorManager
    vars(ray.air._internal.usage)["tag_callbacks"] = _count_no_callbacks


def _count_no_callbacks(_callbacks: object) -> bool:
    """Statistics of usage are off, but for their sake Tune would import MLflow, and whatever else it has callbacks for,
    which takes longer than many a trial."""
    return False
