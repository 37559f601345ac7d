"""Which instants of the past a backfill covers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.app.accepting import cause_of
from dagu_core.app.moments import check_range
from dagu_core.app.scheduled import words_of
from dagu_core.app.slot_runs import key_of
from dagu_core.base.errors import Invalid, UsageError
from dagu_core.contracts.store import RunQuery
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: the beginning and the end of what a run was made for, in milliseconds; no end = one instant
_Key = tuple[int, int]
#: more are not even counted
_COUNTED = 1_000_000
#: how runs stand that `--reprocess failed` takes again
FAILED = (RunStatus.FAILED, RunStatus.ABORTED, RunStatus.REJECTED)


class BackfillRequest(Struct, frozen=True):
    """What is to be made up for, times in epoch seconds, both ends included.

    `entry` counts the start entries from 1 (0 = all). `max_runs` is refused beyond, `max_active`
    runs are active at once. `order` is asc or desc. `reprocess` says what happens to instants that
    have a run: none skips them, failed takes only those that failed, all takes them again. `priority`
    None = that of batches. `step` seconds lie between the instants of a DAG without a schedule.
    `use_latest` = the definition may change meanwhile; `single_run` = one run for the whole range.
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
    priority: int | None = None
    step: float = 0.0
    ignore_calendar: bool = False
    single_run: bool = False
    use_latest: bool = False


class Instant(Struct, frozen=True):
    """One run to be: when it would have been due, and what its data interval is. `queue`, `priority`
    and `words` (parameters) are what the line of the schedule says, `warning` is what its calendar
    does not know."""

    due: float
    start: float | None
    end: float
    queue: str = ""
    priority: int | None = None
    words: Sequence[str] = ()
    warning: str = ""


async def instants_of(app: App, plan: Plan, request: BackfillRequest) -> list[Instant]:
    """The instants to be made up for, in order of time, those that need no run left out.

    Raises UsageError for a range that holds nothing and entries that have no past, Invalid for too
    many.
    """
    check_range(request.since, request.until)
    until = min(request.until, app.clock.now())
    if until < request.since:
        raise UsageError("the range is empty: --from lies ahead")
    found = list(_limited(_instants(app, plan, request, until)))
    if request.single_run and found:
        found = [Instant(request.since, request.since, until)]
    if request.reprocess != "all":
        known = await _known(app, plan.name, request.single_run)
        found = [each for each in found if _is_wanted(known.get(_key(request, each), []), request.reprocess)]
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
        raise UsageError(
            f"DAG {plan.name} has no start schedule", hint="say how far apart the runs are: --step 1d"
        )
    planner = app.schedules.planner(plan)
    if request.entry:
        if request.entry > len(starts):
            raise UsageError(f"there is no entry {request.entry}: DAG {plan.name} has {len(starts)}")
        starts = [starts[request.entry - 1]]
    able = [entry for entry in starts if planner.backfillable(entry)]
    if not able:
        told = planner.left_out or [f"{starts[0].text!r} has no past that could be made up for"]
        raise UsageError("; ".join(told))
    plan = replace(plan, schedule=replace(plan.schedule, entries=tuple(able)))
    if request.ignore_calendar:
        plan = replace(plan, fields={})
    planner = app.schedules.planner(plan)
    before = planner.previous_due("start", request.since)
    for slot in planner.slots(request.since - 0.001, until):
        if not slot.skipped:
            line = slot.entries[0]
            words, warning = words_of(line.params), slot.warning
            yield Instant(slot.due, before, slot.due, line.queue, line.priority, words, warning)
            before = slot.due


def _stepped(app: App, plan: Plan, request: BackfillRequest, until: float) -> Iterator[Instant]:
    from dagu_core.app.backfill_steps import beat, stepping

    zone = app.schedules.zone_of(plan)
    if request.ignore_calendar:
        plan = replace(plan, fields={})
    planner = stepping(app, plan, request.since, request.step)
    for slot in planner.slots(request.since - 0.001, until):
        if not slot.skipped:
            end = next(beat(request.since, request.step, zone, slot.due))
            yield Instant(slot.due, slot.due, end, warning=slot.warning)


def _limited(instants: Iterator[Instant]) -> Iterator[Instant]:
    for number, each in enumerate(instants):
        if number >= _COUNTED:
            raise Invalid(f"more than {_COUNTED} instants lie in this range", hint="choose a shorter one")
        yield each


async def _known(app: App, dag: str, whole: bool) -> dict[_Key, list[RunSummary]]:
    """The runs of a DAG by what they were made for, newest first: an instant, or a `whole` stretch."""
    known: dict[_Key, list[RunSummary]] = {}
    for one in await app.store.find(RunQuery(dag=dag, limit=1_000_000)):
        cause = cause_of(one)
        if cause.due is not None and (cause.until is not None) is whole:
            known.setdefault((key_of(cause.due), key_of(cause.until or 0.0)), []).append(one)
    return known


def _key(request: BackfillRequest, instant: Instant) -> _Key:
    return key_of(instant.due), key_of(instant.end if request.single_run else 0.0)


def _is_wanted(runs: Sequence[RunSummary], reprocess: str) -> bool:
    if reprocess == "failed":
        return bool(runs) and all(one.status in FAILED for one in runs)
    return not runs
