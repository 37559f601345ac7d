"""A run of a backfill and the other active runs of its DAG, or of its overlap group: which goes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from dagu_core.app.accepting import cause_of, is_held
from dagu_core.app.overlap import Company, active_runs
from dagu_core.model.plan.plan import Plan

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: tells whom the runs of a DAG are counted with
Companies = Callable[[Plan], Company]


class Meeting(Struct, frozen=True):
    """What the next run of a backfill meets: `sentence` says because of which run it cannot begin now ("" =
    it can), `given_up` that it never will."""

    sentence: str = ""
    given_up: bool = False


async def meeting(app: App, backfill: str, plan: Plan, company: Company) -> Meeting:
    """What the next run of a backfill meets now.

    How many of its own runs are active at once is up to the backfill. Beside others it obeys the overlap
    policy: it waits, whatever that says about live starts, unless the file says `skip` itself. A run that
    is held back goes first in any case, and for another backfill none is given up.
    """
    rule = plan.schedule.overlap
    active = await active_runs(app, company.dags)
    others = [one for one in active if cause_of(one).data.get("backfill") != backfill]
    free = rule.policy == "allow" or plan.max_active_runs <= 0 or len(active) < plan.max_active_runs
    if not others or (free and not any(map(is_held, others))):
        return Meeting()
    where = "" if company.line == plan.name else f" ({company.line})"
    live = [one for one in others if cause_of(one).type != "backfill"]
    first = (live or others)[0].ref
    if rule.explicit and rule.policy == "skip" and live:
        return Meeting(f"run {first} is active{where} (overlapPolicy: skip)", given_up=True)
    return Meeting(f"run {first} is active{where}")
