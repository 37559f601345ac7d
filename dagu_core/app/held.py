"""Lets held runs go, one after the other, as soon as there is room for them."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING

from dagu_core.app.accepting import Hold, hold_of, is_held, let_go
from dagu_core.app.overlap import active_runs
from dagu_core.base.errors import Conflict, NotFound
from dagu_core.contracts.store import RunQuery
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App


async def held_runs(app: App) -> dict[str, list[tuple[Hold, RunSummary]]]:
    """The runs that are held, by the line they stand in, in the order they leave it."""
    lines: dict[str, list[tuple[Hold, RunSummary]]] = defaultdict(list)
    queued = await app.store.find(RunQuery(statuses=(RunStatus.QUEUED,), limit=100_000))
    for summary in queued:
        if (hold := hold_of(summary)) is not None:
            lines[hold.line].append((hold, summary))
    for line in lines.values():
        line.sort(key=lambda each: (each[0].due, each[1].created_at))
    return dict(lines)


async def let_first_go(app: App, line: list[tuple[Hold, RunSummary]], room: int) -> list[RunSummary]:
    """Hand those of a line to their queues for whom there is room, `room` at most, and take them out
    of the line. Waits for nothing."""
    gone: list[RunSummary] = []
    if not line:
        return gone
    dags = sorted({dag for hold, _ in line for dag in hold.dags})
    active = await active_runs(app, dags)
    known = {one.ref: one for one in active if is_held(one)}
    busy = len(active) - len(known)
    while line and len(gone) < room and busy < line[0][0].limit:
        hold, summary = line[0]
        if hold.delay and not await _has_rested(app, hold):
            break
        line.pop(0)
        if summary.ref not in known:
            continue  # stopped, or taken out of the queue
        with contextlib.suppress(Conflict, NotFound):
            await let_go(app, known[summary.ref])
            gone.append(summary)
            busy += 1
    return gone


async def _has_rested(app: App, hold: Hold) -> bool:
    """Whether the last run before it ended long enough ago."""
    ends = [0.0]
    for dag in hold.dags:
        ended = tuple(status for status in RunStatus if status.is_over)
        latest = await app.store.find(RunQuery(dag=dag, statuses=ended, limit=20))
        ends += [one.finished_at for one in latest if one.finished_at]
    return app.clock.now() - max(ends) >= hold.delay
