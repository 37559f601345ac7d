"""Fixtures for tests of plugins: `pytest_plugins = ["dagu_core.testing.fixtures"]`.

`dagu_home` is a fresh home, `dagu` the real command that works in it, `dagu_app` opens an app on it
in this process, `run_step` runs one step in a home of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dagu_core.app.app import App
from dagu_core.base.settings import Settings
from dagu_core.testing import harness
from dagu_core.testing.leftovers import processes_of


def pytest_configure(config: pytest.Config) -> None:
    """The marks of the suites are known, whatever else is installed."""
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
    config.addinivalue_line("markers", "timeout(seconds): the most the test may take")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Command:
    """The installed `dagu`, with a home of its own; `environ` adds to what it sees."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, limit: float = 50) -> Done:
        """Run the command to its end. Raises TimeoutExpired after `limit` seconds."""
        program = [sys.executable, "-c", "from dagu_core.cli.main import program; program()"]
        done = subprocess.run(
            [*program, *words],
            env={**harness.environment(self.home, self.environ), "PYTHONPATH": _python_path()},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def dagu_home(tmp_path: Path) -> Iterator[Path]:
    """A fresh home; at the end of the test every process that was given it is ended."""
    home = tmp_path / "dagu-home"
    home.mkdir()
    yield home
    until = time.monotonic() + 10
    while (pids := processes_of(home)) and time.monotonic() < until:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


@pytest.fixture
def dagu(dagu_home: Path) -> Command:
    """The real command: `dagu("start", file)` tells its exit code and what it printed."""
    return Command(dagu_home)


@pytest.fixture
def dagu_app(dagu_home: Path) -> Callable[..., AbstractAsyncContextManager[App]]:
    """Opens an app: `async with dagu_app(plugins=[offering(Mine)]) as app`. Installed plugins are
    left out unless `discover` says otherwise."""

    def opened(plugins: Sequence[object] = (), *, discover: bool = False) -> AbstractAsyncContextManager[App]:
        settings = Settings.load(environ=harness.environment(dagu_home, {}))
        return App.open(settings, plugins=plugins, discover=discover)

    return opened


@pytest.fixture
def run_step() -> Callable[..., harness.StepResult]:
    """Runs one step; see `dagu_core.testing.harness.run_step`."""
    return harness.run_step


def _python_path() -> str:
    return os.pathsep.join(filter(None, sys.path))
