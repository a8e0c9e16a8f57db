"""What Ray and Tune do otherwise here. There are no settings for it."""

from __future__ import annotations

from typing import Any

import ray.air._internal.usage
import ray.tune.execution.tune_controller
import ray.tune.registry
import ray.tune.tune
from ray._private.node import Node
from ray.air.execution._internal import RayActorManager
from ray.air.execution._internal.tracked_actor_task import TrackedActorTask
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.tune.experiment import Trial
from ray.tune.registry import _Registry

from pipeline.cluster.budget import Budget
from pipeline.cluster.controller import Controller


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


_IDLE = ("start_monitor", "start_api_server", "start_log_monitor")
"""What starts processes that would have nothing to do: hosts are not added to one machine, nobody looks at the
dashboard, and what workers write stays in their files."""


def amend_ray() -> None:
    """Let Ray on this machine start in half the time, and be three processes of Python fewer."""
    for name in _IDLE:
        assert hasattr(Node, name), f"this Ray calls {name} otherwise"
        setattr(Node, name, _start_nothing)


def _start_nothing(_node: Node, **_settings: object) -> None:
    """In place of ``_IDLE``."""


class Registry(_Registry):
    """Tune's, which remembers what it was given. It would ask Ray's GCS server for the workers' class, the only one
    that there is, five times a trial."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[str, str], Any] = {}

    def register(self, category: str, key: str, value: Any) -> None:
        super().register(category, key, value)
        self._known[category, key] = value

    def unregister(self, category: str, key: str) -> None:
        super().unregister(category, key)  # type: ignore[no-untyped-call]
        self._known.pop((category, key), None)

    def contains(self, category: str, key: str) -> bool:
        return (category, key) in self._known or bool(super().contains(category, key))  # type: ignore[no-untyped-call]

    def get(self, category: str, key: str) -> Any:
        known = self._known.get((category, key))
        return super().get(category, key) if known is None else known  # type: ignore[no-untyped-call]


def amend_tune() -> None:
    """It looks these names up in its modules and classes."""
    assert hasattr(Trial, "_get_default_result_or_future"), "this Tune asks new workers otherwise"
    setattr(Trial, "_get_default_result_or_future", _ask_nothing)  # noqa: B010  # mypy knows it is a method
    vars(ray.tune.execution.tune_controller).update(RayActorManager=ActorManager, PlacementGroupResourceManager=Budget)
    vars(ray.tune.tune)["TuneController"] = Controller
    vars(ray.tune.registry)["_global_registry"] = Registry()
    vars(ray.air._internal.usage)["tag_callbacks"] = _count_no_callbacks


def _ask_nothing(trial: Trial) -> None:
    """Of a trial that fails before its first report Tune asks its worker what it was. Of one that memory was taken from
    in its first second, or that went with its host, the answer is an error, and that would end the run."""
    trial._default_result_or_future = None


def _count_no_callbacks(_callbacks: object) -> bool:
    """Statistics of usage are off, but for their sake Tune would import MLflow, and whatever else it has callbacks for,
    which takes longer than many a trial."""
    return False
