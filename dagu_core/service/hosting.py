"""Carries out what waits in the queues, in a process that hosts many runs."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from dagu_core.app import recovery, retention
from dagu_core.app.disk import room_of
from dagu_core.app.services import RENEWED, register, unregister, wake_runners
from dagu_core.base.errors import Conflict, DaguError, LostOwnership, Unavailable
from dagu_core.base.failpoints import fail_point
from dagu_core.engine.launch import resume
from dagu_core.engine.liveness import dead_engines, living_pid, locks_folder
from dagu_core.service.beat import BEAT, rest, wake_at
from dagu_core.service.ending import end
from dagu_core.service.housekeeping import Housekeeping
from dagu_core.service.store_news import StoreNews

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.contracts.store import StoredRun
    from dagu_core.engine.runner import Runner
    from dagu_core.model.run.run import Run, RunRef

#: seconds between two looks at the queues where nobody tells that something was written to the store,
#: and between two looks that are made because of that alone
LOOK = 1.0


class Hosting:
    """One runner at work: claims, recovers, and lets go when it is told to.

    `most` runs at once. `say` prints what people should know.
    """

    def __init__(self, app: App, runner: Runner, most: int) -> None:
        self.app, self.runner, self.most = app, runner, most
        self.stopping = asyncio.Event()
        self._runs: dict[RunRef, asyncio.Task[None]] = {}
        self._since = app.clock.now()
        #: dead runs we cannot read the definition of; `dagu doctor` shows them
        self._hopeless: set[RunRef] = set()
        #: why nothing is begun at the moment, "" = nothing hinders us
        self._blocked = ""
        #: when the next pause ends of a queue in which runs wait, epoch seconds
        self._opens = math.inf
        #: set when somebody has written to the store, or ended
        self._stirred = asyncio.Event()

    async def serve(self) -> None:
        """Work until `stopping` is set, then let what still runs come to its end, for the grace
        of the settings, and leave the rest to whoever comes next."""
        notes = asyncio.create_task(self._keep_note())
        house = asyncio.create_task(Housekeeping(self.runner.engine).serve(self.app))
        stop = asyncio.create_task(self.stopping.wait())
        data = self.app.settings.paths.data
        try:
            with StoreNews(self.app.store.written_file, locks_folder(data), self._stirred) as news:
                while not self.stopping.is_set():
                    self.runner.woken.clear()
                    self._stirred.clear()
                    told = news.arm()
                    if living_pid(data, self.runner.engine) is None:
                        # Without its lock a living engine counts as dead; the pool starts another one.
                        sys.stderr.write("the data folder was removed under this runner: it starts anew\n")
                        break
                    most = BEAT if await self._look() and told else LOOK
                    await self._sleep(stop, min(most, max(0.0, self._opens - self.app.clock.now())))
            await self._drain()
        finally:
            for task in (stop, notes, house):
                task.cancel()
            with contextlib.suppress(DaguError):
                await unregister(self.app, "runner", self.runner.engine)

    async def _look(self) -> bool:
        """Do what there is to do; whether that can be left until somebody tells of more."""
        self._opens = math.inf
        try:
            settled = await self._recover()
            if await self._has_room():
                await self._claim()
            return settled and not self._blocked
        except Unavailable:
            return False  # a store that is away for a moment comes back; then we go on

    async def _sleep(self, stop: asyncio.Task[bool], most: float) -> None:
        """Sleep until somebody pokes us or the store was written to, but no longer than `most`."""
        loop = asyncio.get_running_loop()
        again, until = loop.time() + LOOK, wake_at(most)
        woken, stirred = (asyncio.create_task(each.wait()) for each in (self.runner.woken, self._stirred))
        try:
            await _first({woken, stirred, stop}, until)
            if stirred.done():
                await _first({woken, stop}, again)
        finally:
            woken.cancel()
            stirred.cancel()

    async def _has_room(self) -> bool:
        """Whether the disk takes another run; what changes is told at once, and noted for all who ask
        why a run waits."""
        room = room_of(self.app.settings.paths.data)
        blocked = str(room) if room is not None and room.is_full else ""
        changed = bool(blocked) is not bool(self._blocked)
        self._blocked = blocked
        if changed:
            sys.stderr.write(f"{blocked}: no run is begun\n" if blocked else "there is room again\n")
            await self._leave_note()
        return not blocked

    async def _claim(self) -> None:
        """Take what waits, as far as the queues have slots and we have room."""
        for state in await self.app.store.queues():
            free = self.most - len(self._runs)
            if not state.waiting or state.next is None or free <= 0:
                continue
            slots = await self.app.queues.limit_of(state.name, state.next)
            if slots == 0:
                self._opens = min(self._opens, await self.app.queues.opens_at(state.name))
            if slots <= state.slots_used:
                continue
            engine, host = self.runner.engine, self.runner.host
            fail_point("claim.before")
            taken = await self.app.store.claim(
                state.name, engine=engine, host=host, limit=min(free, slots - state.slots_used), slots=slots
            )
            fail_point("claim.after")
            for stored in taken:
                self._host(stored.summary.ref, self._carry_out(stored))

    async def _recover(self) -> bool:
        """Take over what dead engines of this host left behind; whether there is nothing of them."""
        if not dead_engines(self.app.settings.paths.data):
            return True
        await self.app.queues.release_left()
        dead = await recovery.dead_roots(self.app)
        for ref in dead:
            if ref not in self._runs and ref not in self._hopeless:
                self._host(ref, self._take_over(ref))
        if not dead:
            await recovery.tidy_up(self.app)
        return False

    def _host(self, ref: RunRef, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"run {ref}")
        self._runs[ref] = task
        task.add_done_callback(lambda _: self._left(ref))

    def _left(self, ref: RunRef) -> None:
        self._runs.pop(ref, None)
        # Its slot is free: look at once who is next.
        self.runner.woken.set()

    async def _carry_out(self, stored: StoredRun) -> None:
        ref = stored.summary.ref
        try:
            launch = await self.app.runs.launch_again(stored, ref.run_id)
        except DaguError as error:
            await recovery.fail(self.app, stored, str(error))
            return
        await self._ended(ref, resume(self.runner, launch, stored, claimed=True))

    async def _take_over(self, ref: RunRef) -> None:
        await self._ended(ref, recovery.take_over(self.app, self.runner, ref))

    async def _ended(self, ref: RunRef, work: Coroutine[Any, Any, Run | None]) -> None:
        try:
            run = await work
        except (Conflict, LostOwnership):
            return  # somebody else has it
        except DaguError as error:
            sys.stderr.write(f"run {ref}: {error}\n")
            if not isinstance(error, Unavailable):
                self._hopeless.add(ref)
            return
        if run is not None:
            with contextlib.suppress(DaguError):
                await retention.after_run(self.app, run.plan)
                await self._wake_others()

    async def _wake_others(self) -> None:
        """A slot is free that others may have room for, when we have not."""
        if len(self._runs) > self.most // 2:
            await wake_runners(self.app)

    async def _drain(self) -> None:
        tasks = list(self._runs.values())
        if tasks:
            await asyncio.wait(tasks, timeout=self.app.settings.worker.drain_grace)
        self.runner.let_go()
        await end(self._runs.values())

    async def _keep_note(self) -> None:
        while True:
            await self._leave_note()
            await rest(RENEWED)

    async def _leave_note(self) -> None:
        facts = {"runs": len(self._runs), "most": self.most, "blocked": self._blocked}
        facts |= {"worker": self.runner.worker, "labels": self.app.settings.worker.labels}
        with contextlib.suppress(DaguError):
            await register(self.app, "runner", self.runner.engine, self._since, **facts)


async def _first(tasks: set[asyncio.Task[bool]], until: float) -> None:
    """Wait for the first of these tasks, but no longer than to a time of the loop."""
    seconds = max(0.0, until - asyncio.get_running_loop().time())
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
