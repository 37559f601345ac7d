"""Slots of queues: a run holds one while it works, and none while it only waits for other runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from dagu_core.base.errors import Conflict, DaguError, LostOwnership, NotFound
from dagu_core.model.run.events import Noted
from dagu_core.model.run.run import Run, RunRef, RunSummary

if TYPE_CHECKING:
    from dagu_core.engine.host import Slots
    from dagu_core.engine.runner import Runner
    from dagu_core.model.plan.plan import Plan

#: seconds between two looks when nobody tells us to look again
LOOK = 0.2
#: seconds until the end of an attempt has been recorded for sure
_SETTLED = 0.05


class QueueRules(Protocol):
    """What the engine needs to know of queues."""

    async def limit_of(self, name: str, next_run: RunRef, *, begun: bool = False) -> int:
        """How many runs of the queue may hold a slot at once; 0 = it is paused, which does not
        matter for a run that has `begun`."""
        ...

    def check(self, name: str) -> str:
        """Return `name` when runs may be sent to that queue. Raises UsageError."""
        ...

    def home_of(self, plan: Plan, queue: str) -> tuple[str, int]:
        """`RunSummary.home` and `home_slots` of a run of the DAG that is sent to `queue`."""
        ...

    async def what_blocks(self, name: str, limit: int, guest: RunSummary | None = None) -> str:
        """Why no slot is free, or none for this run, as people read it: `1 of 1 in use by nightly:r7`."""
        ...

    async def slot_is_free(self, name: str) -> None:
        """Tell other processes that a run gave its slot back."""
        ...


class Seat:
    """The slot of a run, which sub-DAG runs without a queue of their own share with it.

    A run that was begun by hand takes its slot again at once; one that came from a queue waits
    until one is free, unless it is being stopped.
    """

    def __init__(self, runner: Runner, run: Run) -> None:
        self._runner, self._owner = runner, run
        self._members: dict[RunRef, Run] = {}
        self._lock = asyncio.Lock()
        self._lent = 0
        self._news = asyncio.Event()
        summary = run.summary
        self._counts = runner.queues is not None and (summary.parent is None or summary.queued_at is not None)

    def join(self, run: Run) -> None:
        """From now on the run works in this slot."""
        self._members[run.ref] = run

    def leave(self, run: Run) -> None:
        """The run is over, or somebody else's."""
        self._members.pop(run.ref, None)

    @property
    def held(self) -> bool:
        """Whether work may be done."""
        return self._owner.summary.holds_slot or not self._counts

    @property
    def _works(self) -> bool:
        """Whether anything goes on but waiting for sub-DAG runs."""
        return any(run.plan.nodes[at].call is None for run in self._members.values() for at in run.active)

    async def take(self) -> None:
        """Come back with a slot, if there is work for one. Raises LostOwnership, Unavailable."""
        if self.held:
            return
        async with self._lock:
            if not self.held and self._works:
                await self._take_again()

    @contextlib.asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """While a sub-DAG run with a queue of its own is waited for: give the slot back as long as
        nothing else goes on."""
        if not self._counts:
            yield
            return
        self._lent += 1
        if self._lent == 1:
            self._keeper = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            self._lent -= 1
            if not self._lent:
                self._keeper.cancel()

    def look_soon(self) -> None:
        """An attempt has ended: perhaps nothing goes on any more."""
        if self._lent:
            asyncio.get_running_loop().call_later(_SETTLED, self._news.set)

    async def _keep(self) -> None:
        while True:
            await self._give_back()
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._news.wait()

    async def _give_back(self) -> None:
        summary = self._owner.summary
        async with self._lock:
            if not self.held or self._works or self._owner.is_over:
                return
            summary.holds_slot = False
            try:
                await self._runner.store.hold_slot(summary.ref, fence=summary.fence, held=False)
            except DaguError:
                summary.holds_slot = True  # the next commit will tell what is wrong
                return
        self._runner.waits.look()
        if self._runner.queues is not None:
            await self._runner.queues.slot_is_free(summary.queue)

    async def _take_again(self) -> None:
        runner, run, summary = self._runner, self._owner, self._owner.summary
        assert runner.queues is not None
        told = False
        try:
            while True:
                limit = None
                if summary.queued_at is not None and not (run.stopping or run.timed_out):
                    limit = await runner.queues.limit_of(summary.queue, summary.ref, begun=True)
                if await runner.store.hold_slot(summary.ref, fence=summary.fence, slots=limit):
                    summary.holds_slot = True
                    return
                if not told and limit is not None:
                    why = await runner.queues.what_blocks(summary.queue, limit, summary)
                    runner.tell(run, Noted(runner.clock.now(), "queue.slot", why))
                    told = True
                await runner.waits.news(LOOK)
        except (Conflict, NotFound) as error:
            raise LostOwnership(f"lost ownership of run {summary.ref}: {error}") from None
        except asyncio.CancelledError:
            # Whoever waits for us to have a slot must not wait for ever.
            with contextlib.suppress(DaguError):
                await runner.store.hold_slot(summary.ref, fence=summary.fence, held=False)
            raise


class RunSlots:
    """What one run's attempts ask for: a slot of the queue, then a share of the process."""

    def __init__(self, seat: Seat, share: Slots, run: Run) -> None:
        self._seat, self._share, self._run = seat, share, run
        seat.join(run)

    async def acquire(self) -> bool:
        """Wait until an attempt may begin."""
        await self._seat.take()
        return await self._share.acquire()

    def release(self) -> None:
        """An attempt has ended."""
        self._share.release()
        self._seat.look_soon()

    def leave(self) -> None:
        """The run is over, or somebody else's."""
        self._seat.leave(self._run)
