"""A home where the installed command runs definitions, and what is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagu_core.app.app import App
from dagu_core.base.settings import Settings
from dagu_docker import plugin


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
