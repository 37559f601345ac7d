"""Looks at what is stored: its integrity, damaged runs, definitions that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dagu_core.app import recovery
from dagu_core.app.checks.finding import Finding, Treatment
from dagu_core.app.checks.salvage import write_out
from dagu_core.app.services import services
from dagu_core.base.errors import Conflict, NotFound
from dagu_core.contracts.store import Damage, RunQuery, StoredRun
from dagu_core.engine.liveness import living_pid
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: how many of one kind are told one by one
MOST = 20


async def integrity(app: App, treatment: Treatment) -> list[Finding]:
    """What of the store cannot be read any more."""
    damages = await app.store.check()
    found = [
        Finding(
            "store",
            "error",
            damage.what,
            app.settings.store,
            damage.hint or "stop everything, copy the file, and restore a backup or start with a new store",
        )
        for damage in damages
        if damage.ref is None
    ]
    runs = sorted((one for one in damages if one.ref is not None), key=lambda one: str(one.ref))
    found += [
        await _damaged(app, ref, list(its), treatment)
        for ref, its in groupby(runs, key=lambda one: one.ref)
        if ref is not None
    ]
    return shortened(found)


async def definitions(app: App, treatment: Treatment) -> list[Finding]:
    """DAG files that nobody can start, schedules nobody can plan or looks at."""
    found: list[Finding] = []
    listed = await app.schedules.scheduled()
    folder = str(app.dags.folder)
    if broken := [one for one in listed if one.problem]:
        names = ", ".join(one.name for one in broken[:5]) + (", …" if len(broken) > 5 else "")
        what = f"{len(broken)} definition{'s' if len(broken) > 1 else ''} cannot be read: {names}"
        found.append(Finding("definitions", "error", what, folder, f"dagu validate {broken[0].name}"))
    if lost := app.dags.dangling():
        what = f"{len(lost)} link{'s lead' if len(lost) > 1 else ' leads'} nowhere: "
        what += ", ".join(f"{name} to {target}" for name, target in list(lost.items())[:5])
        found.append(Finding("definitions", "warning", what, folder, "remove it, or put its target there"))
    count = sum(one.plan is not None and one.suspension is None for one in listed)
    if count and not await services(app, "scheduler"):
        what = f"{count} scheduled, and no scheduler is there: nothing starts by itself"
        found.append(Finding("definitions", "warning", what, folder, "start `dagu scheduler`"))
    return found


def shortened(found: Sequence[Finding]) -> list[Finding]:
    """The first of many, and how many more there are."""
    if len(found) <= MOST:
        return list(found)
    more = replace(found[MOST], what=f"and {len(found) - MOST} more like this", where="")
    return [*found[:MOST], more]


async def _damaged(app: App, ref: RunRef, damages: list[Damage], treatment: Treatment) -> Finding:
    done = []
    if treatment.export is not None:
        path = await write_out(app, ref, treatment.export)
        done.append(f"what can be read was written to {path}")
    if treatment.fix and await _settle(app, ref):
        done.append("ended as failed, so that nobody waits for it")
    sentences = "; ".join(one.what for one in damages[:3])
    return Finding(
        "records",
        "error",
        sentences,
        f"run {ref}",
        "`--export DIR` writes out what can be read, `--fix` ends it if it is not over",
        "; ".join(done) if treatment.fix and done else "",
    )


async def _settle(app: App, ref: RunRef) -> bool:
    """End a damaged run that nobody can go on with; the store keeps the text it replaces."""
    try:
        stored = await app.store.load(ref)
        if not recovery.is_damaged(stored) or await _is_over(app, ref):
            return False
        if living_pid(app.settings.paths.data, stored.summary.engine) is not None:
            return False  # its engine has the truth in memory, and writes it
        fence = await app.store.adopt(ref, fence=stored.summary.fence, engine="", host="")
        owned = StoredRun(replace(stored.summary, fence=fence), stored.steps)
        await recovery.fail(app, owned, f"given up: {stored.summary.error or 'its record is damaged'}")
    except (Conflict, NotFound):
        return False  # somebody else was faster
    return True


async def _is_over(app: App, ref: RunRef) -> bool:
    """By its last status, which a list goes by however damaged the rest is."""
    over = tuple(status for status in RunStatus if status.is_over)
    query = RunQuery(dag=ref.dag, run_id=ref.run_id, exact=True, statuses=over, roots_only=False)
    return bool(await app.store.find(query))
