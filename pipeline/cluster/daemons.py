"""Ray's own processes without which nothing runs: what becomes of a run when one of them ends.

Ray does not survive it. The driver, left alone, would wait - up to a minute for the GCS server, until the next object
for the raylet - and then be ended by Ray's C++, without a word and before anything of ours can run. So it is told at
once, by the signal that the kernel sends to a parent, and gives up Ray while Ray still lets it. The processes of a
cluster that was joined are nobody's children here; their pulse is felt instead, and sends the same signal.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import ray

from dsn.errors import DSNError
from pipeline.cluster.orphans import end_orphans
from pipeline.cluster.pulse import Pulse
from pipeline.errors import Interrupted

VITAL = ("raylet", "gcs_server")
"""As Ray calls them: who starts workers and holds objects, and who knows of all."""

Death = Callable[[], str]
"""What is to be said if one of them has ended; empty while all live."""


def require_alive(death: Death) -> None:
    """
    Raises:
        Interrupted: one of them has ended.
    """
    words = death()
    if words:
        raise Interrupted(words)


@contextmanager
def watched_daemons() -> Iterator[Death]:
    """For a block of the main thread, the end of one of them ends the block too. Yields what can be asked meanwhile.

    Raises:
        Interrupted: that happened, whatever else came of it in the block.
    """
    heard = False

    def hear(_signum: int, _frame: object) -> None:
        nonlocal heard
        # Once: when one has ended the others follow, and would disturb who cleans up.
        if not heard and death():
            heard = True
            # The one exception that Ray lets through where it has called back.
            raise KeyboardInterrupt

    with ExitStack() as held:
        death = _of_children if _children() else held.enter_context(_pulse()).gone
        before = signal.signal(signal.SIGCHLD, hear)
        try:
            require_alive(death)
            yield death
        except BaseException as error:
            heard = True
            words = death()
            if words and death is _of_children:
                end_orphans(_raylet())
            # What our own errors say, a full disk say, is true with Ray and without.
            if words and not isinstance(error, DSNError):
                raise Interrupted(words) from error
            raise
        finally:
            signal.signal(signal.SIGCHLD, before)


def _pulse() -> Pulse:
    node = ray._private.worker.global_worker.node
    assert node is not None, "a cluster has been joined"
    return Pulse(head=node.gcs_address, raylet=node.raylet_socket_name)


def _raylet() -> int:
    node = ray._private.worker.global_worker.node
    assert node is not None, "ray has been started"
    (info,) = node.all_processes["raylet"]
    pid: int = info.process.pid
    return pid


def _children() -> bool:
    """Whether Ray was started by this process."""
    node = ray._private.worker.global_worker.node
    assert node is not None, "ray has been started, or joined"
    return bool(node.all_processes)


def _of_children() -> str:
    node = ray._private.worker.global_worker.node
    assert node is not None, "ray has been started"
    for name in VITAL:
        (info,) = node.all_processes[name]
        code = info.process.poll()
        if code is not None:
            by = f"killed by {signal.Signals(-code).name}" if code < 0 else f"it ended with code {code}"
            return (
                f"Ray has died, {name} first ({by}); nothing is lost, and the same command runs what is missing "
                f"(Ray's logs: {node.get_logs_dir_path()})"
            )
    return ""
