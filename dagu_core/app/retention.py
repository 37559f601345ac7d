"""Removes old runs with everything that belongs to them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dagu_core.contracts.store import RunQuery
from dagu_core.engine.logs import work_folder
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

DAY = 86_400.0
_BATCH = 500
_OVER = tuple(status for status in RunStatus if status.is_over)


async def after_run(app: App, plan: Plan) -> None:
    """Apply the DAG's own `histRetentionDays`; a negative number keeps everything."""
    if plan.history_days >= 0:
        await remove_before(app, plan.name, app.clock.now() - plan.history_days * DAY)


async def old_runs(app: App, dag: str, before: float) -> list[RunSummary]:
    """The ended runs of a DAG that ended before a time (epoch seconds), newest first."""
    found = await app.store.find(RunQuery(dag=dag, until=before, statuses=_OVER, limit=_BATCH))
    return [one for one in found if (one.finished_at or one.created_at) < before]


async def remove_before(app: App, dag: str, before: float) -> list[RunSummary]:
    """Remove the ended runs of a DAG that ended before a time; active ones are never touched."""
    removed: list[RunSummary] = []
    while found := await old_runs(app, dag, before):
        await remove(app, found)
        removed += found
    return removed


async def remove(app: App, runs: Sequence[RunSummary]) -> None:
    """Remove runs and their sub-DAG runs: records first, then logs and working files."""
    doomed = list(runs)
    for one in runs:
        doomed += await app.store.find(RunQuery(root=one.ref, roots_only=False, limit=100_000))
    await app.store.delete([one.ref for one in runs])
    for one in doomed:
        if one.log:
            shutil.rmtree(Path(one.log).parent, ignore_errors=True)
        shutil.rmtree(work_folder(app.settings.paths.data, one.ref), ignore_errors=True)
