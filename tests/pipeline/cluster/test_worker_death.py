"""What is said of a worker that was lost, from Ray's words and its own."""

from __future__ import annotations

import pytest

from pipeline.cluster.worker_death import cause_of_death, plain
from pipeline.trial.outcome import ErrorKind

DIED = (
    "The actor died unexpectedly before finishing this task.\n\tpid: 10666\n\tip: 192.0.2.2\n"
    "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: "
)
KILLED = DIED + (
    "Worker unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the "
    "process was killed by the OOM killer due to high memory usage, (2) ray stop --force was called, or (3) the worker "
    "crashed unexpectedly due to SIGSEGV or another unexpected error."
)
LEFT = DIED + "Worker exits unexpectedly. Worker exits with an exit code 7."
FULL = "Task was killed due to the node running low on memory.\nMemory on the node was 7.6GB / 8GB"
UNREACHED = (
    "The actor 07b8 is unavailable: The actor is temporarily unavailable: RpcError: RPC error: Socket closed "
    "rpc_code: 14. The task may or may not have been executed on the actor."
)
NO_HOST = "The actor died because its node has died. Node Id: 972a\n\tthe actor's node was terminated unexpectedly"
SETUP = (
    "The actor died because of an error raised in its creation task, ray::X.__init__() (pid=1, ip=192.0.2.2)\n"
    '  File "a.py", line 1, in setup\n    f()\nImportError: no torch'
)
STEP = 'ray::X.train() (pid=1, ip=192.0.2.2)\n  File "a.py", line 1, in step\n    f()\nAttributeError: no epoch'


@pytest.mark.parametrize(
    ("words", "output", "kind", "said"),
    [
        (KILLED, "", "worker-lost", "it was killed, or left without a word"),
        (KILLED, "a warning", "worker-lost", "it was killed, or left without a word"),
        (KILLED, "x\nFatal Python error: Segmentation fault\n\nThread", "exited", "crashed: Segmentation fault"),
        (KILLED, "*** SIGSEGV received at time=1 on cpu 1 ***\nPC: @", "exited", "crashed: SIGSEGV"),
        (LEFT, "", "exited", "exit code 7"),
        (FULL, "", "worker-lost", "the machine was low on memory"),
        (UNREACHED, "", "host-lost", "its host has died, or can no longer be reached"),
        (NO_HOST, "", "host-lost", "its host has died, or can no longer be reached"),
        (SETUP, "", "exception", "ImportError: no torch"),
        (STEP, "", "exception", "AttributeError: no epoch"),
        ("the worker was lost", "", "worker-lost", "the worker died"),
    ],
)
def test_the_kind_and_a_line(words: str, output: str, kind: ErrorKind, said: str) -> None:
    found, message = cause_of_death(words, output)
    assert found == kind
    assert said in message
    assert message.isprintable()


def test_colours_are_left_out() -> None:
    assert plain("\x1b[36mray::X\x1b[39m \x1b[0;1mok\x1b[0m") == "ray::X ok"
