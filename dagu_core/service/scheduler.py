"""The scheduler service: a candidate that leads when nobody else does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from dagu_core.app import decisions
from dagu_core.app.services import RENEWED, register, unregister
from dagu_core.base.errors import Conflict, DaguError, LostOwnership, Unavailable
from dagu_core.engine.liveness import EngineLock, hear
from dagu_core.service.beat import rest
from dagu_core.service.caretaker import Caretaker
from dagu_core.service.definitions import Changes, Definitions
from dagu_core.service.ending import end
from dagu_core.service.folder_watch import FolderWatch
from dagu_core.service.leadership import Leadership
from dagu_core.service.reign import Reign
from dagu_core.service.trigger_crew import TriggerCrew

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: seconds everything gets to let go at the end
PATIENCE = 1.0
#: seconds of looking at files of which only a part was read, and of leaving that
CHECK, PAUSE = 0.02, 0.2


class Scheduler:
    """One candidate; make it with `candidate`. `say` hears what people should know. One that is
    `alone` has no runners beside it, and does what they do besides carrying out runs."""

    def __init__(self, app: App, engine: str, say: Callable[[str], None], *, alone: bool = False) -> None:
        self.app, self.engine, self._say = app, engine, say
        self.definitions = Definitions(app, self._broken)
        self.leadership = Leadership(app, engine)
        self._caretaker = Caretaker(app, engine, say) if alone else None
        self._reign: Reign | None = None
        self._crew: TriggerCrew | None = None
        self._since = app.clock.now()
        #: called whenever this process begins to lead
        self.on_lead: Callable[[], None] = lambda: None
        #: set when somebody pokes this process
        self.woken = asyncio.Event()
        self._listens = False
        #: set when there are files of which only a part was read
        self._unchecked = asyncio.Event()
        self._reports: list[tuple[str, str]] = []

    def health(self) -> dict[str, Any]:
        """How it fares, as data."""
        return {
            "status": "healthy",
            "leader": self._reign is not None,
            "engine": self.engine,
            "pid": os.getpid(),
            "dags": self._reign.scheduled if self._reign is not None else len(self.definitions.plans),
            "problems": self.definitions.problems,
        }

    async def serve(self, stop: asyncio.Event) -> None:
        """Lead whenever possible, until `stop` is set; then let go of everything."""
        await self._note()
        await asyncio.to_thread(self.definitions.refresh)
        tasks = [asyncio.create_task(each()) for each in (self._keep_note, self._watch, self._hear)]
        work = asyncio.create_task(self._lead_for_ever())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for each in (work, *tasks):
                if each.done():
                    each.result()
        finally:
            await end([work, stopped, *tasks])
            with contextlib.suppress(DaguError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self.leadership.give_up()
                    await unregister(self.app, "scheduler", self.engine)

    async def one_pass(self) -> Reign:
        """Do what is due by the clock of the app, once. Raises Conflict while another one leads."""
        await asyncio.to_thread(self.definitions.refresh)
        await self._note()
        try:
            if not await self.leadership.try_once():
                raise Conflict("another scheduler leads", hint="stop it first, or look at what it does")
            reign = Reign(self.app, self.definitions, self.leadership.sure, self._told)
            await reign.prepare()
            await self._report()
            await reign.one_pass()
            while self.definitions.has_unchecked:
                await self._check_some()
        finally:
            await self.leadership.give_up()
            await unregister(self.app, "scheduler", self.engine)
        return reign

    async def _lead_for_ever(self) -> None:
        while True:
            try:
                await self.leadership.win()
                await self._lead()
            except LostOwnership:
                self._say("another scheduler leads: standing by")
            except Unavailable as error:
                self._say(str(error))
                await asyncio.sleep(PATIENCE)

    async def _lead(self) -> None:
        reign = Reign(self.app, self.definitions, self.leadership.sure, self._told)
        keeping = asyncio.create_task(self.leadership.keep())
        crew = TriggerCrew(self.app, reign.firing, reign.arrived)
        tasks = [keeping]
        try:
            await reign.prepare()
            await self._report()
            await crew.update(self.definitions.plans.values())
            self._reign, self._crew = reign, crew
            self.on_lead()
            await self._note()
            self._say(f"leading: {reign.scheduled} scheduled DAGs")
            serving = asyncio.create_task(reign.serve())
            self._unchecked.set()
            tasks += [serving, asyncio.create_task(self._check_files())]
            if self._caretaker is not None:
                tasks.append(asyncio.create_task(self._caretaker.serve()))
            done, _ = await asyncio.wait({keeping, serving}, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            self._reign = self._crew = None
            await end(tasks)
            await crew.close()
            if self.leadership.leads:
                with contextlib.suppress(DaguError, TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await reign.mark()

    async def _watch(self) -> None:
        suspended = self.app.settings.paths.suspend
        folders = [self.definitions.folder, self.definitions.base.parent, suspended]
        async for paths in FolderWatch(folders).changes():
            changes = await asyncio.to_thread(self.definitions.refresh, paths)
            if self.definitions.has_unchecked:
                self._unchecked.set()
            await self._report()
            reign, crew = self._reign, self._crew
            if reign is not None and paths is not None and any(path.parent == suspended for path in paths):
                reign.look_again()
            if changes == Changes() or reign is None or crew is None:
                continue
            try:
                await reign.change(changes)
                await crew.update(self.definitions.plans.values())
            except Unavailable as error:
                reign.abandon(error)  # the next one reads everything anew

    async def _check_files(self) -> None:
        while True:
            await self._unchecked.wait()
            await self._check_some()
            if not self.definitions.has_unchecked:
                self._unchecked.clear()
            await asyncio.sleep(PAUSE)

    async def _check_some(self) -> None:
        await asyncio.to_thread(self.definitions.check_some, CHECK)
        await self._report()

    async def _hear(self) -> None:
        while True:
            await self.woken.wait()
            self.woken.clear()
            if self._reign is not None:
                self._reign.look_again()

    def _broken(self, dag: str, text: str) -> None:
        """From the thread that reads files: only kept."""
        self._reports.append((dag, text))

    def _told(self, dag: str, text: str) -> None:
        self._say(f"{dag}: {text}")

    async def _report(self) -> None:
        """Tell of broken files; the leader keeps it, too."""
        reports, self._reports = self._reports, []
        for dag, text in reports:
            self._told(dag, text)
            if self.leadership.leads:
                with contextlib.suppress(Unavailable):
                    first = text.splitlines()[0][:500]
                    await decisions.record(self.app, dag, "refused", "definition", first)

    async def _note(self) -> None:
        leads = self._reign is not None
        facts = {"leader": leads, "listens": self._listens}
        await register(self.app, "scheduler", self.engine, self._since, **facts)

    def listen(self) -> None:
        """Hear those who poke this process; in another thread than the first one nobody can."""
        self._listens = hear([signal.SIGUSR1], lambda number: self.woken.set())

    async def _keep_note(self) -> None:
        while True:
            await rest(RENEWED)
            with contextlib.suppress(Unavailable):
                await self._note()


@asynccontextmanager
async def candidate(
    app: App, say: Callable[[str], None] = lambda text: None, *, alone: bool = False
) -> AsyncIterator[Scheduler]:
    """A scheduler of this process, which lives as long as its engine lock is held."""
    engine = f"s{app.clock.new_token(12)}"
    lock = EngineLock(app.settings.paths.data, engine)
    scheduler = Scheduler(app, engine, say, alone=alone)
    scheduler.listen()  # before anybody can find us
    try:
        lock.hold()
    except OSError as error:
        raise Unavailable(f"cannot write {error.filename}: {error.strerror}") from None
    try:
        yield scheduler
    finally:
        lock.release()


def log_to_stderr(text: str) -> None:
    """Say it where the log of a service goes."""
    sys.stderr.write(f"scheduler: {text}\n")
    sys.stderr.flush()
