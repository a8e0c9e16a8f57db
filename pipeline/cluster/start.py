"""Ray, for a block: started and ended on this machine, or joined and left where it runs already."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

from pipeline.cluster.amendments import amend_ray
from pipeline.cluster.daemons import Death, watched_daemons
from pipeline.cluster.hosts import capacity_there
from pipeline.cluster.join import join
from pipeline.errors import Interrupted
from pipeline.planning.capacity import OBJECT_STORE, local_cpus
from pipeline.wording import cause

_PUT_BACK_EVERY = 0.01


class _Forking(threading.local):
    """Whether what this thread starts leaves the process group of the driver."""

    leaves = False


_forking = _Forking()
# Of what Python starts, this reaches just what runs a function of its own before its program, as all of Ray's does.
os.register_at_fork(after_in_child=lambda: os.setpgid(0, 0) if _forking.leaves else None)


@contextmanager
def cluster(address: str | None = None) -> Iterator[Death]:
    """Ray for a block. Yields what tells whether it has died.

    Args:
        address: of a cluster that runs already and is left running (``pipeline.cluster.join``); without, Ray is started
            on this machine, and ended.

    Raises:
        InvalidInput: the cluster could not be joined.
        Interrupted: Ray could not be started, or has died in the block (``pipeline.cluster.daemons``).
    """
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        _undisturbed(on_termination, _start if address is None else lambda: join(address))
        with watched_daemons() as death:
            yield death
    finally:
        with _kept(on_termination):
            ray.shutdown()


@contextmanager
def _kept(on_termination: Any) -> Iterator[None]:
    """Signals wait for the end of the block: what they raise would leave Ray half ended.

    Ray takes the handler of SIGTERM away a second or two before its end is over, and Python does not know: the next
    signal would end the process without a word. So it is put back again and again.
    """
    late: list[int] = []
    handlers: dict[int, Any] = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGHUP)}
    handlers[signal.SIGTERM] = on_termination

    def wait(signum: int, _frame: object) -> None:
        late.append(signum)

    waiting = {signum: wait if callable(handler) else handler for signum, handler in handlers.items()}
    for signum, handler in waiting.items():
        signal.signal(signum, handler)
    before = signal.signal(signal.SIGALRM, lambda *_: signal.signal(signal.SIGTERM, waiting[signal.SIGTERM]))
    timer = signal.setitimer(signal.ITIMER_REAL, _PUT_BACK_EVERY, _PUT_BACK_EVERY)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
    for signum in late:
        handlers[signum](signum, None)


def _undisturbed(on_termination: Any, begin: Callable[[], None]) -> None:
    """``begin`` with Ray, out of reach of signals that are for the driver: a terminal, or ``timeout``, sends them to
    its group.

    Args:
        on_termination: the handler of SIGTERM. Ray's own would leave in the middle of whatever is being done.
        begin: starts Ray, or joins it.
    """
    # Of workers that died and of memory Ray writes to standard output, whatever ``log_to_driver`` says, over our own
    # lines. What there is to say of a trial is in its failure log.
    ray._private.worker._worker_logs_enabled = False
    _forking.leaves = True
    try:
        begin()
    except SystemExit as left:
        # What Ray's handler makes of the signal while it starts.
        if left.code == signal.SIGTERM and callable(on_termination):
            on_termination(signal.SIGTERM, None)
        raise
    finally:
        _forking.leaves = False
        signal.signal(signal.SIGTERM, on_termination)


def _start() -> None:
    """Start Ray on this machine."""
    amend_ray()
    try:
        ray.init(
            # A cluster that the environment happens to name is not meant.
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            num_cpus=local_cpus(),
            object_store_memory=OBJECT_STORE,
            # Ray would start a process for each core at once, and end it when trials come, which get their own.
            _system_config={"prestart_worker_first_driver": False},
        )
    except Exception as error:
        # Of any type: Ray's own have none in common, and most are of a machine that is too slow or too full for it.
        raise Interrupted(
            f"Ray could not be started ({cause(str(error))}); nothing is lost, and the same command tries it again"
        ) from error


def probe() -> str:
    """Start Ray, run a task and stop, for `dsn doctor`; says what there is."""
    with cluster():
        assert ray.get(ray.remote(num_cpus=1)(lambda: 1).remote()) == 1
        there = capacity_there()
        return f"{there.cpus} CPUs, {there.gpus} GPUs"
