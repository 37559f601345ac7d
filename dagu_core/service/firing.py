"""Does what a slot says: starts, stops or restarts its DAG, or records why it does not."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dagu_core.app import decisions
from dagu_core.app.accepting import Hold, accept, ask_to_stop, cause_of
from dagu_core.app.overlap import Arrival, Company, Turn, active_runs, arrive, company_of
from dagu_core.app.requests import StartRequest
from dagu_core.app.scheduled import request_of
from dagu_core.base.errors import AlreadyExists, DaguError, LostOwnership, Unavailable
from dagu_core.contracts.store import RunQuery
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus
from dagu_core.schedule.identity import run_id_of
from dagu_core.schedule.slots import Slot
from dagu_core.service.marks import NAMESPACE
from dagu_core.service.timetable import Due

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.decisions import Decision, Kind

#: gaps are noted under these keys
_GAPS = "gap/"
#: causes that are the schedule's own doing: a success of these does not make the next start needless
_OWN = frozenset({"schedule", "catchup", "backfill"})


class Firing:
    """Carries out what is due. `plans` tells all DAGs there are, `sure` raises LostOwnership when
    somebody else may lead by now, `arrived` hears of every run that came to be, `decided` of what
    is kept beside."""

    def __init__(
        self,
        app: App,
        plans: Callable[[], Sequence[Plan]],
        sure: Callable[[], Awaitable[None]],
        arrived: Callable[[Arrival], None],
        decided: Callable[[Decision], None] = lambda decision: None,
    ) -> None:
        self.app, self._plans, self.sure = app, plans, sure
        self._arrived, self._decided = arrived, decided
        self._suspended: set[str] = set()
        #: DAGs whose suspension counts as a gap once it ends, and since when nothing was done
        self.gaps: dict[str, float] = {}

    async def fire(self, due: Due) -> None:
        """Do what a slot says. Once it returns, the slot was handled for good.

        Raises LostOwnership and Unavailable: then it was not.
        """
        plan, slot = due.line.plan, due.slot
        if (suspension := self.app.schedules.suspension(plan.source.path)) is not None:
            if plan.schedule.catch_up.on_unsuspend:
                await self._remember(plan, slot)
            if plan.name not in self._suspended:
                self._suspended.add(plan.name)
                told = suspension.sentence(self.app.schedules.zone_of(plan))
                detail = f"{told}: nothing of its schedule is done meanwhile"
                await self.decide(plan.name, "skipped", "suspended", detail, slot.due)
            return
        self._suspended.discard(plan.name)
        await self.sure()
        if slot.skipped:
            detail = slot.skipped if slot.action == "start" else f"no {slot.action}: {slot.skipped}"
            await self.decide(plan.name, "skipped", "filtered", detail, slot.due, action=slot.action)
            return
        run_id = run_id_of(slot)
        try:
            if slot.action == "stop":
                await self.stop(plan, slot.due, slot.at)
            elif slot.action == "restart":
                request = request_of(self.app, plan, slot, run_id, type="schedule", previous=None)
                await self.restart(plan, request, slot.due, slot.at)
            else:
                previous = due.previous
                if previous is None:
                    previous = due.line.planner.previous_due("start", slot.due)
                if not await self._is_needless(plan, slot, previous):
                    request = request_of(self.app, plan, slot, run_id, type="schedule", previous=previous)
                    await self.start(plan, request, slot.due, warning=slot.warning)
        except (LostOwnership, Unavailable):
            raise
        except DaguError as error:
            await self.decide(
                plan.name, "refused", error.code, first_line(error), slot.due, action=slot.action
            )

    async def load_gaps(self) -> None:
        """Read the gaps that the last leader has noted."""
        pairs = await self.app.store.scan(NAMESPACE, _GAPS, limit=100_000)
        self.gaps = {key.removeprefix(_GAPS): float(pair.value) for key, pair in pairs}

    async def close_gap(self, dag: str) -> None:
        """Forget the gap of a DAG: it was looked after."""
        self.gaps.pop(dag, None)
        await self.app.store.remove(NAMESPACE, _GAPS + dag)

    async def _remember(self, plan: Plan, slot: Slot) -> None:
        if plan.name not in self.gaps:
            await self.app.store.put(NAMESPACE, _GAPS + plan.name, slot.at)
            self.gaps[plan.name] = slot.at

    async def start(
        self, plan: Plan, request: StartRequest, due: float, turn: Turn | None = None, warning: str = ""
    ) -> Arrival:
        """Bring a start before the overlap policy of its DAG; the `warning` is kept if it is made."""
        arrival = await arrive(self.app, request, plan, self.company(plan), due=due, turn=turn)
        self._arrived(arrival)
        if warning and arrival.outcome in ("queued", "held"):
            self._decided(await decisions.tally(self.app, plan.name, "warned", "filtered", warning))
        return arrival

    async def decide(
        self,
        dag: str,
        kind: Kind,
        reason: str,
        detail: str,
        due: float | None = None,
        fire: str = "",
        action: str = "start",
    ) -> None:
        """Keep a decision, and tell of it."""
        self._decided(
            await decisions.record(self.app, dag, kind, reason, detail, due=due, fire=fire, action=action)
        )

    def is_suspended(self, plan: Plan) -> bool:
        """Whether somebody has suspended the schedules of the DAG."""
        return self.app.schedules.is_suspended(plan.source.path)

    def company(self, plan: Plan) -> Company:
        """Whom its runs are counted with."""
        others = self._plans() if plan.schedule.overlap.group else ()
        return company_of(plan, others, self.app.settings.environ)

    async def stop(self, plan: Plan, due: float, before: float, fire: str = "") -> None:
        """Ask the runs to stop that began before `before`: what is younger was started by somebody
        who knew better."""
        running = await self._running(plan, before)
        for one in running:
            await ask_to_stop(self.app, one, "schedule")
        if not running:
            detail = "nothing to stop: no run is running"
            await self.decide(plan.name, "skipped", "not_running", detail, due, fire, "stop")

    async def restart(
        self, plan: Plan, request: StartRequest, due: float, before: float, fire: str = ""
    ) -> None:
        """Stop what runs, and run the same again once it has ended, after `restartWaitSec`."""
        running = await self._running(plan, before)
        if not running:
            detail = "nothing to restart: no run is running"
            await self.decide(plan.name, "skipped", "not_running", detail, due, fire, "restart")
            return
        request = replace(request, dag=plan.name, from_run_id=running[-1].ref.run_id)
        hold = Hold(self.company(plan).line, (plan.name,), 1, due, "restart", plan.restart_wait)
        with contextlib.suppress(AlreadyExists):  # the last leader came so far
            await accept(self.app, request, hold)
        for one in running:
            await ask_to_stop(self.app, one, "restart by schedule")
        self._arrived(Arrival("held", RunRef(plan.name, request.run_id)))

    async def _running(self, plan: Plan, before: float) -> list[RunSummary]:
        active = await active_runs(self.app, [plan.name])
        return [one for one in active if one.status is RunStatus.RUNNING and one.created_at < before]

    async def _is_needless(self, plan: Plan, slot: Slot, previous: float | None) -> bool:
        """Whether somebody did the work since the last start (skipIfSuccessful), which is recorded."""
        if not plan.skip_if_successful or previous is None:
            return False
        query = RunQuery(dag=plan.name, statuses=(RunStatus.SUCCEEDED,), since=previous, limit=100)
        for one in await self.app.store.find(query):
            if cause_of(one).type not in _OWN:
                detail = f"run {one.ref} has succeeded since the previous start (skipIfSuccessful)"
                await self.decide(plan.name, "skipped", "successful", detail, slot.due)
                return True
        return False


def first_line(error: DaguError) -> str:
    """What is wrong, without the lines that show where."""
    return str(error).split("\n", 1)[0][:500]
