"""Use cases on backfills: make up for runs of the past, watch them, pause and cancel them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, to_builtins
from msgspec.structs import astuple, fields, replace
from pydantic.alias_generators import to_camel

from dagu_core.app import backfill_results
from dagu_core.app.accepting import PATIENCE, cause_of
from dagu_core.app.backfill_overlap import Companies
from dagu_core.app.backfill_results import EXISTS, MADE, REFUSED, SlotResult, request_for
from dagu_core.app.backfill_slots import FAILED, BackfillRequest, Instant, instants_of
from dagu_core.app.scheduled import written
from dagu_core.app.services import wake_schedulers
from dagu_core.base.errors import Conflict, Invalid, NotFound
from dagu_core.engine.new_run import evaluate_params, secrets_of
from dagu_core.model.plan.plan import Plan, Source
from dagu_core.model.run.run import RunSummary
from dagu_core.schedule.identity import backfill_run_id

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: how they stand; what they cover, written once
NAMESPACE, SLOTS = "backfills", "backfill-slots"
OVER = ("done", "cancelled")


class Backfill(Struct, frozen=True):
    """A backfill as it stands. `state` is running, paused, cancelled or done. Of its `total` slots
    `made` got their runs, `existing` had one from elsewhere by then, `refused` could get none. Times in
    epoch seconds."""

    id: str
    dag: str
    path: str
    state: str
    created_at: float
    since: float
    until: float
    order: str
    reprocess: str
    max_active: int
    total: int
    made: int = 0
    existing: int = 0
    refused: int = 0
    params: str | None = None
    queue: str = ""
    priority: int | None = None
    zone: str = ""
    #: whether its one run is for the whole stretch of time
    single: bool = False
    #: whether all of its runs have the definition of its creation
    pinned: bool = True

    @property
    def settled(self) -> int:
        """How many slots something became of; they are those at the front."""
        return self.made + self.existing + self.refused

    def counting(self, outcome: str) -> Backfill:
        """The same with the outcome of one more slot."""
        return replace(
            self,
            made=self.made + (outcome == MADE),
            existing=self.existing + (outcome == EXISTS),
            refused=self.refused + (outcome == REFUSED),
        )

    def run_id(self, due: float) -> str:
        """The id of its run for an instant."""
        return backfill_run_id(self.id, due)


class Covered(Struct, frozen=True):
    """What a backfill covers, in the order of its runs, and the definition they have; None = the one
    there is when each is made."""

    instants: list[Instant]
    source: Source | None = None


class Backfills:
    """What may be asked of backfills."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def preview(self, request: BackfillRequest) -> tuple[Plan, list[Instant]]:
        """The plan and the instants a backfill would cover, in the order of its runs; nothing is
        created. Raises NotFound, InvalidDefinition, Invalid, UsageError."""
        plan = self.app.dags.read(request.dag).plans[0]
        if request.queue:
            self.app.runs.check_asked(request.queue, plan)
        return plan, await instants_of(self.app, plan, request)

    async def create(self, request: BackfillRequest) -> Backfill:
        """Record a backfill; the leading scheduler makes its runs. Raises what `preview` raises, what
        is wrong with its first run, and Invalid when there is nothing to do."""
        plan, instants = await self.preview(request)
        if not instants:
            raise Invalid("nothing to do: every instant has its run", hint="see --reprocess failed or all")
        one = self._of(request, plan, len(instants))
        covered = Covered(instants, plan.source if one.pinned else None)
        # Better now than once a slot: a queue nobody knows, a parameter that is not allowed.
        launch = await self.app.runs.launch_of(request_for(one, instants[0], plan.source))
        secrets = await secrets_of(launch, self.app.catalog.providers, PATIENCE)
        await evaluate_params(launch, [Path.cwd()], secrets)
        await self._put(one, covered)
        return one

    async def retry_failed(self, id: str) -> Backfill:
        """Another backfill of the instants whose run failed or was refused, with the same definition.
        Raises NotFound, and Invalid when there are none."""
        old = await self.get(id)
        covered = await self.covered(old)
        failed = {cause_of(run).due for run in await self.runs(old) if run.status in FAILED}
        failed |= {slot.due for slot in await self.results(old) if slot.outcome == REFUSED}
        instants = [each for each in covered.instants if each.due in failed]
        if not instants:
            raise Invalid(f"no run of backfill {id} has failed")
        new = replace(
            old,
            id=self.app.clock.new_token(8),
            state="running",
            created_at=self.app.clock.now(),
            reprocess="failed",
            total=len(instants),
            made=0,
            existing=0,
            refused=0,
        )
        await self._put(new, Covered(instants, covered.source))
        return new

    async def get(self, id: str) -> Backfill:
        """A backfill. Raises NotFound."""
        pair = await self.app.store.get(NAMESPACE, id)
        if pair is None:
            raise NotFound(f"there is no backfill {id}", hint="see `dagu backfill list`")
        return _read(pair.value)

    async def all(self, dag: str = "") -> list[Backfill]:
        """The backfills, of one DAG or of all, newest first."""
        pairs = await self.app.store.scan(NAMESPACE, limit=100_000)
        found = [_read(pair.value) for _, pair in pairs]
        chosen = [one for one in found if not dag or one.dag == dag]
        return sorted(chosen, key=lambda one: one.created_at, reverse=True)

    async def covered(self, one: Backfill) -> Covered:
        """What a backfill covers."""
        pair = await self.app.store.get(SLOTS, one.id)
        if pair is None:
            return Covered([])
        source = pair.value["source"]
        instants = [Instant(*each) for each in pair.value["instants"]]
        return Covered(instants, Source(**source) if source else None)

    async def runs(self, one: Backfill) -> list[RunSummary]:
        """The runs it has made so far, newest first."""
        return await backfill_results.of_backfill(self.app, one)

    async def results(self, one: Backfill) -> list[SlotResult]:
        """What became of each of its slots, in its order."""
        return await backfill_results.results(self.app, one, (await self.covered(one)).instants)

    async def waits_for(self, one: Backfill) -> str:
        """Because of which run it does not go on; "" = nothing hinders it."""
        covered = await self.covered(one)
        return await backfill_results.waits_for(self.app, one, covered.instants, covered.source)

    async def settle(
        self, one: Backfill, number: int, covered: Covered, companies: Companies | None = None
    ) -> str:
        """Make the run of a slot, or record why there is none; what became of it, "" = it waits. Raises
        Unavailable."""
        instant = covered.instants[number]
        return await backfill_results.settle(self.app, one, number, instant, covered.source, companies)

    async def progress(self, one: Backfill) -> Counter[str]:
        """How many of its runs stand how, by label; those to come are `not_started`."""
        tally = Counter(run.status.label for run in await self.runs(one))
        tally["not_started"] += one.total - one.settled
        return +tally

    async def pause(self, id: str) -> Backfill:
        """Make no further runs for now; those that were made go on. Raises Conflict when it is over."""
        return await self.change(id, lambda one: replace(one, state="paused"))

    async def resume(self, id: str) -> Backfill:
        """Go on. Raises Conflict when it is over."""
        one = await self.change(id, lambda one: replace(one, state="running"))
        await wake_schedulers(self.app)
        return one

    async def cancel(self, id: str, *, stop_running: bool = False) -> Backfill:
        """Make no further runs; `stop_running` stops those that were made. Raises Conflict when it is
        over."""
        one = await self.change(id, lambda one: replace(one, state="cancelled"))
        for run in await self.runs(one) if stop_running else []:
            if run.status.is_active:
                await self.app.runs.stop(run.ref.dag, run.ref.run_id)
        return one

    async def change(self, id: str, how: Callable[[Backfill], Backfill]) -> Backfill:
        """Write a change of its state. Raises NotFound, and Conflict when it is over."""
        while True:
            pair = await self.app.store.get(NAMESPACE, id)
            if pair is None:
                raise NotFound(f"there is no backfill {id}", hint="see `dagu backfill list`")
            one = _read(pair.value)
            if one.state in OVER:
                raise Conflict(f"backfill {id} is {one.state}")
            changed = how(one)
            with contextlib.suppress(Conflict):
                await self.app.store.put(NAMESPACE, id, to_builtins(changed), expected=pair.version)
                return changed

    def _of(self, request: BackfillRequest, plan: Plan, total: int) -> Backfill:
        return Backfill(
            id=self.app.clock.new_token(8),
            dag=plan.name,
            path=plan.source.path,
            state="running",
            created_at=self.app.clock.now(),
            since=request.since,
            until=min(request.until, self.app.clock.now()),
            order=request.order,
            reprocess=request.reprocess,
            max_active=max(1, request.max_active),
            total=total,
            params=request.params,
            queue=request.queue,
            priority=request.priority,
            zone=plan.schedule.timezone or self.app.settings.core.tz,
            single=request.single_run,
            pinned=not request.use_latest,
        )

    async def _put(self, one: Backfill, covered: Covered) -> None:
        # What it covers first: a backfill that can be seen is whole.
        value = {
            "instants": [list(astuple(each)) for each in covered.instants],
            "source": to_builtins(covered.source) if covered.source else None,
        }
        await self.app.store.put(SLOTS, one.id, value)
        await self.app.store.put(NAMESPACE, one.id, to_builtins(one), expected=0)
        await wake_schedulers(self.app)


def shape(one: Backfill, progress: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A backfill as JSON data for people, with the `progress` of its runs when that is given."""
    data = {to_camel(key): value for key, value in to_builtins(one).items()}
    for key in ("createdAt", "since", "until"):
        data[key] = written(data[key], one.zone)
    if progress is not None:
        data["progress"] = {to_camel(label): count for label, count in progress.items()}
    return data


def _read(value: Mapping[str, Any]) -> Backfill:
    known = {field.name for field in fields(Backfill)}
    return Backfill(**{key: each for key, each in value.items() if key in known})
