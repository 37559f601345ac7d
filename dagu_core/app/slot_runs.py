"""Which runs an instant has: each slot of a DAG is run once, whoever asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagu_core.app.accepting import Cause, cause_of
from dagu_core.app.requests import StartRequest
from dagu_core.contracts.store import RunQuery
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.schedule.identity import stamp

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: causes whose starts a backfill may have made up for
_MADE_UP_FOR = frozenset({"schedule", "catchup"})
#: seconds by which the clocks of two hosts may differ
_DRIFT = 60.0


async def runs_at(app: App, dag: str, due: float) -> list[RunSummary]:
    """The runs of a DAG for an instant that a schedule, a catch-up or a backfill made, newest first."""
    # Their ids end with the instant, and none of them came to be before it.
    query = RunQuery(dag=dag, run_id=f"-{stamp(due)}", since=due - _DRIFT, limit=10_000)
    return [one for one in await app.store.find(query) if is_at(cause_of(one), due)]


def is_at(cause: Cause, due: float) -> bool:
    """Whether a run with this cause is the one of an instant, and not of a whole stretch of time."""
    return cause.due is not None and cause.until is None and key_of(cause.due) == key_of(due)


def key_of(due: float) -> int:
    """Names an instant, in milliseconds."""
    return round(due * 1000)


async def backfilled(app: App, request: StartRequest, dag: str) -> RunRef | None:
    """The run a backfill has made for the instant of a scheduled start."""
    due = request.trigger.get("due")
    if due is None or request.trigger.get("type") not in _MADE_UP_FOR:
        return None
    runs = await runs_at(app, dag, due)
    return next((one.ref for one in runs if cause_of(one).type == "backfill"), None)
