"""Steps that end early: stopped while they run, with a server that is none, or behind our back."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dagu_core import Settings
from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.testing.harness import DAG, StepResult, environment, run_step, write_dag
from dagu_ssh import plugin

from .looking import within


def run(step: Any, *, grace: int = 3, **more: Any) -> StepResult:
    return run_step(step, plugins=[plugin], dag={"maxCleanUpTimeSec": grace}, **more)


@contextmanager
def meanwhile(do: Callable[[], None]) -> Iterator[None]:
    """`do` in a thread, while the block runs."""
    errors: list[BaseException] = []

    def target() -> None:
        try:
            do()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    yield
    thread.join()
    assert not errors, errors


def refused_step(port: int, **config: Any) -> dict[str, Any]:
    """A step for a port where nobody lets it in."""
    config = {"host": "127.0.0.1", "port": port, "user": "a", "password": "b", **config}
    return {"type": "ssh", "command": "true", "config": config}


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
