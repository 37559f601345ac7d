"""What a leader has at work: the starts of each DAG one after the other, those of many DAGs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from dagu_core.base.errors import LostOwnership, Unavailable
from dagu_core.service.timetable import Due, Missed

#: starts at work at once
_AT_ONCE = 32
#: seconds between two tries while the store is away
_AGAIN = 0.5


class Work:
    """Carries out what has begun; `touched` is set whenever something begins or ends.

    `carry_out` does one item and raises Unavailable when it should be tried again; any other error,
    and LostOwnership, is handed to `fail`, and the item stays open.
    """

    def __init__(
        self,
        carry_out: Callable[[Due | Missed], Awaitable[None]],
        touched: asyncio.Event,
        fail: Callable[[Exception], None],
    ) -> None:
        self._carry_out, self._touched, self._fail = carry_out, touched, fail
        self._last: dict[str, asyncio.Task[None]] = {}
        self._open: dict[int, float] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """The last of each DAG that is not done; it waits for those before it."""
        return self._last.values()

    def oldest(self, otherwise: float) -> float:
        """When the first of what is open was due; `otherwise` when nothing is."""
        return min(self._open.values(), default=otherwise)

    def begin(self, each: Due | Missed) -> None:
        """Carry out one item, after the one before it of the same DAG."""
        self._touched.set()
        name, token = each.line.plan.name, id(each)
        self._open[token] = each.slot.at if isinstance(each, Due) else each.after
        task = asyncio.create_task(self._handle(each, self._last.get(name)))
        self._last[name] = task
        task.add_done_callback(lambda done: self._done(name, token, done))

    async def _handle(self, each: Due | Missed, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        async with self._room:
            while True:
                try:
                    return await self._carry_out(each)
                except LostOwnership:
                    raise
                except Unavailable:
                    # A store that is away for a moment: what is due stays due.
                    await asyncio.sleep(_AGAIN)

    def _done(self, name: str, token: int, task: asyncio.Task[None]) -> None:
        if self._last.get(name) is task:
            del self._last[name]
        if task.cancelled():
            return
        if (error := task.exception()) is None:
            del self._open[token]
            self._touched.set()
        elif isinstance(error, Exception):
            self._fail(error)
