"""The end of a dead run whose definition nobody can read: a plugin is gone, or the stored text is."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dagu_core.app.accepting import ask_to_stop, end_waiting
from dagu_core.base.errors import DaguError
from dagu_core.contracts.store import Change, RunQuery, StoredRun
from dagu_core.engine.logs import work_folder
from dagu_core.engine.processes import Supervised, attach
from dagu_core.engine.runner import Runner
from dagu_core.model.run.events import Event, RunEnded, RunFailed, RunRecovered, StopRequested
from dagu_core.model.run.reasons import LOST, STOPPED
from dagu_core.model.run.run import RunRef, RunSummary, StepRun
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus, StepStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: seconds between two looks for somebody who wants it stopped, and that steps then get to end
_LOOK, _GRACE = 0.5, 5.0
_ATTEMPT = re.compile(r"\d+\.\d+")


async def end_run(app: App, runner: Runner, dead: RunSummary, error: DaguError) -> None:
    """Take the run over; what its steps do goes on to its end, unless somebody stops the run. Then it
    is over: failed with `error`, or aborted. Its slot is free, its sub-DAG runs are stopped.

    Raises Conflict when somebody else has it.
    """
    ref = dead.ref
    await app.store.adopt(ref, fence=dead.fence, engine=runner.engine, host=runner.host)
    stored = await app.store.load(ref)
    if stored.summary.status.is_over:
        return
    try:
        stop = await _steps_end(app, runner, stored.summary)
    except asyncio.CancelledError:
        runner.left_runs = True
        raise
    await _stop_children(app, stored.summary)
    await app.store.commit(_ended(app, runner, stored, str(error), stop))
    shutil.rmtree(work_folder(app.settings.paths.data, ref), ignore_errors=True)


async def _steps_end(app: App, runner: Runner, summary: RunSummary) -> StopSignal | None:
    """Wait until nothing of the steps lives; who wanted it to be stopped, None = nobody."""
    work = work_folder(app.settings.paths.data, summary.ref)
    prefix = f"{summary.attempt_id}."
    paths = [path for path in work.glob(f"{prefix}*") if _ATTEMPT.fullmatch(path.name.removeprefix(prefix))]
    found = [one for path in paths if isinstance(one := await attach(str(path), str(path)), Supervised)]
    ends = [asyncio.ensure_future(one.wait()) for one in found]
    stop: StopSignal | None = None
    try:
        while True:
            wanted = await _wanted(app, runner, summary.ref, stop)
            if wanted is not None and wanted is not stop:
                stop = wanted
                number = int(getattr(signal, stop.signal, signal.SIGTERM))
                grace = 0.0 if stop.force else _GRACE
                await asyncio.gather(*(one.stop(number, grace) for one in found))
            if all(end.done() for end in ends):
                return stop
            await asyncio.wait(ends, timeout=_LOOK)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _wanted(app: App, runner: Runner, ref: RunRef, known: StopSignal | None) -> StopSignal | None:
    """The latest wish that the run be stopped: a signal left for it, or one that this process got."""
    for one in (await app.store.signals([ref])).get(ref, []):
        if known is None or (one.force and not known.force):
            known = one
    if known is None and runner.interrupted_by:
        known = StopSignal(app.clock.now(), runner.interrupted_by, force=runner.forced)
    return known


async def _stop_children(app: App, summary: RunSummary) -> None:
    active = (RunStatus.RUNNING, RunStatus.QUEUED)
    root = summary.root or summary.ref
    query = RunQuery(root=root, statuses=active, roots_only=False, limit=100_000)
    for one in await app.store.find(query):
        if one.parent != summary.ref:
            continue
        if one.status is RunStatus.QUEUED:
            await end_waiting(app, one, STOPPED)
        else:
            await ask_to_stop(app, one, "recovery")


def _ended(app: App, runner: Runner, stored: StoredRun, error: str, stop: StopSignal | None) -> Change:
    now, old = app.clock.now(), stored.summary
    status = RunStatus.FAILED if stop is None else RunStatus.ABORTED
    ended = replace(
        old,
        engine="",
        status=status,
        finished_at=now,
        recoveries=old.recoveries + 1,
        reason="failed" if stop is None else STOPPED,
        error=error,
    )
    events: list[Event] = [RunRecovered(now, runner.engine, old.recoveries + 1)]
    if stop is not None:
        events.append(StopRequested(now, stop.by, stop.signal, stop.force))
    events += [RunFailed(now, error), RunEnded(now, status)]
    lost = {name: _lost(step, now, stop) for name, step in stored.steps.items() if _has_begun(step)}
    return Change(ended, lost, events, durable=True)


def _has_begun(step: StepRun) -> bool:
    return step.status is not StepStatus.NOT_STARTED and not step.status.is_over


def _lost(step: StepRun, now: float, stop: StopSignal | None) -> StepRun:
    """Nobody can say which of the ends that were seen is that of this step."""
    status = StepStatus.FAILED if stop is None else StepStatus.ABORTED
    reason = LOST if stop is None else STOPPED
    text = "what became of it is not known: the definition of its run cannot be read"
    return replace(step, status=status, finished_at=now, running=False, reason=reason, error=text)
