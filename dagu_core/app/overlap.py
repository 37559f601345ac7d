"""What happens when a start that nobody asked for meets active runs of its DAG or of its group."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from dagu_core.app import decisions
from dagu_core.app.accepting import Hold, accept, ask_to_stop, cause_of, end_waiting, is_held
from dagu_core.app.requests import StartRequest
from dagu_core.app.services import wake_schedulers
from dagu_core.base.errors import AlreadyExists, AlreadyRunning, Conflict, DaguError
from dagu_core.contracts.store import RunQuery
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

ACTIVE = tuple(status for status in RunStatus if status.is_active)
#: seconds a decision may take before somebody else may decide, and between two tries to
_LEASE, _RETRY = 3.0, 0.02
_REFERENCE = re.compile(r"\$\{(\w+)\}|\$(\w+)")

Outcome = Literal["queued", "held", "skipped", "dropped", "exists"]


class Arrival(Struct, frozen=True):
    """What became of a start: `ref` is its run, which exists unless it was skipped or dropped."""

    outcome: Outcome
    ref: RunRef
    detail: str = ""


class Company(Struct, frozen=True):
    """Whom a DAG's runs are counted with: `line` names them, `dags` are their names."""

    line: str
    dags: tuple[str, ...]


def company_of(plan: Plan, others: Sequence[Plan], environ: Mapping[str, str]) -> Company:
    """The DAGs whose runs count for this one: itself, or all of its `overlap.group`."""
    group = _expanded(plan.schedule.overlap.group, environ)
    if not group:
        return Company(plan.name, (plan.name,))
    members = {each.name for each in others if _expanded(each.schedule.overlap.group, environ) == group}
    return Company(f"group {group}", tuple(sorted(members | {plan.name})))


class Turn(Struct, frozen=True):
    """A start that waits for its turn whatever the policy says: until fewer than `limit` runs are
    active, and `delay` seconds after the last one. `why` is the reason code."""

    why: str
    limit: int = 1
    delay: float = 0.0


async def arrive(
    app: App, request: StartRequest, plan: Plan, company: Company, *, due: float, turn: Turn | None = None
) -> Arrival:
    """Bring a start before the overlap policy of its plan: its run is queued, held until there is
    room, or not made, which is recorded.

    `due` orders those that are held. `request` names its run. Raises what `accept` raises, but for
    AlreadyExists.
    """
    ref = RunRef(plan.name, request.run_id)
    policy = plan.schedule.overlap.policy
    try:
        if turn is None and (policy == "allow" or plan.max_active_runs <= 0):
            if (made := await _made_up_for(app, request, plan)) is not None:
                return made
            await accept(app, request)
            return Arrival("queued", ref)
        async with deciding(app, company.line):
            if (made := await _made_up_for(app, request, plan)) is not None:
                return made
            active = await active_runs(app, company.dags)
            if any(one.ref == ref for one in active):
                return Arrival("exists", ref)
            return await _Meeting(app, request, plan, company, active, due, turn).settle()
    except AlreadyExists:
        return Arrival("exists", ref)


async def _made_up_for(app: App, request: StartRequest, plan: Plan) -> Arrival | None:
    """The arrival of a start whose instant a backfill has made up for."""
    from dagu_core.app.slot_runs import backfilled

    ref = await backfilled(app, request, plan.name)
    return None if ref is None else Arrival("exists", ref, "a backfill has made the run of this instant")


async def enqueue_obeying(app: App, request: StartRequest, plan: Plan) -> RunRef:
    """A start by hand that the policy counts as well (`includeManual`): its run. Raises AlreadyRunning
    when there is to be none, and AlreadyExists."""
    arrival = await arrive(app, request, plan, await company_there(app, plan), due=app.clock.now())
    if arrival.outcome == "exists":
        raise AlreadyExists(f"run {arrival.ref} already exists")
    if arrival.outcome == "held":
        await wake_schedulers(app)
    if arrival.outcome in ("skipped", "dropped"):
        raise AlreadyRunning(f"{arrival.detail}, and `overlap.includeManual` is set")
    return arrival.ref


@asynccontextmanager
async def beside_nobody(app: App, plan: Plan) -> AsyncIterator[None]:
    """A start in this process cannot wait: where the policy counts those by hand as well
    (`includeManual`), it is refused while runs are active. Its run is to be created in the block, while
    nobody else decides. Raises AlreadyRunning."""
    if plan.schedule.overlap.policy == "allow" or plan.max_active_runs <= 0:
        yield
        return
    company = await company_there(app, plan)
    async with deciding(app, company.line):
        active = await active_runs(app, company.dags)
        if len(active) >= plan.max_active_runs:
            hint = f"`dagu enqueue {plan.name}` lets the policy decide"
            why = f"run {active[0].ref} is active, and `overlap.includeManual` is set"
            raise AlreadyRunning(why, hint=hint)
        yield


async def company_there(app: App, plan: Plan) -> Company:
    """The company of a DAG by the files there are now."""
    others: list[Plan] = []
    if plan.schedule.overlap.group:
        others = list(_grouped(app))
    return company_of(plan, others, app.settings.environ)


def _grouped(app: App) -> Iterator[Plan]:
    """The DAGs of the folder whose files may name a group; broken ones have no runs to come."""
    in_base = "overlap" in app.dags.base_text().lower()
    for name in app.dags.names():
        for path in app.dags.files_named(name)[:1]:
            with contextlib.suppress(DaguError):
                text = app.dags.text_of(path)
                if in_base or "overlap" in text.lower():
                    yield app.dags.check(text, path=str(path)).plans[0]


async def active_runs(app: App, dags: Sequence[str]) -> list[RunSummary]:
    """The runs of these DAGs that are not over, oldest first; sub-DAG runs count with their roots."""
    found = []
    for dag in dags:
        found += await app.store.find(RunQuery(dag=dag, statuses=ACTIVE, limit=100_000))
    return sorted(found, key=lambda one: one.created_at)


class _Meeting(Struct, frozen=True):
    """A start and the active runs it meets."""

    app: App
    request: StartRequest
    plan: Plan
    company: Company
    active: Sequence[RunSummary]
    due: float
    turn: Turn | None

    async def settle(self) -> Arrival:
        ref = RunRef(self.plan.name, self.request.run_id)
        rule = self.plan.schedule.overlap
        most = self.turn.limit if self.turn else self.plan.max_active_runs
        held = [one for one in self.active if is_held(one)]
        busy = [one for one in self.active if not is_held(one)]
        if len(busy) < most and not held:
            await accept(self.app, self.request)
            return Arrival("queued", ref)
        first = (busy or held)[0].ref
        policy = "queue" if self._joins() else rule.policy
        queued = [one for one in self.active if one.status is RunStatus.QUEUED]
        if policy == "skip":
            return await self._without(ref, "skipped", "overlap", f"run {first} is active")
        if policy == "queue" and self.turn is None and len(queued) >= rule.max_queued:
            return await self._without(ref, "dropped", "max_queued", f"{len(queued)} runs wait already")
        if policy in ("latest", "cancel", "terminate"):
            for one in queued:
                await self._supersede(one, ref)
        if policy in ("cancel", "terminate"):
            for one in busy:
                if one.status is RunStatus.RUNNING:
                    await ask_to_stop(self.app, one, f"superseded by {ref}", force=policy == "terminate")
        why, delay = (self.turn.why, self.turn.delay) if self.turn else ("overlap", 0.0)
        hold = Hold(self.company.line, self.company.dags, most, self.due, why, delay)
        await accept(self.app, self.request, hold)
        return Arrival("held", ref, f"waits for {first}")

    def _joins(self) -> bool:
        """Whether it waits for its turn: so do starts that meet a batch of those being caught up,
        or a backfill, for which no live start is given up."""
        if self.turn is not None:
            return True
        if self.plan.schedule.overlap.explicit:
            return False
        causes = {cause_of(one).type for one in self.active}
        return "catchup" in causes or causes == {"backfill"}

    async def _without(
        self, ref: RunRef, outcome: Literal["skipped", "dropped"], reason: str, detail: str
    ) -> Arrival:
        fire = str(self.request.trigger.get("fire", ""))
        await decisions.record(self.app, ref.dag, outcome, reason, detail, due=self.due, fire=fire)
        return Arrival(outcome, ref, detail)

    async def _supersede(self, one: RunSummary, by: RunRef) -> None:
        """End a run that waits; those asked for by hand, and those of a batch, stay."""
        cause = cause_of(one)
        if cause.type in ("", "catchup", "backfill"):
            return
        with contextlib.suppress(Conflict):  # it began meanwhile
            await end_waiting(self.app, one, "superseded")
            detail = f"run {one.ref} was waiting; {by} takes its place"
            await decisions.record(
                self.app, one.ref.dag, "superseded", "overlap", detail, due=cause.due, fire=cause.fire
            )


@asynccontextmanager
async def deciding(app: App, line: str) -> AsyncIterator[None]:
    """Nobody else decides about these runs meanwhile, in whatever process."""
    key, owner = f"overlap/{line}", f"d{app.clock.new_token(12)}"
    while await app.store.acquire(key, owner, _LEASE) is None:
        await asyncio.sleep(_RETRY)
    try:
        yield
    finally:
        await app.store.release(key, owner)


def _expanded(group: str, environ: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: environ.get(found[1] or found[2], found[0]), group)
