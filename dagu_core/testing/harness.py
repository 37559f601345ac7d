"""Runs one step of a type in an app of its own, and tells everything about it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.app.views import RunView
from dagu_core.base.clock import Clock
from dagu_core.base.settings import Settings
from dagu_core.model.run.events import AttemptEnded, AttemptStarted, Event, Noted, Outcome
from dagu_core.model.run.run import StepRun
from dagu_core.testing.leftovers import leaks, left_behind, temporary_files_in
from dagu_core.testing.memory import Peak
from dagu_core.testing.offering import offering

__all__ = ["NAME", "StepResult", "environment", "offering", "run_step", "write_dag"]

NAME = "step"
DAG = "harness"


@dataclass(frozen=True, slots=True)
class StepResult:
    """How the step stands at the end, and what its last attempt reported and wrote.

    `notes` are the codes of what the engine found worth noting. `stopping` is how many seconds
    passed between the stop and the end of the run; `left` names processes, tasks, threads and
    temporary files that outlived the run; `leaks` the files of the home in which a secret was
    found; `peak` is the most memory in bytes, 0 unless it was measured.
    """

    view: RunView
    step: StepRun
    outcome: Outcome | None
    stdout: bytes
    stderr: bytes
    notes: tuple[str, ...]
    stopping: float
    left: tuple[str, ...]
    leaks: tuple[str, ...] = ()
    peak: int = 0

    @property
    def status(self) -> str:
        return self.step.status.label


def run_step(
    step: Mapping[str, Any],
    *,
    plugins: Sequence[object] = (),
    dag: Mapping[str, Any] | None = None,
    documents: Sequence[Mapping[str, Any]] = (),
    environ: Mapping[str, str] | None = None,
    stop_after: float | None = None,
    clock: Clock | None = None,
    secrets: Sequence[str] = (),
    keep: Path | None = None,
    measure: bool = False,
) -> StepResult:
    """Run a DAG whose one step says `step`, with a home that is gone afterwards.

    `plugins` are loaded beside the built-in ones, installed ones are not; `dag` adds DAG-level
    keys, `documents` further DAGs of the file. `stop_after`: stop the run that many seconds after
    the attempt began. `secrets` are looked for in every file of the home; `keep` is where the
    stdout log goes instead of into the result; `measure` looks at the memory meanwhile. Raises
    InvalidDefinition when the step is not valid.
    """
    with tempfile.TemporaryDirectory(prefix="dagu-step-") as folder:
        home = Path(folder)
        file = write_dag(home, step, dag or {}, documents)
        temporary = home / "temp"
        settings = Settings.load(environ={**environment(home, environ or {}), "TMPDIR": str(temporary)})
        with Peak(home if measure else None) as peak, temporary_files_in(temporary):
            threads = set(threading.enumerate())
            result = asyncio.run(_run(settings, file, plugins, stop_after, clock, threads, keep))
        return replace(result, leaks=tuple(leaks(home, secrets)), peak=peak.bytes)


def write_dag(
    home: Path, step: Mapping[str, Any], dag: Mapping[str, Any], documents: Sequence[Mapping[str, Any]] = ()
) -> Path:
    """The file of a DAG with this one step, made in `home`."""
    main = {**dag, "steps": [{"name": NAME, **step}]}
    text = "\n---\n".join(json.dumps(each, ensure_ascii=False) for each in (main, *documents))
    file = home / f"{DAG}.yaml"
    file.write_text(text + "\n", "utf-8")
    return file


def environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of an engine that works in `home`."""
    own = {"HOME": str(home), "SHELL": "/bin/sh", "LANG": "C.UTF-8"}
    return {"PATH": os.environ.get("PATH", os.defpath), **own, **more, "DAGU_HOME": str(home)}


async def _run(
    settings: Settings,
    file: Path,
    plugins: Sequence[object],
    stop_after: float | None,
    clock: Clock | None,
    threads: set[threading.Thread],
    keep: Path | None,
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
            await app.runs.stop(DAG, "r")
        view = await run
        stopping = time.monotonic() - stopped_at if stopped_at else 0.0
    step = view.steps[view.plan.by_name[NAME]]
    if keep is not None:
        shutil.move(step.stdout, keep)
    ends = [event.outcome for event in events if isinstance(event, AttemptEnded) and event.step == NAME]
    return StepResult(
        view=view,
        step=step,
        outcome=ends[-1] if ends else None,
        stdout=_content(step.stdout),
        stderr=_content(step.stderr),
        notes=tuple(event.code for event in events if isinstance(event, Noted)),
        stopping=stopping,
        left=tuple(await left_behind(file.parent, threads, file.parent / "temp")),
    )


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
