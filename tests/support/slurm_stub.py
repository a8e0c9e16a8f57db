"""``srun`` and ``scontrol`` as far as docs/cluster/slurm.sh uses them, where there is no Slurm.

The nodes are hosts that can be reached by SSH. A step is one command, started once on each of its nodes, in the same
folder and environment, and ended when ``srun`` is; ``scontrol requeue`` is written down in the file ``requeued``.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

_SSH = ("ssh", "-tt", "-q", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")


def srun(arguments: list[str]) -> int:
    options = {}
    while arguments[0].startswith("--"):
        name, _, value = arguments.pop(0).partition("=")
        options[name] = value
    nodes = options.get("--nodelist", os.environ["SLURM_JOB_NODELIST"]).split(",")
    nodes = [node for node in nodes if node != options.get("--exclude")]
    assert len(nodes) == int(options["--nodes"]) == int(options["--ntasks"])
    assert "--overlap" in options, "without it a step waits until no other has the node"
    kept = [f"{name}={value}" for name, value in os.environ.items() if name.startswith(("RAY_", "SLURM_", "PYTHON"))]
    command = f"cd {shlex.quote(str(Path.cwd()))} && exec {shlex.join(['env', *kept, *arguments])}"
    key = Path.home() / ".ssh" / "id"
    steps = [
        subprocess.Popen([*_SSH, "-i", str(key), node, command], stdin=subprocess.PIPE, start_new_session=True)
        for node in nodes
    ]

    def end(_signum: int, _frame: FrameType | None) -> None:
        for step in steps:
            step.terminate()

    signal.signal(signal.SIGTERM, end)
    return max(abs(step.wait()) for step in steps)


def scontrol(arguments: list[str]) -> int:
    if arguments[:2] == ["show", "hostnames"]:
        sys.stdout.write("".join(f"{node}\n" for node in arguments[2].split(",")))
    else:
        assert arguments[0] == "requeue"
        with Path("requeued").open("a") as file:
            file.write(f"{arguments[1]}\n")
    return 0


if __name__ == "__main__":
    program = {"srun": srun, "scontrol": scontrol}[Path(sys.argv[0]).name]
    sys.exit(program(sys.argv[1:]))
