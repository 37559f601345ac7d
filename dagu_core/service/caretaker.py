"""What runners do besides, done by the leading scheduler when it has none of its own: dead runs are
taken over, and the past is kept within its limits."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagu_core.app import recovery
from dagu_core.app.services import services
from dagu_core.engine.liveness import dead_engines, host_name, locks_folder
from dagu_core.service.beat import BEAT
from dagu_core.service.folder_watch import FolderWatch
from dagu_core.service.holding import patience
from dagu_core.service.housekeeping import Housekeeping

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.model.run.run import RunRef

#: seconds: runners that are starting get so long to do it themselves; between two looks, while there
#: are dead engines and for deaths nobody told of; and before a run that stays dead is tried once more
FIRST, LOOK, SLOW_LOOK, AGAIN = 4.0, 2.0, BEAT, 60.0


class Caretaker:
    """That of one scheduler. `say` hears what people should know."""

    def __init__(self, app: App, engine: str, say: Callable[[str], None]) -> None:
        self._app, self._engine, self._say = app, engine, say
        self._tried: dict[RunRef, float] = {}
        self._at_work: list[subprocess.Popen[bytes]] = []

    async def serve(self) -> None:
        """Take care, for ever. What was begun goes on when this is cancelled."""
        house = asyncio.create_task(Housekeeping(self._engine).serve(self._app))
        folder = locks_folder(self._app.settings.paths.data)
        try:
            await asyncio.sleep(FIRST)
            async with contextlib.aclosing(FolderWatch([folder], every=SLOW_LOOK).changes()) as changes:
                async for _ in changes:
                    while dead_engines(self._app.settings.paths.data):
                        with patience():
                            await self.look()
                        await asyncio.sleep(LOOK)
        finally:
            house.cancel()

    async def look(self) -> None:
        """Have the dead runs of this host taken over, in a process of their own, unless a runner of
        this host lives: it sees to them."""
        self._at_work = [one for one in self._at_work if one.poll() is None]
        if not dead_engines(self._app.settings.paths.data):
            return
        if any(one.host == host_name() for one in await services(self._app, "runner")):
            return
        await self._app.queues.release_left()
        dead = await recovery.dead_roots(self._app)
        now = time.monotonic()
        self._tried = {ref: self._tried.get(ref, -math.inf) for ref in dead}
        if fresh := [ref for ref, at in self._tried.items() if now - at > AGAIN]:
            self._tried |= dict.fromkeys(fresh, now)
            self._say(f"taking over {', '.join(map(str, fresh[:5]))}{' and others' * (len(fresh) > 5)}")
            self._at_work.append(self._recover())
        elif not dead:
            await recovery.tidy_up(self._app)

    def _recover(self) -> subprocess.Popen[bytes]:
        environ = dict(os.environ)
        if home := self._app.settings.home:
            environ["DAGU_HOME"] = str(home)
        # In a session of its own: the runs it drives outlive this scheduler, like any other run.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "dagu_core", "recover"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,
        )
