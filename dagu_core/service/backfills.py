"""Makes the runs of backfills, a few at a time; live starts go first."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dagu_core.app.accepting import cause_of
from dagu_core.app.backfill import Backfill, Covered
from dagu_core.app.backfill_overlap import Companies
from dagu_core.app.backfill_results import MADE
from dagu_core.app.overlap import active_runs
from dagu_core.app.services import wake_runners
from dagu_core.base.errors import Conflict, NotFound
from dagu_core.service.beat import BEAT, heard
from dagu_core.service.holding import patience

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: seconds between two looks while a backfill goes on, at least and at most
LOOK, SLOW_LOOK = 0.2, 1.0
#: a look comes after this part of the time since a run was made
_QUIET = 50
#: slots of one backfill that are settled before the next one has its turn
_AT_ONCE = 100


class BackfillLoop:
    """At work in the leading scheduler; `sure` raises LostOwnership when it may lead no longer. `news`
    is to be set when there is a backfill to go on with; `companies` knows the DAGs there are."""

    def __init__(
        self, app: App, sure: Callable[[], Awaitable[None]], companies: Companies | None = None
    ) -> None:
        self.app, self.sure, self._companies = app, sure, companies
        self.news = asyncio.Event()
        self._covered: dict[str, Covered] = {}
        self._made = time.monotonic()

    async def serve(self) -> None:
        """Go on with all backfills, for ever. Raises LostOwnership."""
        while True:
            if self.news.is_set():
                self._made = time.monotonic()
                self.news.clear()
            goes_on = True
            with patience():
                goes_on = await self.step()
            quiet = (time.monotonic() - self._made) / _QUIET
            await heard(self.news, min(SLOW_LOOK, max(LOOK, quiet)) if goes_on else BEAT)

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
        room, patience = one.max_active - ours, _AT_ONCE
        makes = False
        while room > 0 and patience > 0 and one.state == "running" and one.settled < len(covered.instants):
            await self.sure()
            outcome = await self.app.backfills.settle(one, one.settled, covered, self._companies)
            if not outcome:
                break  # other runs go first
            one = await self.app.backfills.change(one.id, _counted(one.settled, outcome))
            room, patience, makes = room - (outcome == MADE), patience - 1, makes or outcome == MADE
        if makes:
            self._made = time.monotonic()
            await wake_runners(self.app)


def _counted(number: int, outcome: str) -> Callable[[Backfill], Backfill]:
    return lambda now: now.counting(outcome) if now.settled == number else now
