"""Removes old runs with everything that belongs to them: by their age, their number, their size."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from dagu_core.app import decisions
from dagu_core.app.footprint import Footprint, footprints, too_many
from dagu_core.base.errors import NotFound
from dagu_core.contracts.store import RunQuery
from dagu_core.engine.logs import work_folder
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

DAY = 86_400.0
_BATCH = 500
_OVER = tuple(status for status in RunStatus if status.is_over)
_ACTIVE = tuple(status for status in RunStatus if status.is_active)
T = TypeVar("T", RunSummary, Footprint)
_BACKFILL = re.compile(r"backfill-[0-9a-f]{8}(?=-)")


class Keeping(Struct, frozen=True):
    """What a DAG keeps of its ended runs: those younger than `days` (negative = all), or, when it is
    not 0, the last `runs`."""

    days: float = 30
    runs: int = 0

    @classmethod
    def of(cls, plan: Plan) -> Keeping:
        """What the definition says."""
        return cls(plan.history_days, plan.history_runs)

    @property
    def sentence(self) -> str:
        """What does not stay, for people."""
        return f"more than the last {self.runs}" if self.runs else f"older than {self.days:g} days"


async def after_run(app: App, plan: Plan) -> None:
    """Apply what the DAG says of its own runs."""
    await apply(app, plan.name, Keeping.of(plan))


async def apply(app: App, dag: str, keeping: Keeping) -> int:
    """Remove what a DAG does not keep; how many runs that were."""
    removed = 0
    if keeping.runs:
        removed = len(await remove_beyond(app, dag, keeping.runs))
    elif keeping.days >= 0:
        removed = len(await remove_before(app, dag, app.clock.now() - keeping.days * DAY))
    await _note(app, dag, removed, keeping.sentence)
    return removed


async def old_runs(app: App, dag: str, before: float) -> list[RunSummary]:
    """The ended runs of a DAG that ended before a time (epoch seconds), newest first."""
    found = await app.store.find(RunQuery(dag=dag, until=before, statuses=_OVER, limit=_BATCH))
    return [one for one in found if (one.finished_at or one.created_at) < before]


async def remove_before(app: App, dag: str, before: float) -> list[RunSummary]:
    """Remove the ended runs of a DAG that ended before a time; active ones are never touched, nor
    those of a backfill that goes on."""
    removed: list[RunSummary] = []
    while found := await _removable(app, await old_runs(app, dag, before)):
        await remove(app, found)
        removed += found
    return removed


async def remove_beyond(app: App, dag: str, keep: int) -> list[RunSummary]:
    """Remove all but the last `keep` ended runs of a DAG; what is never touched is as above."""
    removed: list[RunSummary] = []
    query = RunQuery(dag=dag, statuses=_OVER, limit=_BATCH, offset=keep)
    while found := await _removable(app, await app.store.find(query)):
        await remove(app, found)
        removed += found
    return removed


async def remove_largest(app: App, most: int, most_per_dag: int) -> int:
    """Remove the oldest ended runs until the logs of all others, and of each DAG, take no more than
    so many bytes (0 = no limit); how many were removed."""
    found = await _removable(app, await footprints(app))
    doomed: list[Footprint] = []
    if most_per_dag:
        for dag in {one.ref.dag for one in found}:
            doomed += too_many((one for one in found if one.ref.dag == dag), most_per_dag)
    if most:
        refs = {one.ref for one in doomed}
        doomed += too_many((one for one in found if one.ref not in refs), most)
    for start in range(0, len(doomed), _BATCH):
        batch = [await _summary(app, one.ref) for one in doomed[start : start + _BATCH]]
        await remove(app, [one for one in batch if one is not None])
    for dag, count in Counter(one.ref.dag for one in doomed).items():
        await _note(app, dag, count, "the logs took too much space (history.maxSize)")
    return len(doomed)


async def remove(app: App, runs: Sequence[RunSummary]) -> None:
    """Remove runs and their sub-DAG runs: records first, then logs and working files. What has
    become active meanwhile stays."""
    doomed = list(runs)
    for one in runs:
        doomed += await app.store.find(RunQuery(root=one.ref, roots_only=False, limit=100_000))
    await app.store.delete([one.ref for one in runs])
    for one in doomed:
        if await _summary(app, one.ref) is None:
            await asyncio.to_thread(_remove_files, one, work_folder(app.settings.paths.data, one.ref))


def backfill_of(ref: RunRef) -> str:
    """The backfill that made the run, as its id tells; "" = none."""
    found = _BACKFILL.match(ref.run_id)
    return found[0] if found else ""


async def _removable(app: App, found: list[T]) -> list[T]:
    """Those that are of no backfill that goes on: it tells by its runs what is left to do."""
    dags = {one.ref.dag for one in found if backfill_of(one.ref)}
    kept = {(dag, backfill) for dag in dags for backfill in await _backfills_at_work(app, dag)}
    return [one for one in found if (one.ref.dag, backfill_of(one.ref)) not in kept]


async def _backfills_at_work(app: App, dag: str) -> set[str]:
    from dagu_core.app.backfill import OVER

    active = await app.store.find(RunQuery(dag=dag, statuses=_ACTIVE, limit=100_000))
    going = {f"backfill-{one.id}" for one in await app.backfills.all(dag) if one.state not in OVER}
    return going | {backfill for one in active if (backfill := backfill_of(one.ref))}


async def _note(app: App, dag: str, removed: int, why: str) -> None:
    if removed:
        detail = f"run removed with its logs: {why}"
        await decisions.tally(app, dag, "removed", "retention", detail, removed)


async def _summary(app: App, ref: RunRef) -> RunSummary | None:
    """How the run stands; None when it is gone."""
    try:
        return (await app.store.load(ref)).summary
    except NotFound:
        return None


def _remove_files(summary: RunSummary, work: Path) -> None:
    if summary.log:
        shutil.rmtree(Path(summary.log).parent, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
