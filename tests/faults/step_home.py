"""A home of its own and the real command, for the rows on steps, output and secrets."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DAGU = str(Path(sys.executable).with_name("dagu"))


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass
class StepHome:
    """Runs the installed command against a home below `root`; every process it leaves behind
    carries the home in its environment."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def ready(self) -> Path:
        """The file a step touches (`$READY`) to say that it is at work."""
        return self.root / "ready"

    def write(self, text: str, name: str = "flow") -> Path:
        path = self.root / f"{name}.yaml"
        path.write_text(inspect.cleandoc(text) + "\n", "utf-8")
        return path

    def env(self) -> dict[str, str]:
        """The environment of the command; the engine passes DAG_* on to steps."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "DAGU_HOME": str(self.home),
            **self.environ,
        }

    def begin(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start the command and do not wait."""
        return subprocess.Popen(
            [DAGU, *words],
            env=self.env(),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            **options,
        )

    def call(self, *words: str, limit: float = 50, **options: Any) -> Done:
        """Run the command to its end."""
        return self.end(self.begin(*words, **options), limit=limit)

    def end(self, process: subprocess.Popen[str], limit: float = 50) -> Done:
        """Wait for the end of a begun command."""
        begin = time.monotonic()
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"still running after {limit} s\n{out}\n{err}")
        return Done(process.returncode, out, err, time.monotonic() - begin)

    def run(self, text: str, *words: str, **options: Any) -> Done:
        """Start a definition as DAG `flow` with run id `r1` and wait for its end."""
        return self.call("start", "--run-id", "r1", str(self.write(text)), *words, **options)

    def details(self, dag: str = "flow") -> dict[str, Any]:
        """The latest run as `dagu status --json` tells it, with its nodes."""
        done = self.call("status", "--json", dag)
        assert done.code == 0, done.err
        found = json.loads(done.out)
        return {**found["run"], "nodes": found["nodes"]}

    def step(self, name: str) -> dict[str, Any]:
        """A step (or handler) of the latest run of `flow`."""
        found = self.details()
        nodes = [*found["nodes"], *(value for key, value in found.items() if key.startswith("on"))]
        step: dict[str, Any] = next(node for node in nodes if node["step"]["name"] == name)
        return step

    def log_of(self, name: str, stream: str = "stdout") -> bytes:
        """The bytes of a step's log."""
        return Path(self.step(name)[stream]).read_bytes()

    def run_log(self) -> str:
        """The run's own log."""
        return Path(self.details()["log"]).read_text("utf-8")

    def is_running(self) -> bool:
        """Whether a step has touched the `ready` file."""
        return self.ready.exists()

    def orphans(self) -> list[str]:
        """Command lines of living processes that belong to this home."""
        mark = f"DAGU_HOME={self.home}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(f"{entry.name} {(entry / 'cmdline').read_bytes().decode()!r}")
                except OSError:
                    continue
        return found


def within(seconds: float, holds: Callable[[], bool], say: Callable[[], str] = lambda: "") -> float:
    """Wait until it holds; how long that took. Fails with what `say` says."""
    begin = time.monotonic()
    while not holds():
        if time.monotonic() - begin > seconds:
            pytest.fail(f"not within {seconds} s. {say()}")
        time.sleep(0.02)
    return time.monotonic() - begin
