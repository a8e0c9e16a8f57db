"""A Ray cluster of two hosts, brought up by ``ray up`` from the project's own ray_cluster.yaml over SSH."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from bench import Bench
from hosts import ROOT, Host, hosts

SETTINGS = ROOT / "ray_cluster.yaml"
BIN = Path(sys.prefix) / "bin"

# A host that is gone is missed after ten seconds instead of a minute, and looked for at once instead of after half.
_IMPATIENT = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
    "AUTOSCALER_HEARTBEAT_TIMEOUT_S": "10",
    "AUTOSCALER_UPDATE_INTERVAL_S": "2",
}

_CODE = ("Makefile", "README.md", "LICENSE", "constraints.txt", "pyproject.toml", "setup.py", "dsn", "pipeline")

_DRIVER = {"PYTHONPATH": str(ROOT)}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """``desk``, from which it is started, ``head`` and ``worker``, each with one processor.

    Attributes:
        said: by ``ray up``.
    """

    hosts: Mapping[str, Host]
    said: str

    def bench(self, folder: Path) -> Bench:
        """One whose commands are run on the head."""
        head = self.hosts["head"]
        return Bench(folder=folder, environment=head.environment | _DRIVER, within=head.within(folder))

    def answers(self, count: int) -> dict[str, Any]:
        """What tasks on so many hosts say, once there are so many."""
        asking = [sys.executable, str(Path(__file__).with_name("each_host.py")), str(count)]
        done = self.hosts["head"].run(*asking, environment={"RAY_AUTH_MODE": "token"})
        answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answers

    @property
    def address(self) -> str:
        return f"{self.hosts['head'].address}:6379"

    def ray(self, name: str, *words: str, token: str = "") -> subprocess.CompletedProcess[str]:
        """``ray WORDS`` on a host, with another token than the cluster's."""
        environment = {"RAY_AUTH_MODE": "token"} | ({"RAY_AUTH_TOKEN": token} if token else {})
        return self.hosts[name].run(str(BIN / "ray"), *words, environment=environment, check=False)

    def up(self) -> str:
        """Start Ray on all of them, anew if it runs; returns what was said."""
        environment = {"RAY_UP_enable_autoscaler_v2": "0"}
        return self.hosts["desk"].run(str(BIN / "ray"), "up", "-y", "ray_cluster.yaml", environment=environment).stdout

    def restore(self) -> None:
        """Wait until both hosts serve, and start the worker if it was killed: Ray on the head then sees to the rest."""
        if not self.hosts["worker"].alive():
            self.hosts["worker"].boot()
        self.answers(2)

    def kill_on(self, name: str, program: str) -> None:
        """SIGKILL to the processes of a host that run ``program``."""
        self.hosts[name].run("pkill", "-KILL", "-f", program)


@contextmanager
def ray_hosts(folder: Path, benches: Path) -> Iterator[Cluster]:
    """A cluster with everything in ``folder``; skips, and says why, where there can be none.

    Args:
        folder: an empty one.
        benches: where benches will be made. The worker does not see it, nor the folder of another host.
    """
    with hosts(folder, {"desk": (), "head": (benches,), "worker": ()}) as made:
        desk = made["desk"]
        _write_archive(desk.home / "build" / "dsn.tar.gz")
        settings = yaml.safe_dump(_edited(made), width=1000)
        (desk.home / "ray_cluster.yaml").write_text(settings)
        desk.run(str(BIN / "ray"), "get-auth-token", "--generate")
        waiting = Cluster(hosts=made, said="")
        yield Cluster(hosts=made, said=waiting.up())


def _edited(made: Mapping[str, Host]) -> dict[str, Any]:
    """What its comments ask to edit; and what would take minutes: the packages are there already."""
    settings: dict[str, Any] = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    settings["cluster_name"] = f"dsn-{uuid.uuid4().hex[:8]}"
    settings["provider"] |= {"head_ip": made["head"].address, "worker_ips": [made["worker"].address]}
    settings["auth"] = {"ssh_user": "root", "ssh_private_key": "~/.ssh/id"}
    _replace(settings["setup_commands"], "make install", f"ln -sfn {sys.prefix} .venv")
    impatient = "".join(f"{name}={value} " for name, value in _IMPATIENT.items())
    for kind in ("head", "worker"):
        commands = settings[f"{kind}_start_ray_commands"]
        _replace(commands, "ray start", "ray start --num-cpus=1 --object-store-memory=200000000")
        _replace(commands, "export ", f"export {impatient}")
    return settings


def _replace(commands: list[str], old: str, new: str) -> None:
    assert sum(old in command for command in commands) == 1, f"{SETTINGS} no longer says {old}"
    commands[:] = [command.replace(old, new) for command in commands]


def _write_archive(path: Path) -> None:
    """As `git archive` does it; a test may run where there is no git."""
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name in _CODE:
            archive.add(ROOT / name, name, filter=_source)


def _source(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if entry.name.endswith(("__pycache__", ".so")) else entry
