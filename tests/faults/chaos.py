"""The equipment of the fault tests: a home, the real command, a ledger that no engine writes."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dagu_core.app.app import App
from dagu_core.base.settings import Settings
from dagu_core.contracts.store import RunQuery, StoredRun
from dagu_core.model.run.events import Event
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus

T = TypeVar("T")
DAGU = str(Path(sys.executable).with_name("dagu"))
#: shared machines are slower than the one the bounds were set on
SLOW = float(os.environ.get("DAGU_TEST_SLOW", "1"))
FULL = os.environ.get("DAGU_FULL") == "1"
_MARK = """#!/bin/sh
printf '%s %s %s %s %s\\n' "$DAG_RUN_ID" "$DAG_RUN_STEP_NAME" "${DAGU_ATTEMPT_TOKEN##*.}" "$1" \
"$(date +%s%N)" >> "$DAG_LEDGER"
"""


def within(seconds: float, predicate: Callable[[], T]) -> T:
    """Wait until `predicate` is true and return what it said; fails with what it said last."""
    until = time.monotonic() + seconds * SLOW
    while True:
        if seen := predicate():
            return seen
        if time.monotonic() > until:
            pytest.fail(f"not within {seconds:g} s; last seen: {seen!r}")
        time.sleep(0.02)


@dataclass(frozen=True)
class Entry:
    """One line a step wrote."""

    run: str
    step: str
    attempt: int
    what: str
    nanos: int


@dataclass(frozen=True)
class Ledger:
    """What really happened: steps append a line when they start and when they end."""

    path: Path

    def entries(self) -> list[Entry]:
        if not self.path.exists():
            return []
        rows = [line.split() for line in self.path.read_text().splitlines()]
        return [Entry(run, step, int(number), what, int(at)) for run, step, number, what, at in rows]

    def steps(self, what: str = "start") -> list[str]:
        """The names of the steps that wrote `what`, in order."""
        return [entry.step for entry in self.entries() if entry.what == what]

    def check(self, stored: StoredRun) -> None:
        """No attempt was ever begun twice, and what began and succeeded has ended."""
        entries = [entry for entry in self.entries() if entry.run == stored.summary.ref.run_id]
        seen = Counter((entry.step, entry.attempt, entry.what) for entry in entries)
        assert [key for key, count in seen.items() if count > 1] == []
        for name, step in stored.steps.items():
            if seen[name, step.attempts, "start"] and step.status.is_success:
                assert seen[name, step.attempts, "end"], (name, step)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Home:
    """A fresh home below `root`, and the installed command that works in it."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        folder = self.root / "bin"
        folder.mkdir(parents=True)
        mark = folder / "mark"
        mark.write_text(_MARK)
        mark.chmod(0o755)

    @property
    def path(self) -> Path:
        return self.root / "home"

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.root / "ledger")

    def write(self, name: str, text: str) -> str:
        """A definition; its path."""
        path = self.root / f"{name}.yaml"
        path.write_text(inspect.cleandoc(text) + "\n", "utf-8")
        return str(path)

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return {
            **kept,
            "PATH": f"{self.root / 'bin'}{os.pathsep}{kept['PATH']}",
            "HOME": str(self.root),
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "DAGU_HOME": str(self.path),
            "DAG_LEDGER": str(self.ledger.path),
            "DAG_ROOT": str(self.root),
            **self.environ,
            **more,
        }

    def begin(self, *words: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start the command and do not wait; what it says goes to the file `said`."""
        with (self.root / "said").open("a") as said:
            options = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said, **options}
            process = subprocess.Popen(
                [DAGU, *words], env=self.env(**(env or {})), cwd=self.root, text=True, **options
            )
        self.begun.append(process)
        return process

    def end(self) -> None:
        """Leave nothing behind, whatever a failed test has left."""
        kill_everything(self)
        for process in self.begun:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def cli(self, *words: str, env: dict[str, str] | None = None, limit: float = 50) -> Done:
        """Run the command to its end."""
        process = self.begin(*words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=limit * SLOW)
        return Done(process.returncode, out, err)

    # -- what is recorded, read without the command ------------------------------------------------

    def ask(self, question: Callable[[App], Any]) -> Any:
        """Await `question(app)` with an app on this home."""

        async def work() -> Any:
            async with App.open(Settings.load(environ=self.env()), discover=False) as app:
                return await question(app)

        return asyncio.run(work())

    def stored(self, dag: str, run_id: str = "r") -> StoredRun:
        return self.ask(lambda app: app.store.load(RunRef(dag, run_id)))  # type: ignore[no-any-return]

    def status(self, dag: str, run_id: str = "r") -> str:
        """The label of the run's status, "" while it is not recorded."""
        found = self.runs(dag=dag, run_id=run_id, exact=True)
        return found[0].status.label if found else ""

    def runs(self, **query: Any) -> list[RunSummary]:
        if not (self.path / "data").exists():
            return []
        return self.ask(lambda app: app.store.find(RunQuery(roots_only=False, **query)))  # type: ignore[no-any-return]

    def running(self) -> list[RunSummary]:
        return self.runs(statuses=(RunStatus.RUNNING,))

    def events(self, dag: str, run_id: str = "r") -> list[Event]:
        found = self.ask(lambda app: app.store.events(RunRef(dag, run_id), limit=100_000))
        return [event for _, event in found]

    def locks(self) -> list[str]:
        """Lock files of engines, of living and of dead ones."""
        return [path.name for path in (self.path / "data" / "engines").glob("*")]

    # -- processes ---------------------------------------------------------------------------------

    def orphans(self) -> list[int]:
        """Living processes that carry this home in their environment."""
        return processes_of(self.path)


def processes_of(home: Path) -> list[int]:
    """Pids of living processes tagged with this DAGU_HOME; those that are dead but not reaped
    are none."""
    mark, found = f"DAGU_HOME={home}".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                tagged = mark in (entry / "environ").read_bytes().split(b"\0")
                if tagged and (entry / "stat").read_bytes().rpartition(b") ")[2][:1] not in b"ZX":
                    found.append(int(entry.name))
            except OSError:
                continue
    return sorted(found)


def left_behind(home: Home, patience: float = 5) -> list[str]:
    """The commands of processes that still live after `patience` seconds."""
    until = time.monotonic() + patience * SLOW
    while (pids := home.orphans()) and time.monotonic() < until:
        time.sleep(0.02)
    return [command_of(pid) for pid in pids]


def command_of(pid: int) -> str:
    """The command line of a process, "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def kill(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> int:
    """Send a signal, by default one that leaves no time for anything, and wait for the end."""
    process.send_signal(number)
    return process.wait(timeout=30 * SLOW)


def freeze(process: subprocess.Popen[str]) -> None:
    """Stop the process where it stands."""
    process.send_signal(signal.SIGSTOP)


def thaw(process: subprocess.Popen[str]) -> None:
    """Let it go on."""
    process.send_signal(signal.SIGCONT)


def kill_everything(home: Home) -> None:
    """As if the power had gone: engines, supervisors and steps end without a word."""
    while found := home.orphans():
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.01)
