"""Removes old runs with everything that belongs to them: by their age, their number, their size."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagu_core.app import decisions
from dagu_core.app.accepting import cause_of
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


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a DAG keeps of its ended runs: those younger than `days` (negative = all), or the last
    `runs` when that is not 0."""

    days: float = 30
    runs: int = 0

    @classmethod
    def of(cls, plan: Plan) -> Keeping:
        """What the definition says."""
        return cls(plan.history_days, plan.history_runs)

    @property
    def sentence(self) -> str:
        """What is removed, for people."""
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
    await note(app, dag, removed, keeping.sentence)
    return removed


async def note(app: App, dag: str, removed: int, why: str) -> None:
    """Count removed runs in the decision of the day."""
    if removed:
        detail = f"ended runs were removed with their logs: {why}"
        await decisions.tally(app, dag, "removed", "retention", detail, removed)


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
    """Remove all but the last `keep` ended runs of a DAG, those of a backfill that goes on excepted."""
    removed: list[RunSummary] = []
    query = RunQuery(dag=dag, statuses=_OVER, limit=_BATCH, offset=keep)
    while found := await _removable(app, await app.store.find(query)):
        await remove(app, found)
        removed += found
    return removed


async def remove_larger(app: App, most: int, dag: str = "") -> Counter[str]:
    """Remove the oldest ended runs (of one DAG, or of all) until the logs of the others take `most`
    bytes or less; how many of which DAG were removed."""
    sizes: Counter[RunRef] = Counter()
    roots: list[RunSummary] = []
    async for page in _pages(app, dag):
        found = await asyncio.to_thread(_sizes, page)
        for one, size in zip(page, found, strict=True):
            sizes[one.root or one.ref] += size
        roots += [one for one in page if one.parent is None]
    too_much = sum(sizes[one.ref] for one in roots) - most
    doomed: list[RunSummary] = []
    for one in sorted(await _removable(app, roots), key=lambda one: one.finished_at or one.created_at):
        if too_much <= 0:
            break
        if sizes[one.ref]:
            too_much -= sizes[one.ref]
            doomed.append(one)
    for start in range(0, len(doomed), _BATCH):
        await remove(app, doomed[start : start + _BATCH])
    return Counter(one.ref.dag for one in doomed)


async def remove(app: App, runs: Sequence[RunSummary]) -> None:
    """Remove runs and their sub-DAG runs: records first, then logs and working files. What became
    active meanwhile stays."""
    doomed = list(runs)
    for one in runs:
        doomed += await app.store.find(RunQuery(root=one.ref, roots_only=False, limit=100_000))
    await app.store.delete([one.ref for one in runs])
    for one in doomed:
        if await _is_gone(app, one.ref):
            await asyncio.to_thread(_remove_files, one, work_folder(app.settings.paths.data, one.ref))


async def _is_gone(app: App, ref: RunRef) -> bool:
    try:
        await app.store.load(ref)
    except NotFound:
        return True
    return False


async def _removable(app: App, runs: list[RunSummary]) -> list[RunSummary]:
    """Those that belong to no backfill that goes on: it counts what it has done by its runs."""
    batches = {key for one in runs if (key := _backfill(one))}
    if not batches:
        return runs
    going_on: set[str] = set()
    for dag in {one.ref.dag for one in runs}:
        active = await app.store.find(RunQuery(dag=dag, statuses=_ACTIVE, limit=100_000))
        going_on |= {key for one in active if (key := _backfill(one))}
    return [one for one in runs if _backfill(one) not in going_on]


def _backfill(summary: RunSummary) -> str:
    """The backfill the run belongs to, with its DAG; "" = none."""
    if not summary.ref.run_id.startswith("backfill-") or cause_of(summary).type != "backfill":
        return ""
    return f"{summary.ref.dag}:{'-'.join(summary.ref.run_id.split('-')[:2])}"


async def _pages(app: App, dag: str) -> AsyncIterator[list[RunSummary]]:
    """All ended runs, sub-DAG runs included; of one DAG: its runs, each page with what is below."""
    offset = 0
    while True:
        page = await app.store.find(
            RunQuery(dag=dag, statuses=_OVER, roots_only=bool(dag), limit=_BATCH, offset=offset)
        )
        if not page:
            return
        offset += len(page)
        for one in list(page) if dag else ():
            page += await app.store.find(RunQuery(root=one.ref, roots_only=False, limit=100_000))
        yield page


def _sizes(runs: Sequence[RunSummary]) -> list[int]:
    return [_size(Path(one.log).parent) if one.log else 0 for one in runs]


def _size(folder: Path) -> int:
    """Bytes a folder takes on the disk, all below it counted; 0 when it is gone."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += _size(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:
        return total
    return total


def _remove_files(summary: RunSummary, work: Path) -> None:
    if summary.log:
        shutil.rmtree(Path(summary.log).parent, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
