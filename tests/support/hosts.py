"""Several hosts on this machine: each with its own network address, processes, shared memory, /tmp, home and host name.

Linux namespaces, joined by a bridge that is in a namespace of its own: nothing of the machine's own network is touched,
and all is gone when its processes are, whatever ends them. What a host shares with the others is the rest of the file
system: Python, and this project as it is installed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("ip", "unshare", "nsenter", "setpriv", "mount", "ssh", "ssh-keygen", "rsync", "pkill", "ps")

# Whoever ends pytest, however, ends what it started.
_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
_ALONE = ("unshare", "--mount", "--uts", "--net", "--pid", "--fork", "--kill-child")
_WITHIN = ("--mount", "--uts", "--net", "--pid")

_SWITCH = "ip link add name hub type bridge && ip link set hub up && echo up && exec sleep infinity"

# Arguments: the host's folder, then what it shows of /tmp beside that.
_BOOT = """\
own=$1
read -r _  # its cable is there
ip link set lo up && ip link set eth0 up && ip address add "$(cat "$own/address")/24" dev eth0
hostname "$(cat "$own/name")"
mount -t proc proc /proc
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run && mkdir /run/sshd
mount --bind "$own/passwd" /etc/passwd
mount --bind "$own/hosts" /etc/hosts
for shown in "$@"; do
    case $shown in /tmp/*) mkdir -p "$own$shown" && mount --bind "$shown" "$own$shown" ;; esac
done
mount --rbind "$own/tmp" /tmp
"$SSHD" -D -f "$own/home/.ssh/sshd_config" -E "$own/sshd.log" &
wait $!  # the first process of a host takes leave of all that nobody else waits for; sshd would not
"""

_SSHD = """\
HostKey {home}/.ssh/id
AuthorizedKeysFile {home}/.ssh/id.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
"""


@dataclass(kw_only=True)
class Host:
    """One of them.

    Attributes:
        folder: what is its own, as seen from here: ``home``, ``tmp``.
        shown: folders that it sees beside its own, should they be in /tmp.
        switch: a process in the network's middle.
    """

    name: str
    address: str
    folder: Path
    shown: tuple[Path, ...]
    switch: int
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def within(self, folder: Path | None = None) -> tuple[str, ...]:
        """Words before a command that is to run on this host, in that folder or in its home."""
        target = ("nsenter", "--target", str(self._init()), *_WITHIN)
        # Who kills nsenter kills that command.
        return (*target, *_WITH_US, "sh", "-c", 'cd "$0" && exec "$@"', str(folder or self.home))

    def run(
        self,
        *words: str,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        check: bool = True,
        seconds: float = 240,
    ) -> subprocess.CompletedProcess[str]:
        """A command on this host, to its end; output and errors together.

        Raises:
            AssertionError: it failed, and ``check`` was asked for.
        """
        done = subprocess.run(
            [*self.within(folder), *words],
            env=self.environment | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, f"{self.name}: {words}: {done.returncode}\n{done.stdout}"
        return done

    @property
    def environment(self) -> dict[str, str]:
        """Of what runs there: nothing of what pytest, or who started it, says of Ray."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "DSN_"))}
        return kept | {"HOME": str(self.home), "TMPDIR": "/tmp", "RAY_USAGE_STATS_ENABLED": "0"}

    def kill(self) -> None:
        """As a power cut would: nobody hears from it any more, and every process of it is gone."""
        process, self._process = self._process, None
        if process is not None:
            # First: the kernel would tell the others that connections end.
            self._on_switch(f"link delete {self._cable}")
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(_child(process.pid), signal.SIGKILL)
            process.kill()
            process.wait()

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _init(self) -> int:
        assert self._process is not None, f"{self.name} is not up"
        return _child(self._process.pid)

    def boot(self) -> None:
        """Start it, with nothing of an earlier life in its /tmp."""
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir()
        (self.folder / "tmp").chmod(0o1777)
        shown = dict.fromkeys((str(self.folder), *map(str, self.shown)))
        with (self.folder / "boot.log").open("a") as log:
            self._process = subprocess.Popen(
                [*_WITH_US, *_ALONE, "bash", "-e", "-c", _BOOT, "boot", *shown],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
                env=self.environment | {"SSHD": str(_sshd())},
            )
        self._plug_in(_awaited_child(self._process))
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.close()
        _until(self._answers, f"{self.name} does not answer: {self.folder}/boot.log", self._process)

    def _plug_in(self, init: int) -> None:
        number = self.address.rpartition(".")[2]
        # The same hardware address in every life: the others remember it.
        peer = f"name eth0 address 02:00:00:00:00:{int(number):02x} netns {init}"
        self._on_switch(f"link add name {self._cable} type veth peer {peer}")
        self._on_switch(f"link set {self._cable} master hub up")

    @property
    def _cable(self) -> str:
        return f"to-{self.name}"[:15]

    def _on_switch(self, arguments: str) -> None:
        command = ["nsenter", "--target", str(self.switch), "--net", "ip", *arguments.split()]
        # Who has ended by himself has taken his cable along.
        subprocess.run(command, check="delete" not in arguments, stderr=subprocess.DEVNULL)

    def _answers(self) -> bool:
        probe = f"import socket; socket.create_connection(({self.address!r}, 22), 1).close()"
        # Asked of the host itself: the switch has no address.
        command = ["nsenter", "--target", str(self._init()), "--net", sys.executable, "-S", "-c", probe]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def hosts(folder: Path, shown: Mapping[str, tuple[Path, ...]]) -> Iterator[dict[str, Host]]:
    """Hosts, up and answering; gone at the end, with all that ran on them.

    They reach one another by name and by address, over SSH with one key.

    Args:
        folder: an empty one, for what is theirs.
        shown: the hosts' names, and the folders that each sees as they are, should they be in /tmp, which is otherwise
            its own.

    Skips where there can be none, and says why.
    """
    reason = impossible()
    if reason:
        pytest.skip(reason)
    addresses = {name: f"10.0.0.{number}" for number, name in enumerate(shown, 1)}
    # What runs on them: Python, and this project as its installation finds it.
    code = tuple(Path(place) for place in (sys.prefix, sys.base_prefix, ROOT))
    with ExitStack() as ended:
        switch = subprocess.Popen(
            [*_WITH_US, "unshare", "--net", "sh", "-c", _SWITCH], stdout=subprocess.PIPE, text=True
        )
        ended.callback(switch.wait)
        ended.callback(switch.kill)
        assert switch.stdout is not None
        with switch.stdout:
            assert switch.stdout.readline() == "up\n"
        made = {name: _made(folder / name, name, addresses, (*code, *shown[name]), switch.pid) for name in shown}
        for host in made.values():
            ended.callback(host.kill)
            host.boot()
        yield made


def impossible() -> str:
    """Why there can be no such hosts here; empty if they can be."""
    if sys.platform != "linux" or os.getuid() != 0:
        return "hosts of their own need Linux and root, for namespaces"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if _sshd() is None:
        missing.append("sshd")
    if missing:
        return f"hosts of their own need {', '.join(missing)}: apt-get install iproute2 openssh-server rsync procps"
    attempt = "mount -t proc proc /proc; ip link add name hub type bridge; ip link add name one type veth"
    tried = subprocess.run([*_ALONE, "sh", "-e", "-c", attempt], capture_output=True, text=True, check=False)
    return f"no namespaces can be made here: {tried.stderr.strip()}" if tried.returncode else ""


def _sshd() -> str | None:
    """sshd wants to be started by its whole path; that is often not in a user's PATH."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _made(folder: Path, name: str, addresses: Mapping[str, str], shown: tuple[Path, ...], switch: int) -> Host:
    """What a host has of its own; one key is everybody's, the hosts' and their user's."""
    host = Host(name=name, address=addresses[name], folder=folder, shown=shown, switch=switch)
    keys = host.home / ".ssh"
    keys.mkdir(parents=True, mode=0o700)
    first = folder.parent / next(iter(addresses)) / "home" / ".ssh"
    if not (first / "id").exists():
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(first / "id")]
        subprocess.run(key, check=True)
    for file in ("id", "id.pub"):
        if keys != first:
            shutil.copy(first / file, keys / file)
    (keys / "sshd_config").write_text(_SSHD.format(home=host.home))
    (host.home / ".bashrc").touch()
    (folder / "name").write_text(name)
    (folder / "address").write_text(host.address)
    known = "".join(f"{address} {other}\n" for other, address in addresses.items())
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{known}")
    # No password, and not locked: sshd lets nobody in whose account is.
    others = [line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith("root:")]
    (folder / "passwd").write_text("\n".join([f"root:*:0:0:root:{host.home}:/bin/bash", *others]) + "\n")
    return host


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _child(pid: int) -> int:
    """The process that ``unshare`` has started: the first of its namespace.

    Raises:
        ProcessLookupError: there is none any more.
    """
    try:
        (child,) = _children(pid)
    except (FileNotFoundError, ValueError):
        raise ProcessLookupError(pid) from None
    return child


def _awaited_child(process: subprocess.Popen[str]) -> int:
    _until(lambda: bool(_children(process.pid)), "it has not begun", process)
    return _child(process.pid)


def _until(holds: Callable[[], bool], what: str, process: subprocess.Popen[str], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, f"{what}: it has ended with {process.returncode}"
        assert time.monotonic() < until, what
        time.sleep(0.02)
