"""Makes the runs of backfills, a few at a time; live starts go first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dagu_core.app.accepting import cause_of, is_held
from dagu_core.app.backfill import Backfill, Covered
from dagu_core.app.overlap import active_runs
from dagu_core.app.services import wake_runners
from dagu_core.base.errors import Conflict, DaguError, LostOwnership, NotFound, Unavailable

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: seconds between two looks, when there is something to do and when there is not
BUSY, IDLE = 0.2, 1.0


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
        for one in going:
            await self.sure()
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
        if one.made >= len(covered.instants):
            if not ours:
                await self.app.backfills.change(one.id, lambda now: replace(now, state="done"))
            return
        if any(is_held(each) for each in active):
            return
        room = one.max_active - ours
        for number in range(one.made, min(len(covered.instants), one.made + room)):
            problem = ""
            try:
                await self.app.backfills.make_run(one, covered.instants[number], covered.source)
            except Unavailable:
                raise
            except DaguError as error:
                problem = str(error).splitlines()[0]
            one = await self.app.backfills.change(one.id, _made(number + 1, problem))
            if one.state != "running":
                break
        if room > 0:
            await wake_runners(self.app)


def _made(count: int, problem: str) -> Callable[[Backfill], Backfill]:
    return lambda now: replace(now, made=max(now.made, count), problem=problem or now.problem)
