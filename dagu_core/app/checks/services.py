"""Looks at who works: dead engines and what they left, services, queues nobody empties."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from dagu_core.app import recovery
from dagu_core.app.accepting import is_held
from dagu_core.app.checks.finding import Finding, Treatment
from dagu_core.app.checks.records import shortened
from dagu_core.app.services import NAMESPACE, services, wake_runners
from dagu_core.base.errors import DaguError
from dagu_core.contracts.store import RunQuery
from dagu_core.engine.liveness import dead_engines, died_at, host_name, living_pid, stands_still
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: seconds runners get to take over what is dead
_PATIENCE = 5.0
_HELP = "start `dagu worker`, `dagu scheduler` or `dagu start-all`"


async def dead_runs(app: App, treatment: Treatment) -> list[Finding]:
    """Runs whose process died and which nobody has taken over yet."""
    dead = await recovery.dead_roots(app)
    if not dead:
        return []
    helped = False
    if treatment.fix and await wake_runners(app):
        until = time.monotonic() + _PATIENCE
        while not (helped := not await recovery.dead_roots(app)) and time.monotonic() < until:
            await asyncio.sleep(0.1)
    now, data, found = app.clock.now(), app.settings.paths.data, []
    for ref in dead:
        engine = (await app.store.load(ref)).summary.engine
        heard = died_at(data, engine)
        since = f", {now - heard:.0f} s ago or later" if heard is not None else ""
        what = f"the process that drove the run is dead{since}"
        done = "a runner has taken it over" if helped else ""
        advice = "`dagu recover` takes it over; a running worker does so by itself"
        found.append(Finding("runs", "error", what, f"run {ref}", advice, done))
    return shortened(found)


async def frozen_runs(app: App, treatment: Treatment) -> list[Finding]:
    """Runs whose process stands still: it lives, so nobody takes them over."""
    running = await app.store.find(RunQuery(statuses=(RunStatus.RUNNING,), limit=100_000))
    pids = {one.ref: living_pid(app.settings.paths.data, one.engine) for one in running}
    return shortened(
        [
            Finding(
                "runs",
                "error",
                "the process that drives the run stands still (SIGSTOP): no step of it begins",
                f"run {ref}, pid {pid}",
                f"kill -CONT {pid} lets it go on; kill -KILL {pid} lets another process take it over",
            )
            for ref, pid in pids.items()
            if pid is not None and stands_still(pid)
        ]
    )


async def lock_files(app: App, treatment: Treatment) -> list[Finding]:
    """Lock files of dead engines that no run refers to any more."""
    running = await app.store.find(RunQuery(statuses=(RunStatus.RUNNING,), roots_only=False, limit=100_000))
    needed = {one.engine for one in running}
    data = app.settings.paths.data
    stale = [engine for engine in dead_engines(data) if engine not in needed]
    if not stale:
        return []
    done = ""
    if treatment.fix:
        await recovery.tidy_up(app)
        done = "removed"
    what = f"{len(stale)} lock file{'s' if len(stale) > 1 else ''} of dead processes, no longer needed"
    return [Finding("locks", "warning", what, str(data / "engines"), "`--fix` removes them", done)]


async def notes(app: App, treatment: Treatment) -> list[Finding]:
    """Services that say they live, and do not, or that stand still."""
    data, found = app.settings.paths.data, []
    for key, pair in await app.store.scan(NAMESPACE):
        kind, _, engine = key.partition("/")
        if pair.value.get("host") != host_name():
            continue
        where = f"{kind} {engine}, pid {pair.value.get('pid')}"
        if (pid := living_pid(data, engine)) is None:
            done = ""
            if treatment.fix:
                await app.store.remove(NAMESPACE, key)
                done = "its note was removed"
            what = f"a {kind} says it lives, but its process is dead"
            found.append(Finding("services", "warning", what, where, "`--fix` removes its note", done))
        elif stands_still(pid):
            what = f"the {kind} stands still: somebody has stopped its process (SIGSTOP)"
            found.append(Finding("services", "error", what, where, f"kill -CONT {pid}, or kill -KILL {pid}"))
    return found


async def queues(app: App, treatment: Treatment) -> list[Finding]:
    """Runs that wait and cannot begin."""
    found = []
    waiting = await app.store.find(RunQuery(statuses=(RunStatus.QUEUED,), roots_only=False, limit=100_000))
    free = [one for one in waiting if not one.engine]
    for name in sorted({one.queue for one in free}) if not await services(app, "runner") else ():
        count = sum(one.queue == name for one in free)
        what = f"{count} run{'s wait' if count > 1 else ' waits'}, and no runner is there"
        found.append(Finding("queues", "error", what, f"queue {name}", _HELP))
    held = [one for one in waiting if is_held(one)]
    if held and not await services(app, "scheduler"):
        what = f"{len(held)} held back, and no scheduler is there to let them go"
        found.append(Finding("queues", "error", what, f"queue {held[0].queue}", "start `dagu scheduler`"))
    for one in free:
        try:
            await app.runs.launch_again(await app.store.load(one.ref), one.ref.run_id)
        except DaguError as error:
            what = f"it will fail as soon as its turn comes: {error}"
            advice = f"dagu dequeue {one.queue} --dag-run {one.ref}"
            found.append(Finding("queues", "error", what, f"run {one.ref} in queue {one.queue}", advice))
    return shortened(found)
