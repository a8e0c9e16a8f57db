"""docs/cluster/slurm.sh really run, on two hosts; Slurm alone is played (``slurm_stub``)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import slurm_stub
from bench import PATIENCE, Bench, wait_until
from hosts import ROOT, Host, hosts
from ray_hosts import BIN

SCRIPT = ROOT / "docs" / "cluster" / "slurm.sh"

# What runs as process 1 of the job, as slurmd does: the script gets the signals, and what it has started does not.
_JOB = """\
import os, subprocess, sys
job = subprocess.Popen(["bash", *sys.argv[1:]], start_new_session=True)
print(job.pid, flush=True)
sys.exit(job.wait())
"""


def _stub(folder: Path) -> None:
    folder.mkdir()
    for name in ("srun", "scontrol"):
        program = folder / name
        program.write_text(f"#!{sys.executable}\n{Path(slurm_stub.__file__).read_text()}")
        program.chmod(0o755)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[dict[str, Host]]:
    """Two, with one folder that both see, as a cluster's homes are, and in it the token."""
    shared = tmp_path / "shared"
    (shared / ".ray").mkdir(parents=True)
    with hosts(tmp_path / "hosts", {"node1": (shared,), "node2": (shared,)}) as made:
        for host in made.values():
            (host.home / ".ray").symlink_to(shared / ".ray")
        yield made


class Job:
    """``sbatch slurm.sh tiny.yaml`` on the first node."""

    def __init__(self, node: Host, folder: Path, stubs: Path, number: int) -> None:
        slurm = {"JOB_ID": str(number), "JOB_NODELIST": "node1,node2", "CPUS_PER_TASK": "1", "CPUS_ON_NODE": "2"}
        environment = node.environment | {f"SLURM_{name}": value for name, value in slurm.items()}
        environment |= {"PATH": f"{stubs}:{os.environ['PATH']}", "DSN_BIN": str(BIN), "PYTHONPATH": str(ROOT)}
        self._node = node
        self.process = subprocess.Popen(
            [*node.within(folder), sys.executable, "-c", _JOB, str(SCRIPT), "tiny.yaml"],
            env=environment | {"DSN_WORKSPACE": str(folder / "workspace")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self._script = int(self.process.stdout.readline())

    def terminate(self) -> None:
        """As ``--signal=B:TERM@300`` has it: the script alone is told."""
        self._node.run("kill", f"-{signal.SIGTERM.name.removeprefix('SIG')}", str(self._script))

    def end(self) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, output


@pytest.mark.timeout(600)
def test_a_job_whose_time_is_up_is_queued_again_and_goes_on_over_both_nodes(
    nodes: dict[str, Host], tmp_path: Path
) -> None:
    stubs = tmp_path / "shared" / "stubs"
    _stub(stubs)
    bench = Bench(folder=tmp_path / "shared")
    bench.write_study(epochs=100, seeds=6, engine="torch")
    first = Job(nodes["node1"], bench.folder, stubs, 4711)
    # While both nodes train: where nothing runs there is nothing to finish, and a driver stops at once.
    wait_until(lambda: len(bench.ids("started")) - 2 == len(bench.ids("done")) > 0, first.process)
    time.sleep(0.5)
    first.terminate()
    code, output = first.end()
    print(output)
    assert code == 4
    assert (bench.folder / "requeued").read_text() == "4711\n"
    done = bench.ids("done")
    assert sorted(bench.ids("started")) == sorted(done), "what ran was finished"
    assert 0 < len(done) < 12
    for node in nodes.values():
        assert "raylet" not in node.run("pgrep", "-l", "-r", "R,S,D", ".", check=False).stdout, "it ended with the job"

    code, output = Job(nodes["node1"], bench.folder, stubs, 4711).end()
    print(output)
    assert code == 0
    assert bench.accounted()["done"] == 12
    where = {event["provenance"]["host"] for event in bench.events() if event["event"] == "done"}
    assert where == {"node1", "node2"}
    assert (bench.folder / "requeued").read_text() == "4711\n", "a job that is through is not queued again"


def test_without_a_study_it_says_how_it_is_used() -> None:
    refused = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("usage: sbatch docs/cluster/slurm.sh STUDY")
