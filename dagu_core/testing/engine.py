"""A real engine in a process of its own, which a test may kill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.app.views import RunView
from dagu_core.base.errors import DaguError
from dagu_core.base.settings import Settings
from dagu_core.model.run.events import AttemptStarted
from dagu_core.model.run.run import RunRef
from dagu_core.testing.harness import DAG, environment, write_dag
from dagu_core.testing.leftovers import processes_of
from dagu_core.testing.offering import offering

_RUN = "import sys; from dagu_core.testing.engine import drive; drive(sys.argv[1], sys.argv[2])"
_RUN_ID = "r"


@dataclass
class Engine:
    """Runs a DAG of one step in a process; `parts` are loaded beside the built-in ones.

    Use it as a context manager: at the end of the block nothing of it lives on.
    """

    home: Path
    parts: Sequence[type] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(
        self, step: Mapping[str, Any], dag: Mapping[str, Any], documents: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Begin the run and do not wait for anything."""
        self.home.mkdir(parents=True, exist_ok=True)
        file = write_dag(self.home, step, dag, documents)
        words = json.dumps([f"{part.__module__}:{part.__qualname__}" for part in self.parts])
        env = {**environment(self.home, self.environ), "PYTHONPATH": ":".join(filter(None, sys.path))}
        with (self.home / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _RUN, str(file), words], env=env, stdout=said, stderr=said
            )

    def wait_for(self, seen: Callable[[], object], limit: float = 20) -> None:
        """Wait until `seen` is true. Raises AssertionError, with what the engine said, when the
        engine ends first or after `limit` seconds."""
        until = time.monotonic() + limit
        while not seen():
            over = self._process is not None and self._process.poll() is not None
            if over or time.monotonic() > until:
                why = "the engine has ended" if over else f"not within {limit:g} s"
                said = (self.home / "said").read_text("utf-8", errors="replace")
                raise AssertionError(f"{why}; it said:\n{said}")
            time.sleep(0.05)

    def let_work(self, seconds: float) -> None:
        """Leave the engine alone for a while. Raises AssertionError when it ends meanwhile."""
        until = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() > until)

    def has_begun(self) -> bool:
        """Whether the attempt is recorded as begun."""

        async def events(app: App) -> bool:
            found = await app.store.events(RunRef(DAG, _RUN_ID))
            return any(isinstance(event, AttemptStarted) for _, event in found)

        if not (self.home / "data").exists():
            return False
        try:
            return bool(self._ask(events))
        except DaguError:
            return False  # not yet recorded

    def kill(self) -> None:
        """End the engine, and nothing else, without a word (SIGKILL)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def recover(self) -> RunView:
        """Take the run over in this process, as `dagu recover` does, and drive it to its end."""

        async def work(app: App) -> RunView:
            await app.runs.recover()
            return await app.history.get(DAG, _RUN_ID)

        view: RunView = self._ask(work)
        return view

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        until = time.monotonic() + 10
        while (pids := processes_of(self.home)) and time.monotonic() < until:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def _ask(self, question: Callable[[App], Any]) -> Any:
        async def work() -> Any:
            settings = Settings.load(environ=environment(self.home, self.environ))
            plugins = [offering(*self.parts)] if self.parts else []
            async with App.open(settings, plugins=plugins, discover=False) as app:
                return await question(app)

        return asyncio.run(work())


def drive(file: str, words: str) -> None:
    """The engine's side: run the DAG of `file` with the parts named "module:class"."""
    parts = []
    for word in json.loads(words):
        module, _, name = word.partition(":")
        parts.append(getattr(import_module(module), name))

    async def work() -> None:
        settings = Settings.load(environ=dict(os.environ))
        plugins = [offering(*parts)] if parts else []
        async with App.open(settings, plugins=plugins, discover=False) as app:
            await app.runs.start(StartRequest(dag=file, run_id=_RUN_ID))

    asyncio.run(work())
