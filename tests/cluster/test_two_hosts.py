"""A study over two hosts, which ``ray up`` has made a cluster: one is killed, comes back; the head dies."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bench import PATIENCE, Bench, wait_until
from fault_table import Row
from hosts import ROOT
from ray_hosts import Cluster

QUICKSTART = ROOT / "studies" / "quickstart.yaml"
EPOCHS = 8


def _write_study(bench: Bench, **more: object) -> None:
    """The quickstart study with one seed and fewer epochs, its trials long enough to be cut off."""
    study = yaml.safe_load(QUICKSTART.read_text(encoding="utf-8"))
    study |= {"name": "tiny", "seeds": 1, "recovery": {"checkpoint_every": 0.2}, **more}
    study["base"]["training"]["epochs"] = EPOCHS
    bench.study.write_text(yaml.safe_dump(study, sort_keys=False))


def _results(bench: Bench) -> dict[str, dict[str, Any]]:
    """Of every trial that is done: its numbers, but for how long and with how much memory, and its network."""
    results = {}
    for event in bench.events():
        if event["event"] == "done":
            numbers = {
                name: value for name, value in event["metrics"].items() if not name.endswith(("_seconds", "_bytes"))
            }
            with np.load(bench.workspace / "trials" / event["trial"] / "network.npz") as network:
                weights = {name: network[name].tobytes() for name in network.files if name != "header"}
            results[event["trial"]] = numbers | weights
    return results


def _hosts(bench: Bench) -> dict[str, str]:
    """Where each trial was finished."""
    return {event["trial"]: event["provenance"]["host"] for event in bench.events() if event["event"] == "done"}


def _tell(bench: Bench, *said: str) -> None:
    """For who reads the test's output: what was said, and the ledger's lines with the hosts."""
    print(*said, sep="\n")
    events = bench.events()
    for event in events:
        provenance = event.get("provenance", {})
        more = {name: provenance[name] for name in ("host", "resumed_from", "began_anew") if name in provenance}
        error = event.get("error") or {}
        print(
            f"{event['time'] - events[0]['time']:7.2f} s",
            event["event"],
            event["trial"],
            more or "",
            error.get("message", ""),
        )


def _with_checkpoint(bench: Bench) -> set[str]:
    """Trials that run, of which there is a checkpoint."""
    return {path.name for path in bench.workspace.glob("checkpoints/[0-9a-f]*")} - set(bench.ids("done"))


def test_ray_up_makes_both_hosts_one_cluster_that_wants_a_token(cluster: Cluster) -> None:
    print(cluster.said)
    assert cluster.said.count("New status: up-to-date") == 1, "the head; it starts the others"
    answers = cluster.answers(2)
    assert {(each["host"], each["address"], each["token"]) for each in answers["hosts"]} == {
        ("head", cluster.hosts["head"].address, "token"),
        ("worker", cluster.hosts["worker"].address, "token"),
    }
    assert answers["resources"]["CPU"] == 2
    stranger = cluster.ray("desk", "status", "--address", cluster.address, token="0" * 64)
    assert stranger.returncode != 0
    assert "Resources" not in stranger.stdout


def test_a_host_without_the_data_is_named_before_anything_is_trained(cluster: Cluster, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sets = Path("/tmp/sets")  # each host's own
    there = cluster.hosts["head"].folder / "tmp" / "sets"
    there.mkdir()
    arrays = {f"X_{part}": rng.normal(size=(8, 20)) for part in ("train", "test")}
    np.savez(there / "own.npz", **arrays, y_train=np.arange(8) % 2, y_test=np.arange(8) % 2)
    bench = cluster.bench(tmp_path)
    _write_study(bench, data=[{"source": "npz", "path": str(sets), "names": ["own"]}])
    refused = bench.dsn("run", "tiny.yaml", "--address", "auto", expect=2)
    worker = cluster.hosts["worker"]
    assert "1 of 2 hosts cannot train this study, and nothing was trained" in refused.stderr
    assert f"host worker ({worker.address}): data set own: " in refused.stderr
    assert "host head" not in refused.stderr.partition("nothing was trained")[2]
    assert bench.ids("started") == []


@pytest.mark.timeout(600)
def test_a_killed_host_costs_no_result_and_serves_again_once_it_is_back(
    cluster: Cluster, tmp_path: Path, row: Row
) -> None:
    bench, undisturbed = cluster.bench(tmp_path / "disturbed"), cluster.bench(tmp_path / "undisturbed")
    for each in (bench, undisturbed):
        each.folder.mkdir()
        _write_study(each)
    driver = bench.start("run", "tiny.yaml", "--address", "auto")
    # Half way; and just when the younger of the two trials that run has its first checkpoint.
    wait_until(lambda: len(bench.ids("done")) >= 5, driver)
    before = _with_checkpoint(bench)
    wait_until(lambda: len(_with_checkpoint(bench)) == 2 and bool(_with_checkpoint(bench) - before), driver)
    running = _with_checkpoint(bench)
    cluster.hosts["worker"].kill()
    done = set(bench.ids("done"))
    output, errors = driver.communicate(timeout=PATIENCE)
    _tell(bench, errors, output)
    assert driver.returncode == 0

    (lost,) = bench.ids("lost")
    assert lost in running
    assert bench.accounted()["done"] == 15
    assert Counter(bench.ids("started")) == Counter([*bench.ids("done"), lost])
    (ended,) = (event for event in bench.events() if event["event"] == "done" and event["trial"] == lost)
    assert int(ended["provenance"]["resumed_from"]) >= 1
    where = _hosts(bench)
    assert {where[trial] for trial in done} == {"head", "worker"}
    assert {where[trial] for trial in where.keys() - done} == {"head"}
    assert f"host worker ({cluster.hosts['worker'].address}) has left" in errors

    cluster.restore()
    ran = undisturbed.dsn("run", "tiny.yaml", "--address", cluster.address)
    _tell(undisturbed, ran.stderr)
    assert set(_hosts(undisturbed).values()) == {"head", "worker"}, "the one that came back trains too"
    assert _results(undisturbed) == _results(bench)
    row(
        "host of a cluster lost",
        "its network cut, its processes killed",
        1,
        "15 done, one from its checkpoint elsewhere",
    )


@pytest.mark.timeout(600)
def test_a_head_that_dies_ends_the_run_in_order_and_the_same_command_goes_on(
    cluster: Cluster, tmp_path: Path, row: Row
) -> None:
    bench = cluster.bench(tmp_path)
    _write_study(bench, data=[{"source": "aeon", "names": ["BasicMotions"]}])
    driver = bench.start("run", "tiny.yaml", "--address", "auto")
    wait_until(lambda: len(bench.ids("done")) >= 1 and len(_with_checkpoint(bench)) == 2, driver)
    # While trials train: a driver that asks the head something at that very moment waits for a minute, and is ended by
    # Ray (pipeline/README.md).
    time.sleep(1)
    cluster.kill_on("head", "gcs_server")
    output, errors = driver.communicate(timeout=PATIENCE)
    _tell(bench, errors)
    assert (driver.returncode, output) == (4, "")
    assert "Traceback" not in errors
    (told,) = (line for line in errors.splitlines() if line.startswith("dsn:"))
    assert f"the head of the cluster at {cluster.address} has died; nothing is lost" in told
    done = bench.ids("done")
    assert not bench.ids("lost") + bench.ids("failed"), "it is no trial's fault"

    cluster.up()
    cluster.restore()
    bench.dsn("run", "tiny.yaml", "--address", "auto")
    assert bench.accounted()["done"] == 5
    assert len(bench.ids("started")) <= 5 + 2, "only what ran is trained again"
    row("head of a cluster lost", "SIGKILL of its GCS server", 1, f"exit 4 with a line; {5 - len(done)} run, each once")
