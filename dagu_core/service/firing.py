"""Does what a slot says: starts, stops or restarts its DAG, or records why it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from dagu_core.app import decisions
from dagu_core.app.accepting import Hold, accept, ask_to_stop, cause_of
from dagu_core.app.overlap import Arrival, Company, Turn, active_runs, arrive, company_of
from dagu_core.app.requests import StartRequest
from dagu_core.app.scheduled import request_of
from dagu_core.base.errors import AlreadyExists, DaguError, LostOwnership, Unavailable
from dagu_core.contracts.store import RunQuery
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus
from dagu_core.schedule.identity import run_id_of
from dagu_core.schedule.slots import Slot
from dagu_core.service.timetable import Due

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: causes that are the schedule's own doing: a success of these does not make the next start needless
_OWN = frozenset({"schedule", "catchup", "backfill"})


class Firing:
    """Carries out what is due. `plans` tells all DAGs there are, `sure` raises LostOwnership when
    somebody else may lead by now, `arrived` hears of every run that came to be."""

    def __init__(
        self,
        app: App,
        plans: Callable[[], Sequence[Plan]],
        sure: Callable[[], Awaitable[None]],
        arrived: Callable[[Arrival], None],
    ) -> None:
        self.app, self._plans, self._sure, self._arrived = app, plans, sure, arrived
        self._suspended: set[str] = set()

    async def fire(self, due: Due) -> None:
        """Do what a slot says. Once it returns, the slot was handled for good.

        Raises LostOwnership and Unavailable: then it was not.
        """
        plan, slot = due.line.plan, due.slot
        if self.is_suspended(plan):
            if plan.name not in self._suspended:
                self._suspended.add(plan.name)
                detail = "suspended: nothing of its schedule is done until it is resumed"
                await self._record(plan, "skipped", "suspended", detail, slot)
            return
        self._suspended.discard(plan.name)
        await self._sure()
        if slot.skipped:
            await self._record(plan, "skipped", "filtered", slot.skipped, slot)
            return
        try:
            if slot.action == "start":
                await self._start(plan, slot, due)
            elif slot.action == "stop":
                await self._stop(plan, slot)
            else:
                await self._restart(plan, slot)
        except (LostOwnership, Unavailable):
            raise
        except DaguError as error:
            await self._record(plan, "refused", error.code, str(error), slot)

    async def start(
        self, plan: Plan, request: StartRequest, due: float, turn: Turn | None = None
    ) -> Arrival:
        """Bring a start before the overlap policy of its DAG."""
        arrival = await arrive(self.app, request, plan, self.company(plan), due=due, turn=turn)
        self._arrived(arrival)
        return arrival

    def is_suspended(self, plan: Plan) -> bool:
        """Whether somebody has suspended the schedules of the DAG."""
        return self.app.schedules.is_suspended(plan.source.path)

    def company(self, plan: Plan) -> Company:
        """Whom its runs are counted with."""
        others = self._plans() if plan.schedule.overlap.group else ()
        return company_of(plan, others, self.app.settings.environ)

    async def _start(self, plan: Plan, slot: Slot, due: Due) -> None:
        previous = due.previous
        if previous is None:
            previous = due.line.planner.previous_due("start", slot.due)
        if plan.skip_if_successful and previous is not None:
            query = RunQuery(dag=plan.name, statuses=(RunStatus.SUCCEEDED,), since=previous, limit=100)
            for one in await self.app.store.find(query):
                if cause_of(one).type not in _OWN:
                    detail = f"run {one.ref} has succeeded since the previous start (skipIfSuccessful)"
                    await self._record(plan, "skipped", "successful", detail, slot)
                    return
        request = request_of(self.app, plan, slot, run_id_of(slot), type="schedule", previous=previous)
        await self.start(plan, request, slot.due)

    async def _stop(self, plan: Plan, slot: Slot) -> None:
        running = [one for one in await active_runs(self.app, [plan.name]) if one.status is RunStatus.RUNNING]
        # What began later was started by somebody who knew better.
        running = [one for one in running if one.created_at < slot.at]
        for one in running:
            await ask_to_stop(self.app, one, "schedule")
        if not running:
            await self._record(plan, "skipped", "not_running", "nothing to stop: no run is running", slot)

    async def _restart(self, plan: Plan, slot: Slot) -> None:
        ref = RunRef(plan.name, run_id_of(slot))
        active = await active_runs(self.app, [plan.name])
        running = [
            one
            for one in active
            if one.status is RunStatus.RUNNING and one.created_at < slot.at and one.ref != ref
        ]
        if not running:
            if not any(one.ref == ref for one in active):
                await self._record(
                    plan, "skipped", "not_running", "nothing to restart: no run is running", slot
                )
            return
        request = request_of(
            self.app,
            plan,
            slot,
            ref.run_id,
            type="schedule",
            previous=None,
            from_run_id=running[-1].ref.run_id,
            dag=plan.name,
        )
        company = self.company(plan)
        hold = Hold(company.line, (plan.name,), 1, slot.due, "restart", plan.restart_wait)
        try:
            await accept(self.app, request, hold)
        except AlreadyExists:
            pass  # the last leader came so far
        for one in running:
            await ask_to_stop(self.app, one, "restart by schedule")
        self._arrived(Arrival("held", ref))

    async def _record(self, plan: Plan, kind: str, reason: str, detail: str, slot: Slot) -> None:
        await decisions.record(self.app, plan.name, kind, reason, detail, due=slot.due)
