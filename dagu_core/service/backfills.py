"""Makes the runs of backfills, a few at a time; live starts go first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dagu_core.app.accepting import cause_of, is_held
from dagu_core.app.backfill import Backfill, Covered
from dagu_core.app.backfill_results import MADE
from dagu_core.app.overlap import active_runs
from dagu_core.app.services import wake_runners
from dagu_core.base.errors import Conflict, LostOwnership, NotFound, Unavailable

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: seconds between two looks, when there is something to do and when there is not
BUSY, IDLE = 0.2, 1.0
#: slots of one backfill that are settled before the next one has its turn
_AT_ONCE = 100


class BackfillLoop:
    """At work in the leading scheduler; `sure` raises LostOwnership when it may lead no longer."""

    def __init__(self, app: App, sure: Callable[[], Awaitable[None]]) -> None:
        self.app, self.sure = app, sure
        self._covered: dict[str, Covered] = {}

    async def serve(self) -> None:
        """Go on with all backfills, for ever. Raises LostOwnership."""
        while True:
            busy = False
            try:
                busy = await self.step()
            except LostOwnership:
                raise
            except Unavailable:
                pass  # a store that is away for a moment is asked again
            await asyncio.sleep(BUSY if busy else IDLE)

    async def step(self) -> bool:
        """Make the runs there is room for; whether any backfill goes on."""
        going = [one for one in await self.app.backfills.all() if one.state == "running"]
        for one in reversed(going):  # of two that cover the same slot the older one has it
            with contextlib.suppress(Conflict, NotFound):  # cancelled meanwhile
                await self._go_on(one)
        self._covered = {one.id: self._covered[one.id] for one in going if one.id in self._covered}
        return bool(going)

    async def _go_on(self, one: Backfill) -> None:
        if one.id not in self._covered:
            self._covered[one.id] = await self.app.backfills.covered(one)
        covered = self._covered[one.id]
        active = await active_runs(self.app, [one.dag])
        ours = sum(cause_of(each).data.get("backfill") == one.id for each in active)
        if one.settled >= len(covered.instants):
            if not ours:
                await self.app.backfills.change(one.id, lambda now: replace(now, state="done"))
            return
        if any(is_held(each) for each in active):
            return
        room, patience = one.max_active - ours, _AT_ONCE
        makes = False
        while room > 0 and patience > 0 and one.state == "running" and one.settled < len(covered.instants):
            await self.sure()
            outcome = await self.app.backfills.settle(one, one.settled, covered)
            one = await self.app.backfills.change(one.id, _counted(one.settled, outcome))
            room, patience, makes = room - (outcome == MADE), patience - 1, makes or outcome == MADE
        if makes:
            await wake_runners(self.app)


def _counted(number: int, outcome: str) -> Callable[[Backfill], Backfill]:
    return lambda now: now.counting(outcome) if now.settled == number else now
