"""What Tune makes of a call to a worker that could not be answered."""

from __future__ import annotations

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


def survive_lost_answers() -> None:
    """Let Tune's controllers manage their workers so. There is no setting for it: they look a class up by its name."""
    vars(ray.tune.execution.tune_controller)["RayActorManager"] = ActorManager
