"""What a lost worker leaves: what Ray says of it, and the last that it wrote."""

from __future__ import annotations

import re
from pathlib import Path

import ray
from ray.tune.experiment import Trial

from pipeline.cluster.worker_death import cause_of_death, plain
from pipeline.trial.outcome import TrialError

_MOST_OUTPUT = 8192
"""Bytes of a worker's output that are kept."""


def error_of(trial: Trial) -> TrialError:
    """What became of a worker, from what Ray says and from what the worker itself has left."""
    words = _words(trial)
    pid = re.search(r"\bpid[:=] ?(\d+)", words)
    output = _worker_output(int(pid[1])) if pid and _of_this_machine(words) else ""
    kind, message = cause_of_death(words, output)
    return TrialError(kind=kind, message=message, traceback="\n\n".join(filter(None, [words, output])))


def _words(trial: Trial) -> str:
    """Ray's, for what happened to a worker: Tune has written them to a file."""
    written = Path(trial.error_file) if trial.error_file else None
    if written is None or not written.exists():
        return "the worker was lost"
    _, _, words = written.read_text(encoding="utf-8").rpartition("Failure #")
    return plain(words.partition("\n")[2]).strip()


def _of_this_machine(words: str) -> bool:
    """Another host's processes have the same numbers."""
    node = ray._private.worker.global_worker.node
    assert node is not None, "ray has been started"
    ip = re.search(r"\bip[:=] ?([\w.:]+)", words)
    return ip is None or ip[1] == node.node_ip_address


def _worker_output(pid: int) -> str:
    """The last that a worker of this machine wrote to standard error."""
    node = ray._private.worker.global_worker.node
    assert node is not None, "ray has been started"
    for path in Path(node.get_logs_dir_path()).glob(f"worker-*-{pid}.err"):
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _MOST_OUTPUT, 0))
            lines = plain(file.read().decode("utf-8", "replace")).splitlines()
        # Ray's own marks of who wrote what follows.
        return "\n".join(line for line in lines if not line.startswith((":job_id:", ":actor_name:"))).strip()
    return ""
