"""A real Docker engine for the tests: started once a session, gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

from dagu_core.app.app import App
from dagu_core.base.settings import Settings
from dagu_core.testing.requirements import require
from dagu_docker import plugin

IMAGE = "box:1"
DOCKERFILE = """\
FROM box:1 AS base
ARG WORD=default
COPY data.txt /data.txt
RUN echo "$WORD" > /word
FROM base AS extra
RUN echo extra > /extra
"""


class Engine:
    """A dockerd in a folder of its own; `api` talks to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/d.sock"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.api: Any = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    "dockerd",
                    f"--host={self.host}",
                    f"--data-root={self.folder}/data",
                    f"--exec-root={self.folder}/exec",
                    f"--pidfile={self.folder}/pid",
                    "--iptables=false",
                    "--bridge=none",
                    "--insecure-registry=127.0.0.0/8",
                    "--shutdown-timeout=1",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            if b"API listen on" in self.log.read_bytes():
                self.api = docker.APIClient(base_url=self.host, version="auto", timeout=60)
                return
            time.sleep(0.05)

    def is_up(self) -> bool:
        return self.api is not None

    def stop(self) -> None:
        """End it, with all its containers, and leave nothing mounted."""
        if self.api is not None:
            with contextlib.suppress(Exception):
                for found in self.api.containers(all=True):
                    self.api.remove_container(found["Id"], force=True, v=True)
            self.api.close()
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((each for each in mounts if each.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def box(self, name: str = IMAGE, **changes: Any) -> None:
        """An image with busybox and nothing else."""
        self.api.import_image_from_data(
            _rootfs(), repository=name.split(":")[0], tag=name.split(":")[1], **changes
        )

    def names(self) -> list[str]:
        """The names of all containers, running or not."""
        return sorted(each["Names"][0].lstrip("/") for each in self.api.containers(all=True))

    def built(self) -> dict[str, str]:
        """Name and id of every image that was built for a DAG."""
        images = self.api.images(filters={"label": "dagu.build"})
        return {tag: each["Id"] for each in images for tag in each["RepoTags"] or () if tag[0] != "<"}

    def run(self, name: str, *command: str, **host: Any) -> str:
        """Start a container of our own beside those under test."""
        made = self.api.create_container(
            IMAGE, list(command), name=name, host_config=self.api.create_host_config(init=True, **host)
        )
        self.api.start(made["Id"])
        return str(made["Id"])


def _rootfs() -> bytes:
    data = io.BytesIO()
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(mode="w", fileobj=data) as archive:
        for folder in ("bin", "etc", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        archive.add(shutil.which("busybox") or "/bin/busybox", "bin/busybox", filter=_executable)
        for applet in applets:
            if applet != "busybox":
                entry = tarfile.TarInfo(f"bin/{applet}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(entry)
    return data.getvalue()


def _executable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = 0o755
    return entry


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[Engine]:
    require(shutil.which("dockerd"), "dockerd: apt install docker.io")
    require(shutil.which("busybox"), "busybox: apt install busybox-static")
    require(os.geteuid() == 0, "root, to start a Docker engine of its own")
    # Paths of sockets must be short.
    one = Engine(Path(tempfile.mkdtemp(prefix="dagu-dk-", dir="/tmp")))
    try:
        one.start()
        require(one.is_up(), f"a Docker engine that starts here; it said: {one.log.read_text()[-500:]}")
        one.box()
        yield one
    finally:
        one.stop()


@pytest.fixture
def engine(shared_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The engine, named by DOCKER_HOST; the test must leave no container behind."""
    monkeypatch.setenv("DOCKER_HOST", shared_engine.host)
    monkeypatch.delenv("DOCKER_AUTH_CONFIG", raising=False)
    before = set(shared_engine.names())
    yield shared_engine
    left = set(shared_engine.names()) - before
    for name in left:
        shared_engine.api.remove_container(name, force=True, v=True)
    assert left == set(), "containers left behind"


@dataclass
class Ran:
    """A run of the real command, after its end."""

    code: int
    said: str
    view: Any

    def step(self, name: str) -> Any:
        return self.view.steps[self.view.plan.by_name[name]]

    def status(self, name: str = "") -> str:
        return str((self.step(name) if name else self.view.summary).status.label)

    def out(self, name: str) -> str:
        return _text(self.step(name).stdout)

    def err(self, name: str) -> str:
        return _text(self.step(name).stderr)

    def error(self, name: str) -> str:
        return str(self.step(name).error)


def _text(path: str) -> str:
    return Path(path).read_text() if path else ""


@dataclass
class Lab:
    """A home of its own, where the installed command runs definitions."""

    root: Path
    environ: dict[str, str]
    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.root / "home"

    def write(self, text: str, name: str = "flow") -> Path:
        path = self.root / f"{name}.yaml"
        path.write_text(inspect.cleandoc(text) + "\n")
        return path

    def base(self, text: str) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / "base.yaml").write_text(inspect.cleandoc(text) + "\n")

    def begin(self, *words: str) -> subprocess.Popen[str]:
        kept = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST") if name in os.environ}
        own = {"HOME": str(self.root), "SHELL": "/bin/sh", "DAGU_HOME": str(self.home)}
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("dagu")), *words],
            env={**kept, **own, **self.environ},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.begun.append(process)
        return process

    def call(self, *words: str) -> tuple[int, str]:
        process = self.begin(*words)
        said, _ = process.communicate(timeout=50)
        return process.returncode, said

    def start(self, text: str, *words: str, name: str = "flow") -> subprocess.Popen[str]:
        return self.begin("start", "--run-id", "r", str(self.write(text, name)), *words)

    def until_written(self, steps: str) -> None:
        """Wait until each of the steps has written `line 3` to its log."""

        def seen() -> bool:
            assert self.begun[-1].poll() is None, self.begun[-1].communicate()[0]
            logs = {path.name.split(".")[0]: path for path in self.home.rglob("*.out")}
            return all(name in logs and b"line 3\n" in logs[name].read_bytes() for name in steps.split())

        within(30, seen)

    def end(self, process: subprocess.Popen[str], name: str = "flow") -> Ran:
        said, _ = process.communicate(timeout=50)
        return Ran(process.returncode, said, asyncio.run(self._view(name)))

    async def _view(self, name: str) -> Any:
        settings = Settings.load(environ={"DAGU_HOME": str(self.home), "HOME": str(self.root)})
        async with App.open(settings, plugins=[plugin], discover=False) as app:
            return await app.history.get(name, "r")

    def run(self, text: str, *words: str, name: str = "flow") -> Ran:
        return self.end(self.start(text, *words, name=name), name)

    def processes(self) -> list[int]:
        """Living processes that were given this home."""
        mark, found = f"DAGU_HOME={self.home}".encode(), []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                alive = (entry / "stat").read_bytes().rpartition(b") ")[2][:1] not in b"ZX"
                if alive and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def kill_all(self) -> None:
        """As if the machine's owner had killed everything of ours."""
        while found := self.processes():
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def close(self) -> None:
        self.kill_all()
        for process in self.begun:
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def within(seconds: float, holds: Callable[[], Any]) -> Any:
    """Wait until it holds, and return what it said."""
    until = time.monotonic() + seconds
    while not (seen := holds()):
        assert time.monotonic() < until, f"not within {seconds:g} s"
        time.sleep(0.02)
    return seen


@pytest.fixture
def lab(engine: Engine, tmp_path: Path) -> Iterator[Lab]:
    """A home whose Docker engine is ours; no process of it may live on."""
    one = Lab(tmp_path, {})
    try:
        yield one
        within(5, lambda: not one.processes())
    finally:
        one.close()


@pytest.fixture
def context(lab: Lab, engine: Engine) -> Iterator[Path]:
    """A folder `img` to build an image from; every image that was built is gone afterwards."""
    folder = lab.root / "img"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "data.txt").write_text("one\n")
    (folder / ".dockerignore").write_text("*.log\nsecret/*\n!secret/kept\n")
    (folder / "secret").mkdir()
    (folder / "secret" / "kept").write_text("")
    yield folder
    for image in engine.api.images(filters={"label": "dagu.build"}):
        engine.api.remove_image(image["Id"], force=True)


@pytest.fixture
def wait() -> Callable[[float, Callable[[], Any]], Any]:
    return within
