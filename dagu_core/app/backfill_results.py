"""What became of each slot of a backfill: it was made, it existed already, or it was refused."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from dagu_core.app import decisions
from dagu_core.app.accepting import accept, cause_of
from dagu_core.app.backfill_overlap import Companies, Meeting, meeting
from dagu_core.app.backfill_slots import FAILED, Instant
from dagu_core.app.overlap import company_there, deciding
from dagu_core.app.requests import StartRequest
from dagu_core.app.scheduled import LOW, times
from dagu_core.app.slot_runs import key_of, runs_at
from dagu_core.base.errors import AlreadyExists, DaguError, Unavailable
from dagu_core.contracts.store import RunQuery
from dagu_core.model.plan.plan import Source
from dagu_core.model.run.run import RunSummary

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.backfill import Backfill

#: results of slots whose run is not one of the backfill; of the others the runs tell
NAMESPACE = "backfill-results"
MADE, EXISTS, REFUSED = "made", "exists", "refused"


class SlotResult(Struct, frozen=True):
    """What became of the slot of an instant: `outcome` is made, exists or refused, "" = nothing yet.

    `run_id` is its run, of this backfill or of whoever was first, `status` how that one stands (""
    = it is gone), `reason` why the slot was refused.
    """

    due: float
    outcome: str = ""
    run_id: str = ""
    status: str = ""
    reason: str = ""


async def settle(
    app: App,
    one: Backfill,
    number: int,
    instant: Instant,
    pinned: Source | None,
    companies: Companies | None = None,
) -> str:
    """Make the run of a slot, or record why there is none; what became of it, "" = it waits for other
    runs. The same again after a crash in between. `companies` spares a look at the files. Raises
    Unavailable: then nothing became of it."""
    try:
        result = await _make(app, one, instant, pinned, companies)
    except Unavailable:
        raise
    except DaguError as error:
        result = SlotResult(instant.due, REFUSED, reason=str(error).split("\n", 1)[0][:500])
        detail = f"backfill {one.id}: {result.reason}"
        await decisions.record(app, one.dag, "refused", error.code, detail, due=instant.due)
    if result is None:
        return ""
    if result.outcome == MADE and instant.warning:
        await decisions.tally(app, one.dag, "warned", "filtered", f"backfill {one.id}: {instant.warning}")
    if result.outcome != MADE:
        await app.store.put(NAMESPACE, _key(one, number), to_builtins(result))
    return result.outcome


async def results(app: App, one: Backfill, instants: list[Instant]) -> list[SlotResult]:
    """What became of each slot of a backfill, in its order."""
    kept = {key: pair.value for key, pair in await app.store.scan(NAMESPACE, f"{one.id}/", limit=1_000_000)}
    known = await of_backfill(app, one)
    if kept:  # those of others are among them
        known = await app.store.find(RunQuery(dag=one.dag, limit=1_000_000))
    runs = {run.ref.run_id: run.status.label for run in known}
    found = []
    for number, instant in enumerate(instants):
        run_id = one.run_id(instant.due)
        if run_id in runs:
            found.append(SlotResult(instant.due, MADE, run_id, runs[run_id]))
        elif (value := kept.get(_key(one, number))) is not None:
            result = SlotResult(**value)
            found.append(replace(result, status=runs.get(result.run_id, "")))
        else:
            found.append(
                SlotResult(instant.due, MADE, run_id) if number < one.settled else SlotResult(instant.due)
            )
    return found


async def of_backfill(app: App, one: Backfill) -> list[RunSummary]:
    """The runs a backfill has made so far, newest first."""
    return await app.store.find(RunQuery(dag=one.dag, run_id=f"backfill-{one.id}-", limit=1_000_000))


def request_for(one: Backfill, instant: Instant, pinned: Source | None) -> StartRequest:
    """The request for the run of a slot: what was ordered goes before what the schedule says."""
    trigger = {"type": "backfill", "due": instant.due, "backfill": one.id}
    env = times(one.zone, "backfill", instant.due, instant.start, instant.end)
    return StartRequest(
        dag=one.path,
        run_id=one.run_id(instant.due),
        name=one.dag,
        params=one.params,
        words=() if one.params is not None else tuple(instant.words),
        queue=one.queue or instant.queue,
        priority=next((each for each in (one.priority, instant.priority) if each is not None), LOW),
        pinned=pinned,
        trigger=trigger | ({"until": instant.end} if one.single else {}),
        env=env | {"DAG_RUN_BACKFILL_ID": one.id},
    )


async def _make(
    app: App, one: Backfill, instant: Instant, pinned: Source | None, companies: Companies | None
) -> SlotResult | None:
    """Make the run of the slot, unless another one is enough, or the slot is given up; None = it waits."""
    request = request_for(one, instant, pinned)
    launch = await app.runs.launch_of(request)
    plan, due = launch.plan, instant.due
    company = companies(plan) if companies is not None else await company_there(app, plan)
    met = await meeting(app, one.id, plan, company)
    if met.sentence and not met.given_up:
        return None  # the usual answer while it waits, for which nothing is written
    # Schedule and catch-up decide about the same instants, under the same lease.
    async with deciding(app, company.line):
        others = await _others(app, one, instant)
        if others and request.run_id not in others:
            return SlotResult(due, EXISTS, others[0])
        met = Meeting() if others else await meeting(app, one.id, plan, company)
        if met.given_up:
            detail = f"backfill {one.id}: {met.sentence}"
            await decisions.record(app, one.dag, "dropped", "overlap", detail, due=due)
            return SlotResult(due, REFUSED, reason=met.sentence)
        if met.sentence:
            return None
        with contextlib.suppress(AlreadyExists):  # the last leader came so far
            await accept(app, request, launch=launch)
    return SlotResult(due, MADE, request.run_id)


async def waits_for(app: App, one: Backfill, instants: list[Instant], pinned: Source | None) -> str:
    """Because of which run a backfill does not go on, as people read it; "" = nothing hinders it, or it does
    not want to go on."""
    if one.state != "running" or one.settled >= len(instants):
        return ""
    try:
        plan = (await app.runs.launch_of(request_for(one, instants[one.settled], pinned))).plan
    except DaguError:
        return ""  # the slot will tell
    met = await meeting(app, one.id, plan, await company_there(app, plan))
    return "" if met.given_up else met.sentence


async def _others(app: App, one: Backfill, instant: Instant) -> list[str]:
    """The ids of runs because of which the slot needs none."""
    if one.single:
        runs = await app.store.find(RunQuery(dag=one.dag, run_id="backfill-", limit=1_000_000))
        runs = [run for run in runs if covers(run, instant)]
    else:
        runs = await runs_at(app, one.dag, instant.due)
    if one.reprocess == "all":
        return []
    return [run.ref.run_id for run in runs if one.reprocess == "none" or run.status not in FAILED]


def covers(run: RunSummary, instant: Instant) -> bool:
    """Whether a run is the one of this whole stretch of time."""
    cause = cause_of(run)
    if cause.due is None or cause.until is None:
        return False
    return (key_of(cause.due), key_of(cause.until)) == (key_of(instant.due), key_of(instant.end))


def _key(one: Backfill, number: int) -> str:
    return f"{one.id}/{number:07}"
