"""Runs one step of a type in an app of its own, and tells everything about it."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.app.views import RunView
from dagu_core.base.clock import Clock
from dagu_core.base.settings import Settings
from dagu_core.contracts.executor import Executor
from dagu_core.contracts.hookspecs import hookimpl
from dagu_core.model.run.events import AttemptEnded, AttemptStarted, Event, Noted, Outcome
from dagu_core.model.run.run import StepRun

NAME = "step"
_DAG = "harness"


@dataclass(frozen=True, slots=True)
class StepResult:
    """How the step stands at the end, and what its last attempt reported and wrote.

    `notes` are the codes of what the engine found worth noting. `stopping` is how many seconds
    passed between the stop and the end of the run; `left` names processes, tasks and threads that
    outlived the run.
    """

    view: RunView
    step: StepRun
    outcome: Outcome | None
    stdout: bytes
    stderr: bytes
    notes: tuple[str, ...]
    stopping: float
    left: tuple[str, ...]

    @property
    def status(self) -> str:
        return self.step.status.label


def offering(*executors: type[Executor[Any]]) -> object:
    """A plugin that offers these step types."""
    offer = hookimpl(lambda: list(executors), specname="dagu_register_executors")
    return SimpleNamespace(__name__="under_test", offer=offer, dagu_register_executors=offer)


def run_step(
    step: Mapping[str, Any],
    *,
    plugins: Sequence[object] = (),
    dag: Mapping[str, Any] | None = None,
    documents: Sequence[Mapping[str, Any]] = (),
    environ: Mapping[str, str] | None = None,
    stop_after: float | None = None,
    clock: Clock | None = None,
) -> StepResult:
    """Run a DAG whose one step says `step`, with a home that is gone afterwards.

    `plugins` are loaded beside the built-in ones, installed ones are not; `dag` adds DAG-level
    keys, `documents` further DAGs of the file. `stop_after`: stop the run that many seconds after
    the attempt began. Raises InvalidDefinition when the step is not valid.
    """
    with tempfile.TemporaryDirectory(prefix="dagu-step-") as folder:
        home = Path(folder)
        main = {**(dag or {}), "steps": [{"name": NAME, **step}]}
        text = "\n---\n".join(json.dumps(each, ensure_ascii=False) for each in (main, *documents))
        file = home / f"{_DAG}.yaml"
        file.write_text(text + "\n", "utf-8")
        settings = Settings.load(environ=_environ(home, environ or {}))
        threads = set(threading.enumerate())
        return asyncio.run(_run(settings, file, plugins, stop_after, clock, threads))


async def _run(
    settings: Settings,
    file: Path,
    plugins: Sequence[object],
    stop_after: float | None,
    clock: Clock | None,
    threads: set[threading.Thread],
) -> StepResult:
    events: list[Event] = []
    began = asyncio.Event()
    stopped_at = 0.0

    def watch(view: RunView, event: Event) -> None:
        events.append(event)
        if isinstance(event, AttemptStarted):
            began.set()

    async with App.open(settings, plugins=plugins, discover=False, clock=clock) as app:
        run = asyncio.create_task(app.runs.start(StartRequest(dag=str(file), run_id="r"), watch=watch))
        if stop_after is not None:
            waiting = asyncio.create_task(began.wait())
            await asyncio.wait({run, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            await asyncio.wait({run}, timeout=stop_after)
            stopped_at = time.monotonic()
            await app.runs.stop(_DAG, "r")
        view = await run
        stopping = time.monotonic() - stopped_at if stopped_at else 0.0
    step = view.steps[view.plan.by_name[NAME]]
    ends = [event.outcome for event in events if isinstance(event, AttemptEnded) and event.step == NAME]
    return StepResult(
        view=view,
        step=step,
        outcome=ends[-1] if ends else None,
        stdout=_content(step.stdout),
        stderr=_content(step.stderr),
        notes=tuple(event.code for event in events if isinstance(event, Noted)),
        stopping=stopping,
        left=tuple(await _left(file.parent, threads)),
    )


async def _left(home: Path, threads: set[threading.Thread]) -> list[str]:
    """What still lives a moment after the end."""
    for _ in range(50):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        more = [each for each in threading.enumerate() if each not in threads and not each.daemon]
        # Workers of the loop's own pool wait for work as long as the loop lives.
        more = [each for each in more if not each.name.startswith("asyncio_")]
        found = [f"task {each.get_name()}" for each in tasks] + [f"thread {each.name}" for each in more]
        found += [f"process {pid}" for pid in _processes(home)]
        if not found:
            break
        await asyncio.sleep(0.05)
    return found


def _processes(home: Path) -> list[int]:
    """Processes that were given this home; on Linux only, elsewhere none are found."""
    mark, found = f"DAGU_HOME={home}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            alive = (entry / "stat").read_bytes().rpartition(b") ")[2][:1] not in b"ZX"
            if alive and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _environ(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    own = {"HOME": str(home), "SHELL": "/bin/sh", "LANG": "C.UTF-8"}
    return {"PATH": os.environ.get("PATH", os.defpath), **own, **more, "DAGU_HOME": str(home)}


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
