"""Real runs of the command line on a tiny study: real Ray, real MLflow on SQLite, real signals; and their accounts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hearing import hear_signals

from pipeline.planning.capacity import local_cpus

PATIENCE = 240.0
"""Seconds after which a test no longer waits: for machines that do other things too, not a measure."""

STUDY = """
name: tiny
question: Does anything get lost?
data:
  - {source: aeon, names: [UnitTest]}
base:
  model: {channels: 9, kernel_size: 9, depth: 2, pool_size: 10}
  training: {epochs: EPOCHS, batch_size: 4, eval_test_every: 2}
arms:
ARMS
seeds: SEEDS
"""

ARMS = ("  dsn: {}", "  fixed: {sparsity.explore: false}")

STATUSES = ("done", "pruned", "failed", "running", "pending")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A folder with a study file and a workspace.

    Attributes:
        environment: of the commands, beside that of the tests.
        within: words before every command: another program that starts it.
        root: where the commands' files are seen from here, if they have a view of their own of the file system.
        store: URI of the MLflow store; empty for the workspace's own.
        begun: all commands that were started here.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    root: Path = Path("/")
    store: str = ""
    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def study(self) -> Path:
        return self.folder / "tiny.yaml"

    @property
    def tracking_uri(self) -> str:
        return self.store or f"sqlite:///{self.workspace / 'mlflow.db'}"

    def write_study(
        self,
        *,
        epochs: int = 3,
        seeds: int = 2,
        arms: int = 2,
        engine: str = "auto",
        one_worker: bool = False,
        more: str = "",
    ) -> None:
        """``engine="torch"`` where trials must last long enough to be cut off, with the native engine there or not.

        ``one_worker`` where several at the same time are not what it is about: each takes five seconds of a processor
        to start. Not with PyTorch's engine, whose threads wait for each other without sleeping, and for other tests.
        """
        text = STUDY.replace("EPOCHS", str(epochs)).replace("SEEDS", str(seeds)).replace("ARMS", "\n".join(ARMS[:arms]))
        if one_worker:
            more += f"resources: {{cpus: {local_cpus()}}}\n"
        if self.store:
            more += f"tracking: {{uri: '{self.store}'}}\n"
        self.study.write_text(f"{text}engine: {engine}\n{more}")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """``dsn ARGUMENTS`` in the background, in a process group of its own."""
        process = subprocess.Popen(
            [*self.within, sys.executable, "-m", "pipeline", *arguments],
            cwd=self.folder,
            env=os.environ | {"DSN_WORKSPACE": str(self.workspace)} | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=hear_signals,  # noqa: PLW1509  # it takes no lock
        )
        self.begun.append(process)
        return process

    def end(self) -> None:
        """Kill what a test that failed has left: it would take the time of all others."""
        for process in self.begun:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def dsn(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """``dsn ARGUMENTS``, whose exit code must be ``expect``."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == expect, errors
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def seen(self, place: str) -> Path:
        """A place of the workspace, as the commands see it."""
        return self.root / (self.workspace / place).relative_to("/")

    @property
    def ledger(self) -> Path:
        return self.seen("ledger/tiny/ledger.jsonl")

    def events(self) -> list[dict[str, Any]]:
        """The complete lines of the study's ledger."""
        text = self.ledger.read_text() if self.ledger.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def ids(self, event: str) -> list[str]:
        return [record["trial"] for record in self.events() if record["event"] == event]

    def status(self) -> dict[str, Any]:
        """``dsn status --json``, whose sum must be right."""
        status: dict[str, Any] = json.loads(self.dsn("status", "tiny", "--json").stdout)
        assert status["planned"] == sum(status[each] for each in STATUSES)
        return status

    def accounted(self) -> dict[str, int]:
        """Check that nothing is lost and nothing counted twice, once no driver runs any more and MLflow was written.

        Status, ledger and MLflow must say the same of every trial; a trial is done once at most each time that it was
        asked for; a trial that ended has all its files, its cause if it failed, and no checkpoint.

        Returns:
            How many trials stand how.
        """
        events, status = self.events(), self.status()
        counts = {each: int(status[each]) for each in STATUSES}
        assert counts["running"] == 0
        done = Counter((event["trial"], event.get("generation", 0)) for event in events if event["event"] == "done")
        assert set(done.values()) <= {1}, "a finished trial was executed again"
        assert not self._begun_after_done(events), "a finished trial was begun again"
        last = self._last_events(events)
        ended = {trial: event["event"] for trial, event in last.items() if event["event"] in ("done", "failed")}
        assert Counter(ended.values()) == Counter({each: counts[each] for each in ("done", "failed") if counts[each]})
        for trial, event in last.items():
            self._check_files(trial, event)
        failures = {each["trial"]: each for each in status["failed_trials"]}
        assert set(failures) == {trial for trial, event in ended.items() if event == "failed"}
        assert all(each["kind"] and each["message"] for each in failures.values())
        self._check_tracking(ended, counts)
        return counts

    def verified(self) -> list[dict[str, Any]]:
        """What ``dsn sync --verify`` finds different between MLflow and the ledger."""
        found = json.loads(self.dsn("sync", "tiny", "--verify", "--json").stdout)
        assert found["runs"] == 1 + len(set(self.ids("done")))
        return list(found["differences"])

    @staticmethod
    def _begun_after_done(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        done, again = set(), []
        for event in events:
            which = (event["trial"], event.get("generation", 0))
            if event["event"] == "done":
                done.add(which)
            elif event["event"] == "started" and which in done:
                again.append(event)
        return again

    @staticmethod
    def _last_events(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Of each trial the line that counts: since it was last asked for, ``done`` before all that follows."""
        last: dict[str, dict[str, Any]] = {}
        for event in events:
            before = last.get(event["trial"], {})
            newer = event.get("generation", 0) > before.get("generation", 0)
            if newer or before.get("event") != "done":
                last[event["trial"]] = event
        return last

    def _check_files(self, trial: str, event: Mapping[str, Any]) -> None:
        if event["event"] not in ("done", "failed"):
            return
        there = {path.name for path in self.seen(f"trials/{trial}").glob("*")}
        assert event["event"] == "failed" or there >= set(event["artifacts"])
        assert not self.seen(f"checkpoints/{trial}").exists()
        log = (event.get("error") or {}).get("log")
        assert log is None or self.seen(log).is_file()

    def _check_tracking(self, ended: Mapping[str, str], counts: Mapping[str, int]) -> None:
        parents, children = runs_of(self)
        shown = {"done": "FINISHED", "failed": "FAILED"}
        states = {run.data.tags["trial_id"]: run.info.status for run in children}
        assert len(states) == len(children), "a trial has two runs"
        assert {trial: status for trial, status in states.items() if trial in ended} == {
            trial: shown[event] for trial, event in ended.items()
        }
        assert {status for trial, status in states.items() if trial not in ended} <= {"KILLED"}
        (parent,) = parents
        assert parent.info.status == ("KILLED" if counts["pending"] else "FAILED" if counts["failed"] else "FINISHED")
        assert {each: parent.data.tags[f"trials.{each}"] for each in STATUSES} == {
            each: str(count) for each, count in counts.items()
        }


def runs_of(bench: Bench) -> tuple[list[Any], list[Any]]:
    """The parent runs and the child runs that a bench's store holds."""
    from mlflow import MlflowClient

    client = MlflowClient(bench.tracking_uri)
    experiments = [each.experiment_id for each in client.search_experiments() if each.name != "Default"]
    runs = list(client.search_runs(experiments, max_results=1000))
    kinds = ("study", "trial")
    parents, children = ([run for run in runs if run.data.tags["kind"] == kind] for kind in kinds)
    assert len(parents) + len(children) == len(runs)
    return parents, children


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until it holds; ``process`` must not end before."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "nothing happened"
        if process is not None and process.poll() is not None and not holds():
            raise AssertionError(f"ended with code {process.returncode} before: {process.communicate()[1]}")
        time.sleep(0.02)


def descendants(pid: int) -> dict[int, str]:
    """Processes below ``pid``, with their command lines."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            commands[int(folder.name)] = (folder / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        parents[int(folder.name)] = int(fields[1])
    below = {pid}
    for _ in range(len(parents)):
        below |= {child for child, parent in parents.items() if parent in below}
    return {child: commands[child] for child in below - {pid}}


def workers_of(pid: int) -> list[int]:
    """The processes that train for a driver."""
    return [child for child, command in descendants(pid).items() if command.startswith("ray::ResourceTrainable")]
