"""A server that runs in a folder of its own: how to reach it, start it, kill it, look at it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASSWORD = "open-sesame-0815"


def program(name: str) -> str | None:
    """Where a program for administrators is, if it is installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def descendants(pid: int) -> list[int]:
    file = Path(f"/proc/{pid}/task/{pid}/children")
    children = file.read_text("ascii").split() if file.exists() else []
    return [each for child in map(int, children) for each in (child, *descendants(child))]


@dataclass
class Server:
    """A server that runs; `root` is the folder users write to, called `at` by the server."""

    kind: str
    root: Path
    port: int
    base: dict[str, Any]
    start: Callable[[], subprocess.Popen[bytes]] | None = None
    process: subprocess.Popen[bytes] | None = None
    at: str = ""
    commands: list[str] = field(default_factory=list)
    #: of pyftpdlib: bytes after which the next data connection is cut
    cut_after: list[int] = field(default_factory=list)

    def config(self, **more: Any) -> dict[str, Any]:
        """A step config that reaches it; None takes a key away."""
        found = {"host": "127.0.0.1", "port": self.port, **self.base, **more}
        return {key: value for key, value in found.items() if value is not None}

    def step(self, command: str | None, **config: Any) -> dict[str, Any]:
        """A step that does `command` there."""
        found: dict[str, Any] = {"type": self.kind, "config": self.config(**config)}
        return found if command is None else {**found, "command": command}

    def kill(self) -> None:
        """End it with every session it has, as a power cut would."""
        if self.process is None:
            return
        for pid in reversed([self.process.pid, *descendants(self.process.pid)]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def begin(self) -> None:
        """Start it, again if need be."""
        assert self.start is not None
        self.process = self.start()
        for _ in range(1000):
            if listens(self.port):
                return
            assert self.process.poll() is None, "the server did not start"
            time.sleep(0.01)
        raise AssertionError("the server does not listen")

    def clear(self) -> None:
        """Empty its folder."""
        for each in self.root.iterdir():
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()

    @property
    def connections(self) -> int:
        """How many established TCP connections its port has."""
        mark, found = f":{self.port:04X}", 0
        for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
            words = line.split()
            found += words[1].endswith(mark) and words[3] == "01"
        return found


def folder_for_all() -> Path:
    """A folder every user may enter, which the folders of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="dagu-ftp-"))
    folder.chmod(0o755)
    return folder


@contextlib.contextmanager
def running(make: Callable[..., Server], **more: Any) -> Iterator[Server]:
    """A server in a folder of its own, both gone afterwards."""
    folder = folder_for_all()
    server = None
    try:
        server = make(folder, **more)
        yield server
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(folder)
