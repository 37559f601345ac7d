"""Runs that wait for their turn in the hands of the process that will carry them out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dagu_core.base.errors import Conflict
from dagu_core.contracts.store import Change, StoredRun
from dagu_core.engine.logs import log_folder
from dagu_core.engine.new_run import Launch, evaluate_params, new_summary, secrets_of
from dagu_core.engine.queue_slot import LOOK
from dagu_core.model.run.events import RunEnded
from dagu_core.model.run.index import restore
from dagu_core.model.run.reasons import QUEUED, STOPPED
from dagu_core.model.run.run import Run, RunRef
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.engine.runner import Runner

Note = Callable[[str], None]


class Waits:
    """Who waits for a slot in this process, and the word that makes them look again."""

    #: the more wait, the less often each of them looks; seconds
    SLOWEST, EACH = 1.0, 0.02

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._waiting: dict[RunRef, bool] = {}

    def look(self) -> None:
        """Something may have changed: look at once."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, seconds: float) -> None:
        """Wait until somebody says so, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def stop(self, ref: RunRef | None = None) -> None:
        """Let a run (or every one) end instead of waiting on."""
        for one in self._waiting if ref is None else {ref} & self._waiting.keys():
            self._waiting[one] = True
        self.look()

    async def turn(self, runner: Runner, ref: RunRef, note: Note) -> tuple[StoredRun, bool]:
        """Wait until a queued run is ours to begin; False = it is not: somebody else has it, or it
        has ended. A run that is stopped meanwhile is ended here."""
        assert runner.queues is not None
        told = False
        self._waiting[ref] = bool(runner.interrupted_by)  # perhaps before there was anybody to stop
        try:
            while True:
                stored = await runner.store.load(ref)
                if stored.summary.status is not RunStatus.QUEUED:
                    return stored, False
                if self._waiting[ref]:
                    with contextlib.suppress(Conflict):  # it was moved, or ended, this very moment
                        await _end(runner, stored)
                    continue
                queue = stored.summary.queue
                limit = await runner.queues.limit_of(queue, ref)
                if limit and (claimed := await _claimed(runner, queue, ref, limit)):
                    return claimed, True
                if not told:
                    note(f"{ref}: {await runner.queues.what_blocks(queue, limit, stored.summary)}")
                    told = True
                await self.news(min(self.SLOWEST, max(LOOK, self.EACH * len(self._waiting))))
        finally:
            del self._waiting[ref]


async def _claimed(runner: Runner, queue: str, ref: RunRef, slots: int | None) -> StoredRun | None:
    found = await runner.store.claim(queue, engine=runner.engine, host=runner.host, slots=slots, ref=ref)
    return found[0] if found else None


async def _end(runner: Runner, stored: StoredRun) -> None:
    now = runner.clock.now()
    summary = replace(stored.summary, status=RunStatus.ABORTED, finished_at=now, reason=STOPPED, engine="")
    await runner.store.commit(Change(summary, events=[RunEnded(now, RunStatus.ABORTED)], durable=True))


async def create_queued(runner: Runner, launch: Launch) -> None:
    """Record a run that waits in our hands. Raises AlreadyExists, and Invalid when env or params
    cannot be evaluated."""
    folders = [Path(launch.plan.source.path).parent] if launch.plan.source.path else []
    secrets = await secrets_of(launch, runner.catalog.providers)
    params, env, _ = await evaluate_params(launch, [Path.cwd(), *folders], secrets)
    now = runner.clock.now()
    summary = new_summary(launch, params, now, secrets)
    summary.status, summary.reason, summary.queued_at = RunStatus.QUEUED, QUEUED, now
    summary.fence, summary.engine, summary.host = 1, runner.engine, runner.host
    summary.log_dir = str(log_folder(launch.plan, runner.places.logs, {**launch.environ, **env}))
    await runner.store.create(Change(summary, durable=launch.parent is None), launch.plan.source)


async def begin_created(runner: Runner, launch: Launch) -> Run:
    """Drive a run that `create_queued` recorded, at once, whether its queue has a slot or not."""
    from dagu_core.engine.launch import resume

    claimed = await _claimed(runner, "", launch.ref, None)
    if claimed is None:
        raise Conflict(f"another process carries run {launch.ref} out, or it was stopped")
    claimed.summary.queued_at = None  # it never waited for a slot, and shall not later
    return await resume(runner, launch, claimed, claimed=True)


async def carry_out_in_turn(runner: Runner, launch: Launch, note: Note) -> Run | None:
    """Wait for the turn of a queued run, then drive it; one that ended meanwhile is returned as it
    is. None when another process has begun it."""
    from dagu_core.engine.launch import resume

    stored, is_ours = await runner.waits.turn(runner, launch.ref, note)
    if is_ours:
        return await resume(runner, launch, stored, claimed=True)
    return restore(launch.plan, stored.summary, stored.steps) if stored.summary.status.is_over else None
