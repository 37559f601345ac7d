"""Which of any number of schedulers leads: a lease with a fence, and proof by the kernel."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from dagu_core.app.services import NAMESPACE
from dagu_core.base.clock import awake
from dagu_core.base.errors import LostOwnership, Unavailable
from dagu_core.engine.liveness import host_name, living_pid, locks_folder
from dagu_core.service.beat import BEAT, rest
from dagu_core.service.folder_watch import FolderWatch

if TYPE_CHECKING:
    from dagu_core.app.app import App

KEY = "scheduler"
#: seconds: life of the lease, between two renewals of a leader with nothing to do, between two tries
#: of a stand-by, which hears of a death on its host besides
TTL, RENEW, TRY = 17.0, BEAT, 2.0
#: a lease younger than this is ours for sure; an older one is renewed before anything is written
_SURE = 5.0


class Leadership:
    """The lease of one candidate; `engine` holds an engine lock as long as this process lives."""

    def __init__(self, app: App, engine: str) -> None:
        self.app, self.engine = app, engine
        self.fence: int | None = None
        self._renewed = 0.0
        self._renewing = asyncio.Lock()

    @property
    def leads(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self.fence is not None

    async def win(self) -> None:
        """Wait until this process leads. A leader of this host that died is noticed at once; one
        that is frozen, or on another host, when its lease has run out."""
        others = await self._bury()
        if await self._acquire():
            return
        locks = FolderWatch([locks_folder(self.app.settings.paths.data)], every=TRY).changes()
        async with contextlib.aclosing(locks):
            async for changed in locks:
                if changed is None or any(path.stem in others for path in changed):
                    others = await self._bury()
                    if await self._acquire():
                        return

    async def try_once(self) -> bool:
        """Lead if nobody else does, or whoever did is dead; whether this process leads now."""
        await self._bury()
        return await self._acquire()

    async def sure(self) -> None:
        """Go on only while nobody else can lead. Raises LostOwnership."""
        async with self._renewing:  # of many who ask at once the first one renews
            if self.fence is None or awake() - self._renewed >= _SURE:
                await self.renew()

    async def renew(self) -> None:
        """Prolong the lease. Raises LostOwnership when somebody else has led, or leads."""
        fence = self.fence
        # One that ran out and that nobody else has had begins anew with the very next fence.
        if fence is None or not await self._acquire() or self.fence not in (fence, fence + 1):
            await self.give_up()
            raise LostOwnership("another scheduler leads")

    async def keep(self) -> None:
        """Renew for ever. Raises LostOwnership."""
        pause = RENEW
        while True:
            await rest(pause)
            pause = RENEW
            try:
                await self.renew()
            except LostOwnership:
                raise
            except Unavailable:
                pause = TRY  # a store that is away for a moment; nothing is written meanwhile

    async def give_up(self) -> None:
        """Let somebody else lead; a no-op for whoever does not."""
        self.fence = None
        await self.app.store.release(KEY, self.engine)

    async def _acquire(self) -> bool:
        began = awake()
        self.fence = await self.app.store.acquire(KEY, self.engine, TTL)
        self._renewed = began
        return self.fence is not None

    async def _bury(self) -> set[str]:
        """Take from the dead candidates of this host what they led with; those that live."""
        living = set()
        for key, pair in await self.app.store.scan(NAMESPACE, "scheduler/"):
            engine = key.partition("/")[2]
            if engine == self.engine or pair.value.get("host") != host_name():
                continue
            if living_pid(self.app.settings.paths.data, engine) is not None:
                living.add(engine)
                continue
            await self.app.store.release(KEY, engine)
            await self.app.store.remove(NAMESPACE, key)
        return living
