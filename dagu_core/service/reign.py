"""The time a scheduler leads: what is due is done, what was missed looked after, what waits let go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from dagu_core.app.decisions import Decision
from dagu_core.app.overlap import Arrival
from dagu_core.app.services import wake_runners
from dagu_core.base.errors import DaguError, Unavailable
from dagu_core.model.plan.plan import Plan
from dagu_core.service.backfills import BackfillLoop
from dagu_core.service.beat import BEAT, heard
from dagu_core.service.catching_up import CatchingUp
from dagu_core.service.clock_watch import ClockWatch
from dagu_core.service.definitions import Changes, Definitions
from dagu_core.service.ending import end
from dagu_core.service.firing import Firing
from dagu_core.service.holding import Holding, patience
from dagu_core.service.marks import Marks
from dagu_core.service.timetable import Due, Missed, Timetable, line_of
from dagu_core.service.work import Work

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: seconds between two looks at the clock, where nobody tells that it was set; and between two marks
LOOK, MARK = 1.0, 0.5
#: a clock that went back by more than this is planned anew
_BACK = 60.0
#: DAGs planned, and items begun, before others have their turn
_BREATH = 100


class Reign:
    """One period of leadership. `sure` raises LostOwnership when it may be over; `say` hears of
    what people should know about a DAG."""

    def __init__(
        self,
        app: App,
        definitions: Definitions,
        sure: Callable[[], Awaitable[None]],
        say: Callable[[str, str], None],
    ) -> None:
        self.app, self.definitions, self.sure, self._say = app, definitions, sure, say
        self.firing = Firing(app, lambda: definitions.counted, sure, self.arrived, self._decided)
        self.timetable = Timetable()
        #: what came of a single pass, in order; one that serves keeps nothing
        self.outcomes: list[Arrival | Decision] = []
        self._is_serving = False
        self._holding = Holding(app, sure, self.arrived)
        self._backfills = BackfillLoop(app, sure, self.firing.company)
        self._catching_up = CatchingUp(app, self.firing)
        self._news, self._queued = asyncio.Event(), asyncio.Event()
        self._looked = 0.0
        #: set when there is something to keep or to tell
        self._touched = asyncio.Event()
        self._work = Work(self._carry_out, self._touched, self.abandon)
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # -- the table -------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Read the marks and put every DAG where the last leader left it."""
        now = self.app.clock.now()
        self.marks = await Marks.load(self.app)
        await self.firing.load_gaps()
        plans = self.definitions.plans
        await self.marks.meet(plans.values(), self.marks.dags - plans.keys(), now)
        self._looked = self.marks.passed
        for number, plan in enumerate(list(plans.values())):
            self._put(plan, self.marks.passed)
            if number % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)

    @property
    def scheduled(self) -> int:
        """How many DAGs something can come of."""
        plans = self.definitions.plans.items()
        return sum(name in self.timetable.lines or bool(plan.schedule.triggers) for name, plan in plans)

    async def change(self, changes: Changes) -> None:
        """Files have changed: plan the DAGs anew that are due at other times, from now on."""
        now = self.app.clock.now()
        plans = self.definitions.plans
        await self.sure()
        await self.marks.meet([plans[name] for name in changes.changed], changes.gone, now)
        for name in changes.gone:
            self.timetable.remove(name)
        for name in changes.changed:
            line = self.timetable.lines.get(name)
            if line is not None and (line.plan.schedule, line.plan.fields) == (
                plans[name].schedule,
                plans[name].fields,
            ):
                line.plan = plans[name]
            else:
                self._put(plans[name], now)
        self._news.set()
        self.look_again()

    def look_again(self) -> None:
        """Somebody has held a run, made a backfill, resumed a DAG, or says there may be something."""
        for event in (self._holding.news, self._backfills.news, self._touched):
            event.set()

    def _put(self, plan: Plan, after: float) -> None:
        seen = self.marks.seen(plan.name)
        late = self.app.settings.scheduler.misfire_threshold
        try:
            self.timetable.put(
                line_of(plan, lambda plan: self.app.schedules.planner(plan, seen), seen, after, late)
            )
        except Exception as error:  # its plugin is missing, or broken; the other DAGs go on
            self.timetable.remove(plan.name)
            hint = error.hint if isinstance(error, DaguError) else ""
            self.timetable.broken[plan.name] = f"{error}; {hint}" if hint else str(error)

    def _set_back(self, now: float) -> None:
        """The clock was set back to `now`: go on from there. What was done is told by the runs' ids."""
        self._looked = now
        self.marks.set_back(now)
        for line in list(self.timetable.lines.values()):
            self._put(line.plan, now)

    # -- what is due -----------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Do what is due when it is due, for ever. Raises LostOwnership."""
        self._is_serving = True
        loops = (self._keep_time, self._wake, self._holding.serve, self._keep_marks, self._backfills.serve)
        tasks = [asyncio.create_task(each()) for each in loops]
        waits: list[asyncio.Future[None]] = [*tasks, self._over]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            await end([*tasks, *self._work.tasks])
            if not self._over.done():
                self._over.cancel()

    async def one_pass(self) -> None:
        """Do what is due by now, and wait until it is done."""
        await self._close_gaps()
        while not self._take(self.app.clock.now()):
            pass
        await asyncio.gather(*self._work.tasks)
        if self._over.done():
            self._over.result()
        await self.mark()
        await self._tell_broken()
        await wake_runners(self.app)

    async def mark(self) -> None:
        """Keep up to when everything was handled."""
        if self._touched.is_set():
            self._touched.clear()
            try:
                await self.sure()
                await self.marks.pass_(self._work.oldest(self._looked + 0.001) - 0.001)
            except Unavailable:
                self._touched.set()
                raise

    async def _keep_time(self) -> None:
        with ClockWatch(self._news) as watch:
            await self._do_in_time(BEAT if watch.tells else LOOK)

    async def _do_in_time(self, most: float) -> None:
        before, counted = self.app.clock.now(), time.monotonic()
        while True:
            self._news.clear()
            now, counts = self.app.clock.now(), time.monotonic()
            if (now - before) - (counts - counted) < -_BACK:
                self._set_back(now)
            before, counted = now, counts
            if not self._take(now):
                await asyncio.sleep(0)
                continue
            at = self.timetable.next_at()
            wait = most if at is None else min(most, max(0.0, at - self.app.clock.now()))
            await heard(self._news, wait)

    def _take(self, now: float) -> bool:
        """Begin what is due; whether that was all of it."""
        taken = list(self.timetable.pop(now, _BREATH))
        for each in taken:
            self._work.begin(each)
        if self.timetable.broken:
            self._touched.set()
        if (at := self.timetable.next_at()) is not None and at <= now:
            return False
        self._looked = max(self._looked, now)
        return True

    async def _carry_out(self, each: Due | Missed) -> None:
        try:
            if isinstance(each, Missed):
                await self._catching_up.handle(each)
            else:
                await self.firing.fire(each)
        except Unavailable:
            raise  # what is due stays due
        except Exception as error:  # of a plugin, maybe; the other DAGs go on
            self.timetable.broken[each.line.plan.name] = f"{type(error).__name__}: {error}"

    # -- what follows ----------------------------------------------------------------------------------

    def arrived(self, arrival: Arrival) -> None:
        if not self._is_serving:
            self.outcomes.append(arrival)
        if arrival.outcome == "held":
            self._holding.news.set()
        elif arrival.outcome in ("queued", "exists"):
            self._queued.set()

    def _decided(self, decision: Decision) -> None:
        if not self._is_serving:
            self.outcomes.append(decision)

    async def _wake(self) -> None:
        while True:
            await self._queued.wait()
            self._queued.clear()
            with patience():
                await wake_runners(self.app)
            await asyncio.sleep(0.01)

    async def _keep_marks(self) -> None:
        while True:
            with patience():
                await self.mark()
                await self._close_gaps()
                await self._tell_broken()
            if await heard(self._touched, BEAT):
                await asyncio.sleep(MARK)

    async def _tell_broken(self) -> None:
        while self.timetable.broken:
            dag, problem = self.timetable.broken.popitem()
            self._say(dag, problem)
            await self.firing.decide(dag, "refused", "schedule", problem)

    def abandon(self, error: Exception) -> None:
        """End this period of leadership: what it knows may not be what there is."""
        if not self._over.done():
            self._over.set_exception(error)

    async def _close_gaps(self) -> None:
        """Look after suspensions that count as gaps and have ended."""
        for dag, since in list(self.firing.gaps.items()):
            line = self.timetable.lines.get(dag)
            if line is not None and self.firing.is_suspended(line.plan):
                continue
            if line is not None:
                await self._catching_up.handle(Missed(line, since - 0.001, self.app.clock.now()))
            await self.sure()
            await self.firing.close_gap(dag)
