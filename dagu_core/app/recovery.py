"""Takes over what dead engines left behind, and tidies up after them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dagu_core.base.errors import Conflict, DaguError, LostOwnership, Unavailable
from dagu_core.contracts.store import Change, RunQuery, StoredRun
from dagu_core.engine.launch import resume
from dagu_core.engine.liveness import forget_dead, host_name, living_pid
from dagu_core.engine.new_run import Launch
from dagu_core.engine.runner import Runner
from dagu_core.model.run.events import Event, RunEnded, RunFailed
from dagu_core.model.run.reasons import LOST, RECORD_DAMAGED
from dagu_core.model.run.run import Run, RunRef, RunSummary, StepRun
from dagu_core.model.status import RunStatus, StepStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

Watch = Callable[[Run, Event], None]


async def dead_runs(app: App) -> list[RunSummary]:
    """Running runs of this host whose engine is proven dead, sub-DAG runs included."""
    return _without_engine(app, await _running(app))


async def dead_roots(app: App) -> list[RunRef]:
    """The dead runs that nobody else will take over with their parent. Nobody can go on with a run
    whose record is damaged: that one is left as it is, see `dagu doctor`."""
    running = await _running(app)
    names = {one.ref for one in running}
    dead = _without_engine(app, running)
    return [one.ref for one in dead if one.parent not in names and one.reason != RECORD_DAMAGED]


async def recover(app: App, watch: Watch) -> list[Run]:
    """Drive every dead run to its end, all at once in this process.

    Runs that another process takes over at the same time are left to it. A sub-DAG run is left
    to the owner of its parent as long as that is running. What cannot be taken over (its
    definition is gone) is raised as a DaguError after all others have ended.
    """
    await app.queues.release_left()
    roots = await dead_roots(app)
    found: list[Run | BaseException | None] = []
    if roots:
        async with app.runner(watch) as runner:
            runner.listen_to_signals()
            # One that fails must not take the others with it.
            found = await asyncio.gather(
                *(take_over(app, runner, ref) for ref in roots), return_exceptions=True
            )
    await tidy_up(app)
    for error in found:
        if isinstance(error, BaseException):
            raise error
    return [run for run in found if isinstance(run, Run)]


async def take_over(app: App, runner: Runner, ref: RunRef) -> Run | None:
    """Drive one dead run to its end; None when somebody else was faster.

    Raises DaguError, after it has ended the run, when its definition cannot be read.
    """
    try:
        stored = await app.store.load(ref)
        if is_damaged(stored):
            return None
        launch = await launch_of(app, runner, stored)
        return await resume(runner, launch, stored, recovered=True)
    except (Conflict, LostOwnership):
        return None


async def launch_of(app: App, runner: Runner, stored: StoredRun) -> Launch:
    """What the run is carried out with. When nobody can tell it is ended, and why is raised."""
    try:
        return await app.runs.launch_again(stored, stored.summary.ref.run_id)
    except Unavailable:
        raise
    except DaguError as error:
        from dagu_core.app import unreadable

        await unreadable.end_run(app, runner, stored.summary, error)
        raise


def is_damaged(stored: StoredRun) -> bool:
    """Whether nobody can know what the run has done: its record or that of a step is damaged."""
    return stored.summary.reason == RECORD_DAMAGED


async def fail(app: App, stored: StoredRun, error: str) -> None:
    """End a run that nobody can carry out, for a reason that everybody can read."""
    now = app.clock.now()
    ended = replace(
        stored.summary, engine="", status=RunStatus.FAILED, finished_at=now, reason="failed", error=error
    )
    events: list[Event] = [RunFailed(now, error), RunEnded(now, RunStatus.FAILED)]
    lost = {
        name: StepRun(StepStatus.FAILED, finished_at=now, reason=LOST, error="its stored record was damaged")
        for name, step in stored.steps.items()
        if step.reason == RECORD_DAMAGED
    }
    await app.store.commit(Change(ended, lost, events, durable=True))


async def tidy_up(app: App) -> None:
    """Remove the lock files of dead engines that no running run refers to."""
    forget_dead(app.settings.paths.data, {one.engine for one in await _running(app)})


async def _running(app: App) -> list[RunSummary]:
    query = RunQuery(statuses=(RunStatus.RUNNING,), roots_only=False, limit=100_000)
    return await app.store.find(query)


def _without_engine(app: App, running: Sequence[RunSummary]) -> list[RunSummary]:
    data = app.settings.paths.data
    ours = [one for one in running if one.host in ("", host_name())]
    dead = {engine for engine in {one.engine for one in ours} if living_pid(data, engine) is None}
    return [one for one in ours if one.engine in dead]
