"""A real sshd on loopback, with keys of its own, and eyes on what it leaves running."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core import Settings
from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.testing.harness import DAG, environment, write_dag
from dagu_core.testing.requirements import require
from dagu_ssh import plugin

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair; its private half."""
    bits = ["-b", "2048"] if kind == "rsa" else []
    command = ["ssh-keygen", "-q", "-t", kind, *bits, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


@dataclass
class Sshd:
    """A running sshd."""

    folder: Path
    port: int
    user: str
    process: subprocess.Popen[bytes]
    #: a user with a password, when one could be made
    guest: str = ""
    guest_password: str = field(default="", repr=False)

    @property
    def key(self) -> Path:
        return self.folder / "user_key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def host_key(self) -> str:
        return (self.folder / "host_key.pub").read_text("utf-8").rsplit(" ", 1)[0]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", errors="replace")

    def config(self, **more: Any) -> dict[str, Any]:
        """A step config that reaches it; None takes a key away."""
        found = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "key": str(self.key),
            "knownHostFile": str(self.known_hosts),
            **more,
        }
        return {key: value for key, value in found.items() if value is not None}

    def step(self, command: Any = None, **config: Any) -> dict[str, Any]:
        """A step that runs `command` there."""
        found = {"type": "ssh", "config": self.config(**config)}
        return {**found, "command": command} if command is not None else found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def start_sshd(folder: Path, *lines: str) -> Sshd:
    """A new sshd with the keys of the folder, made when missing."""
    require(SSHD and shutil.which("ssh-keygen"), "a real sshd: apt install openssh-server")
    assert SSHD is not None
    folder.mkdir(exist_ok=True)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host_key", "user_key"):
        if not (folder / name).exists():
            keygen(folder / name)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nUseDNS no\n"
        "PermitRootLogin yes\nMaxStartups 100\nMaxSessions 10\nSubsystem sftp internal-sftp\n"
        + "".join(f"{line}\n" for line in lines),
        "utf-8",
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log, start_new_session=True)
    found = Sshd(folder, port, pwd.getpwuid(os.getuid()).pw_name, process)
    within(10, lambda: listens(port) or process.poll() is not None)
    assert process.poll() is None, found.log
    found.known_hosts.write_text(f"[127.0.0.1]:{port} {found.host_key}\n", "utf-8")
    return found


def stop_sshd(server: Sshd) -> None:
    """End it with every session it has."""
    for pid in reversed([server.process.pid, *descendants(server.process.pid)]):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    server.process.wait(10)


def descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except OSError:
        return []
    return [each for child in map(int, children) for each in (child, *descendants(child))]


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def within(seconds: float, condition: Callable[[], Any]) -> Any:
    """What `condition` says as soon as it says something; fails after that time."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)
    return found


def running(word: str) -> list[str]:
    """Command lines of living processes that hold `word`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if word.encode() in line and int(entry.name) != os.getpid():
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


def stop_when(ready: Callable[[], Any], step: Any, grace: int = 3) -> SimpleNamespace:
    """Run a step, and stop it as soon as `ready` says so: how it ended and what it wrote."""

    async def work(home: Path) -> SimpleNamespace:
        file = write_dag(home, step, {"maxCleanUpTimeSec": grace})
        settings = Settings.load(environ=environment(home, {}))
        async with App.open(settings, plugins=[plugin], discover=False) as app:
            notes: list[str] = []
            request = StartRequest(dag=str(file), run_id="r")
            run = asyncio.create_task(
                app.runs.start(request, watch=lambda _, event: notes.append(getattr(event, "code", "")))
            )
            await asyncio.to_thread(within, 15, lambda: ready() or run.done())
            began = time.monotonic()
            await app.runs.stop(DAG, "r")
            view = await run
            took = time.monotonic() - began
        (found,) = view.steps
        out, err = (Path(path).read_bytes() if path else b"" for path in (found.stdout, found.stderr))
        return SimpleNamespace(
            status=found.status.label, stdout=out, stderr=err, stopping=took, notes=notes, step=found
        )

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(work(Path(folder)))


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = start_sshd(tmp_path_factory.mktemp("sshd") / "server")
    try:
        yield server
    finally:
        stop_sshd(server)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A second sshd, with a guest who has a password."""
    server = start_sshd(tmp_path_factory.mktemp("guarded") / "server")
    name = f"dagu{os.getpid()}"
    try:
        if os.getuid() == 0 and shutil.which("useradd"):
            subprocess.run(["useradd", "-m", "-s", "/bin/sh", name], check=True, capture_output=True)
            server.guest, server.guest_password = name, "open-sesame-0042"
            text = f"{name}:{server.guest_password}\n".encode()
            subprocess.run(["chpasswd"], input=text, check=True, capture_output=True)
        yield server
    finally:
        stop_sshd(server)
        if server.guest:
            subprocess.run(["pkill", "-KILL", "-u", name], check=False, capture_output=True)
            subprocess.run(["userdel", "-r", name], check=False, capture_output=True)


class Proxy:
    """A line to a port that can be cut, or fall silent, at will."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._pairs: list[socket.socket] = []
        self._silent = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._server.accept()
            except OSError:
                return
            outer = socket.create_connection(("127.0.0.1", self._to))
            self._pairs += [inner, outer]
            for one, other in ((inner, outer), (outer, inner)):
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                if not self._silent.is_set():
                    other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def fall_silent(self) -> None:
        """Swallow everything from now on."""
        self._silent.set()

    def cut(self) -> None:
        """Break every connection."""
        for one in self._pairs:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self._server.close()
        self.cut()
        for one in self._pairs:
            one.close()


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """What tests need to set things up and to look at them."""
    return SimpleNamespace(
        stop_when=stop_when,
        keygen=keygen,
        start=start_sshd,
        stop=stop_sshd,
        within=within,
        running=running,
        port=free_port,
        proxy=Proxy,
    )


#: tells the sleeping processes of one test from all others
_NUMBERS = iter(range(100, 999))


@pytest.fixture
def nap() -> Iterator[str]:
    """An odd number of seconds to sleep: a word to find the sleepers by. None may be left."""
    word = f"77.{os.getpid()}{next(_NUMBERS)}"
    yield word
    within(5, lambda: not running(word))


@pytest.fixture
def proxy(sshd: Sshd) -> Iterator[Proxy]:
    one = Proxy(sshd.port)
    try:
        yield one
    finally:
        one.close()
