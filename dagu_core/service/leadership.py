"""Which of any number of schedulers leads: a lease with a fence, and proof by the kernel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dagu_core.app.services import NAMESPACE
from dagu_core.base.clock import awake
from dagu_core.base.errors import LostOwnership, Unavailable
from dagu_core.engine.liveness import host_name, living_pid

if TYPE_CHECKING:
    from dagu_core.app.app import App

KEY = "scheduler"
#: seconds: life of the lease, between two renewals, between two looks of a stand-by, between two
#: looks at who else there is
TTL, RENEW, LOOK, WHO = 15.0, 5.0, 0.2, 1.0
#: a lease younger than this is ours for sure; an older one is renewed before anything is written
_SURE = TTL - 5.0


class Leadership:
    """The lease of one candidate; `engine` holds an engine lock as long as this process lives."""

    def __init__(self, app: App, engine: str) -> None:
        self.app, self.engine = app, engine
        self.fence: int | None = None
        self._renewed = 0.0

    @property
    def leads(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self.fence is not None

    async def win(self) -> None:
        """Wait until this process leads. A leader of this host that died is noticed at once; one
        that is frozen, or on another host, when its lease has run out."""
        others: list[str] = []
        looked = tried = -TTL
        while True:
            now = awake()
            if now - looked >= WHO:
                others, looked = await self._others(), now
            dead = [one for one in others if living_pid(self.app.settings.paths.data, one) is None]
            if dead or now - tried >= WHO:
                for one in dead:
                    await self.app.store.release(KEY, one)
                    await self.app.store.remove(NAMESPACE, f"scheduler/{one}")
                others = [one for one in others if one not in dead]
                tried = now
                if await self._acquire():
                    return
            await asyncio.sleep(LOOK)

    async def try_once(self) -> bool:
        """Lead if nobody else does, or whoever did is dead; whether this process leads now."""
        for one in await self._others():
            if living_pid(self.app.settings.paths.data, one) is None:
                await self.app.store.release(KEY, one)
        return await self._acquire()

    async def sure(self) -> None:
        """Go on only while nobody else can lead. Raises LostOwnership."""
        if self.fence is not None and awake() - self._renewed < _SURE:
            return
        await self.renew()

    async def renew(self) -> None:
        """Prolong the lease. Raises LostOwnership when somebody else has led, or leads."""
        fence = self.fence
        if fence is None or not await self._acquire() or self.fence != fence:
            await self.give_up()
            raise LostOwnership("another scheduler leads")

    async def keep(self) -> None:
        """Renew for ever. Raises LostOwnership."""
        while True:
            await asyncio.sleep(RENEW)
            try:
                await self.renew()
            except LostOwnership:
                raise
            except Unavailable:
                continue  # a store that is away for a moment; nothing is written meanwhile

    async def give_up(self) -> None:
        """Let somebody else lead; a no-op for whoever does not."""
        self.fence = None
        await self.app.store.release(KEY, self.engine)

    async def _acquire(self) -> bool:
        began = awake()
        self.fence = await self.app.store.acquire(KEY, self.engine, TTL)
        self._renewed = began
        return self.fence is not None

    async def _others(self) -> list[str]:
        """The candidates of this host that have left a note, dead ones included."""
        found = []
        for key, pair in await self.app.store.scan(NAMESPACE, "scheduler/"):
            engine = key.partition("/")[2]
            if engine != self.engine and pair.value.get("host") == host_name():
                found.append(engine)
        return found
