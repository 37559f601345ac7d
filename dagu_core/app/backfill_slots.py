"""Which instants of the past a backfill covers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.app.accepting import cause_of
from dagu_core.base.errors import Invalid
from dagu_core.base.zones import zone_named
from dagu_core.contracts.store import RunQuery
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

_DAY = 86_400.0
#: more are not even counted
_COUNTED = 1_000_000
_FAILED = (RunStatus.FAILED, RunStatus.ABORTED, RunStatus.REJECTED)


class BackfillRequest(Struct, frozen=True):
    """What is to be made up for, times in epoch seconds, both ends included.

    `entry` counts the start entries from 1 (0 = all). `max_runs` is refused beyond, `max_active`
    runs are active at once. `order` is asc or desc. `reprocess` says what happens to instants that
    have a run: none skips them, failed takes only those that failed, all takes them again. `step`
    seconds lie between the instants of a DAG without a schedule. `use_latest` = the definition may
    change meanwhile; `single_run` = one run for the whole range.
    """

    dag: str
    since: float
    until: float
    entry: int = 0
    max_runs: int = 100
    max_active: int = 1
    order: str = "asc"
    reprocess: str = "none"
    params: str | None = None
    queue: str = ""
    step: float = 0.0
    ignore_calendar: bool = False
    single_run: bool = False
    use_latest: bool = False


class Instant(Struct, frozen=True):
    """One run to be: when it would have been due, and what its data interval is."""

    due: float
    start: float | None
    end: float


async def instants_of(app: App, plan: Plan, request: BackfillRequest) -> list[Instant]:
    """The instants to be made up for, in order of time, those that need no run left out.

    Raises Invalid for a range without an instant, entries that have no past, and too many.
    """
    until = min(request.until, app.clock.now())
    if until < request.since:
        raise Invalid("the range is empty: --to comes before --from, or --from lies ahead")
    found = list(_limited(_instants(app, plan, request, until)))
    if request.single_run and found:
        found = [Instant(request.since, request.since, until)]
    elif request.reprocess != "all":
        known = await _known(app, plan.name)
        found = [each for each in found if _is_wanted(known.get(_key(each.due), []), request.reprocess)]
    hard = app.settings.scheduler.backfill_max_runs
    most = min(request.max_runs, hard)
    if len(found) > most:
        hint = "raise --max-runs, or choose a shorter range" if most < hard else "choose a shorter range"
        raise Invalid(f"{len(found)} runs are more than the {most} allowed; nothing was created", hint=hint)
    return found[::-1] if request.order == "desc" else found


def _instants(app: App, plan: Plan, request: BackfillRequest, until: float) -> Iterator[Instant]:
    starts = [entry for entry in plan.schedule.entries if entry.action == "start"]
    if request.step > 0:
        yield from _stepped(app, plan, request, until)
        return
    if not starts:
        raise Invalid(
            f"DAG {plan.name} has no start schedule", hint="say how far apart the runs are: --step 1d"
        )
    planner = app.schedules.planner(plan)
    if request.entry:
        if request.entry > len(starts):
            raise Invalid(f"there is no entry {request.entry}; DAG {plan.name} has {len(starts)}")
        starts = [starts[request.entry - 1]]
    able = [entry for entry in starts if planner.backfillable(entry)]
    if not able:
        raise Invalid(f"{starts[0].text!r} has no past that could be made up for")
    plan = replace(plan, schedule=replace(plan.schedule, entries=tuple(able)))
    if request.ignore_calendar:
        plan = replace(plan, fields={})
    planner = app.schedules.planner(plan)
    before = planner.previous_due("start", request.since)
    for slot in planner.slots(request.since - 0.001, until):
        if not slot.skipped:
            yield Instant(slot.due, before, slot.due)
            before = slot.due


def _stepped(app: App, plan: Plan, request: BackfillRequest, until: float) -> Iterator[Instant]:
    zone = zone_named(plan.schedule.timezone or app.settings.core.tz)
    days, rest = divmod(request.step, _DAY)
    first = datetime.fromtimestamp(request.since, zone)
    number, at = 0, request.since
    while at <= until:
        number += 1
        # Whole days are days of the calendar, also where the clocks change.
        following = (first + timedelta(days=days * number)).timestamp() if not rest else at + request.step
        yield Instant(at, at, following)
        at = following


def _limited(instants: Iterator[Instant]) -> Iterator[Instant]:
    for number, each in enumerate(instants):
        if number >= _COUNTED:
            raise Invalid(f"more than {_COUNTED} instants lie in this range", hint="choose a shorter one")
        yield each


async def _known(app: App, dag: str) -> dict[int, list[RunSummary]]:
    """The runs of a DAG by the instant they were due, newest first."""
    known: dict[int, list[RunSummary]] = {}
    for one in await app.store.find(RunQuery(dag=dag, limit=1_000_000)):
        if (due := cause_of(one).due) is not None:
            known.setdefault(_key(due), []).append(one)
    return known


def _is_wanted(runs: Sequence[RunSummary], reprocess: str) -> bool:
    if reprocess == "failed":
        return bool(runs) and all(one.status in _FAILED for one in runs)
    return not runs


def _key(due: float) -> int:
    return round(due * 1000)
