"""Lets held runs go as soon as there is room, while a scheduler leads."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from dagu_core.app.accepting import Hold
from dagu_core.app.held import held_runs, let_first_go
from dagu_core.app.overlap import Arrival
from dagu_core.base.errors import LostOwnership, Unavailable
from dagu_core.model.run.run import RunSummary
from dagu_core.service.beat import BEAT, heard

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: seconds between two looks at the lines that are known, at least and at most, and two looks for others
LOOK, SLOW_LOOK, ALL = 0.1, 1.0, 5.0
#: a look may take this part of the time, and come after this part of the time since something changed
_SHARE, _QUIET = 5, 50
_AT_ONCE, _MINUTE = 32, 60.0

Line = list[tuple[Hold, RunSummary]]


class Holding:
    """The lines of held runs. `news` is to be set when one was added; `sure` raises LostOwnership,
    `arrived` hears of each run that is let go."""

    def __init__(
        self, app: App, sure: Callable[[], Awaitable[None]], arrived: Callable[[Arrival], None]
    ) -> None:
        self.app, self.sure, self._arrived = app, sure, arrived
        self.news = asyncio.Event()
        self._released: deque[float] = deque()
        self._moved = time.monotonic()

    async def serve(self) -> None:
        """Look, for ever. Raises LostOwnership."""
        while True:
            if self.news.is_set():
                self._moved = time.monotonic()
                self.news.clear()
            pause = LOOK
            with patience():
                lines = await held_runs(self.app)
                if not lines:
                    pause = BEAT
                until = time.monotonic() + ALL
                while lines and time.monotonic() < until and not self.news.is_set():
                    began = time.monotonic()
                    await self.sure()
                    for name in list(lines):
                        await self._let_go(lines, name)
                    await heard(self.news, self._pause(began))
            await heard(self.news, pause)

    def _pause(self, began: float) -> float:
        """Seconds until the next look: what waits for long is late by a small part of its wait."""
        now = time.monotonic()
        return max(LOOK, _SHARE * (now - began), min(SLOW_LOOK, (now - self._moved) / _QUIET))

    async def _let_go(self, lines: dict[str, Line], name: str) -> None:
        batched = lines[name][0][0].why == "catchup"
        while self._released and self._released[0] < time.monotonic() - _MINUTE:
            self._released.popleft()
        most = self.app.settings.scheduler.catchup_per_minute - len(self._released)
        for gone in await let_first_go(self.app, lines[name], most if batched else _AT_ONCE):
            if batched:
                self._released.append(time.monotonic())
            self._moved = time.monotonic()
            self._arrived(Arrival("queued", gone.ref))
        if not lines[name]:
            del lines[name]


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """A store that is away for a moment is asked again; leadership that is lost is lost."""
    try:
        yield
    except LostOwnership:
        raise
    except Unavailable:
        pass
