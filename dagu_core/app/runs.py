"""Use cases on runs: start, enqueue, stop, retry, restart, recover."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import nullcontext

from msgspec.structs import replace

from dagu_core.app import recovery, retention
from dagu_core.app.accepting import accept, end_waiting
from dagu_core.app.disk import guard_disk
from dagu_core.app.launches import Launches
from dagu_core.app.overlap import beside_nobody, enqueue_obeying
from dagu_core.app.requests import AS_BEFORE, Given, Standing, StartRequest
from dagu_core.app.services import wake_runners
from dagu_core.app.views import RunView
from dagu_core.base.errors import (
    AlreadyRunning,
    Conflict,
    DaguError,
    Invalid,
    NotFound,
    NotRunning,
)
from dagu_core.contracts.store import RunQuery, StoredRun
from dagu_core.engine.launch import resume, start
from dagu_core.engine.liveness import host_name, poke
from dagu_core.engine.new_run import Launch, new_summary
from dagu_core.engine.queue_turn import begin_created, carry_out_in_turn, create_queued
from dagu_core.engine.runner import Runner
from dagu_core.model.run.events import Event, Noted, RunReset
from dagu_core.model.run.index import restore
from dagu_core.model.run.retry import steps_to_retry
from dagu_core.model.run.run import Run, RunRef, RunSummary
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus, StepStatus

Watch = Callable[[RunView, Event], None]


class Runs(Launches):
    """What may be asked of runs."""

    async def start(self, request: StartRequest, watch: Watch | None = None) -> RunView:
        """Run in this process and wait for the end.

        One for which a queue is named waits for its turn in it; any other begins at once and is
        counted. Raises NotFound, InvalidDefinition, Invalid, AlreadyExists, Unavailable.
        """
        guard_disk(self.app.settings.paths.data)
        # The runner first: its supervisor boots while we read the definition.
        async with self.app.runner(_roots(watch)) as runner:
            runner.listen_to_signals()
            launch = await self.launch_of(request)
            if request.parent is not None and (stored := await self._existing(launch.ref)):
                steps = steps_to_retry(restore(launch.plan, stored.summary, stored.steps))
                reset = RunReset(self.app.clock.now(), steps, reason="parent retried")
                run = await resume(runner, launch, stored, reset=reset)
            else:
                in_turn = bool(request.queue) and runner.queues is not None and not request.at_once
                run = await self._begin(runner, launch, in_turn)
            view = _view(run, runner.interrupted_by if runner.forced else "")
        await retention.after_run(self.app, launch.plan)
        await self.app.queues.look_again(view.summary.queue)
        return view

    async def _begin(self, runner: Runner, launch: Launch, in_turn: bool) -> Run:
        """Whoever names a queue waits, in this process, until it has a free slot."""
        obeys = launch.parent is None and launch.plan.schedule.overlap.include_manual
        if not (obeys or in_turn):
            return await start(runner, launch)
        async with beside_nobody(self.app, launch.plan) if obeys else nullcontext():
            await create_queued(runner, launch)
        if not in_turn:
            return await begin_created(runner, launch)
        stored = await self.app.store.load(launch.ref)
        waiting = restore(launch.plan, stored.summary, {})

        def note(what: str) -> None:
            runner.tell(waiting, Noted(self.app.clock.now(), "queue.waits", what))

        if (run := await carry_out_in_turn(runner, launch, note)) is None:
            raise Conflict(f"another process carries run {launch.ref} out")
        return run

    async def enqueue(self, request: StartRequest) -> RunSummary:
        """Record a run for later; a runner takes it from its queue."""
        self.app.queues.refuse_disabled()
        launch = await self.launch_of(request)
        if launch.plan.schedule.overlap.include_manual and not request.trigger:
            request = replace(request, run_id=launch.ref.run_id)
            ref = await enqueue_obeying(self.app, request, launch.plan)
            summary = (await self.app.store.load(ref)).summary
        else:
            summary = await accept(self.app, request, launch=launch)
        await wake_runners(self.app)
        return summary

    async def dequeue(self, queue: str, ref: RunRef | None = None) -> RunSummary:
        """Take a waiting run (the oldest one) out of a queue, "" = whichever `ref` waits in; it ends
        aborted and never starts. Raises NotFound, Conflict for a run that does not wait there, Invalid
        for an empty queue, or when queues are disabled."""
        self.app.queues.refuse_disabled()
        waiting = await self.app.store.find(
            RunQuery(queue=queue, statuses=(RunStatus.QUEUED,), limit=100_000, roots_only=False)
        )
        if ref is not None:
            waiting = [summary for summary in waiting if summary.ref == ref]
        if not waiting:
            if queue:
                await self.app.queues.show(queue)
            if ref is None:
                raise Invalid(f"queue {queue} is empty")
            await self.app.store.load(ref)
            raise Conflict(
                f"run {ref} does not wait in queue {queue}" if queue else f"run {ref} does not wait"
            )
        summary = waiting[-1]
        await end_waiting(self.app, summary, "dequeued")
        return summary

    async def stop(self, dag: str, run_id: str = "", force: bool = False) -> list[RunRef]:
        """Ask the live runs of a DAG (or one of them) to stop; returns those that were asked.

        A queued run ends aborted at once; a run whose engine is dead is taken over and ended.
        """
        if run_id:
            found = [(await self.app.store.load(RunRef(dag, run_id))).summary]
        else:
            active = (RunStatus.RUNNING, RunStatus.QUEUED)
            found = await self.app.store.find(RunQuery(dag=dag, statuses=active, limit=1000, roots_only=True))
        asked = []
        for summary in found:
            if summary.status is RunStatus.QUEUED:
                await end_waiting(self.app, summary, "stopped")
            elif summary.status is RunStatus.RUNNING:
                signal = StopSignal(self.app.clock.now(), "user", force=force)
                await self.app.store.leave_signal(summary.ref, signal)
                if not poke(self.app.settings.paths.data, summary.engine) and summary.host == host_name():
                    await self._end_dead(summary.ref)
            else:
                continue
            asked.append(summary.ref)
        return asked

    async def restart(
        self, dag: str, run_id: str = "", watch: Watch | None = None, line: Standing = AS_BEFORE
    ) -> RunView:
        """Stop the running run, wait `restartWaitSec`, run the same definition and parameters
        again under a new id. Raises NotFound, NotRunning."""
        if run_id:
            await self.app.store.load(RunRef(dag, run_id))
        query = RunQuery(dag=dag, run_id=run_id, exact=True, statuses=(RunStatus.RUNNING,), limit=1)
        running = await self.app.store.find(query)
        if not running:
            latest = await self.app.store.find(RunQuery(dag=dag, limit=1))
            status = latest[0].status.label if latest else "never started"
            raise NotRunning(f"DAG {dag} is not running, current status: {status}")
        ref = running[0].ref
        await self.stop(dag, ref.run_id)
        while not (stored := await self.app.store.load(ref)).summary.status.is_over:
            await asyncio.sleep(0.1)
            if ref in [one.ref for one in await self.dead_runs()]:
                with contextlib.suppress(Conflict):
                    await self._take_over(ref, None)
        launch = self.standing(await self.launch_again(stored, self.app.clock.new_run_id()), line)
        await asyncio.sleep(launch.plan.restart_wait)
        async with self.app.runner(_only(launch.ref, watch)) as runner:
            runner.listen_to_signals()
            return _view(await start(runner, launch))

    async def retry(
        self,
        dag: str,
        run_id: str,
        step: str = "",
        downstream: bool = False,
        watch: Watch | None = None,
        line: Standing = AS_BEFORE,
        worker: str = "local",
    ) -> RunView:
        """A new attempt of a run from its stored definition: the unsuccessful steps and what
        follows them, or only `step`. It stays in its queue unless `line` names another one; `worker`
        is who carries it out. Raises NotFound, AlreadyRunning, Invalid."""
        ref = RunRef(dag, run_id)
        stored = await self.app.store.load(ref)
        if stored.summary.status is RunStatus.RUNNING:
            # The process that drove it is gone: settle what it left before anything is retried.
            try:
                view = await self._take_over(ref, watch)
            except Conflict as error:
                raise AlreadyRunning(f"run {ref} is running already") from error
            if view.summary.status.is_success and not step:
                return view
            stored = await self.app.store.load(ref)
        if stored.summary.status is RunStatus.QUEUED:
            raise Conflict(f"run {ref} waits in queue {stored.summary.queue} and has not begun")
        launch = self.standing(await self.launch_again(stored, run_id), line)
        run = restore(launch.plan, stored.summary, stored.steps)
        steps = steps_to_retry(run, step=step, downstream=downstream)
        reset = RunReset(self.app.clock.now(), steps, only=bool(step), reason="retry")
        async with self.app.runner(_only(ref, watch)) as runner:
            runner.listen_to_signals()
            runner.worker = worker
            try:
                if stored.summary.parent is None:
                    # Begun by hand it waits for no slot, though its last attempt may have given one back.
                    await self.app.store.hold_slot(ref, fence=stored.summary.fence)
                run = await resume(runner, launch, stored, reset=reset)
            except Conflict as error:
                raise AlreadyRunning(f"run {ref} is running already") from error
            return _view(run, runner.interrupted_by if runner.forced else "")

    async def recover(self, watch: Watch | None = None) -> list[RunView]:
        """Take over every run of this host whose engine died, and drive all to their ends."""
        return [_view(run) for run in await recovery.recover(self.app, _roots(watch))]

    async def dead_runs(self) -> list[RunSummary]:
        """Running runs of this host whose engine is proven dead, children included."""
        return await recovery.dead_runs(self.app)

    async def dry(self, request: StartRequest) -> RunView:
        """What a run would do: everything is read and checked, nothing is run or stored."""
        launch = await self.launch_of(request)
        if launch.plan.params.schema is not None:
            from dagu_core.app.param_rules import check_all

            check_all(launch.plan, Given(launch.overrides, launch.fallback_dir))
        now = self.app.clock.now()
        params = tuple((one.name or str(place), one.value) for place, one in enumerate(launch.overrides, 1))
        summary = new_summary(launch, params, now)
        summary.status, summary.started_at, summary.finished_at = RunStatus.SUCCEEDED, now, now
        run = restore(launch.plan, summary, {})
        for node in launch.plan.steps:
            state = run.steps[node.index]
            state.status, state.started_at, state.finished_at = StepStatus.SUCCEEDED, now, now
        return _view(run)

    async def _take_over(self, ref: RunRef, watch: Watch | None) -> RunView:
        stored = await self.app.store.load(ref)
        async with self.app.runner(_only(ref, watch)) as runner:
            runner.listen_to_signals()
            launch = await recovery.launch_of(self.app, runner, stored)
            view = _view(await resume(runner, launch, stored, recovered=True))
        await recovery.tidy_up(self.app)
        return view

    async def _end_dead(self, ref: RunRef) -> None:
        """Take over a dead run that is to be stopped: whoever does finds the signal."""
        try:
            await self._take_over(ref, None)
        except Conflict:
            return
        except DaguError:
            if not (await self.app.store.load(ref)).summary.status.is_over:
                raise

    async def _existing(self, ref: RunRef) -> StoredRun | None:
        try:
            return await self.app.store.load(ref)
        except NotFound:
            return None


def _only(ref: RunRef, watch: Watch | None) -> Callable[[Run, Event], None]:
    """Pass on the events of one run; its sub-DAG runs have logs of their own."""
    return _filtered(lambda run: run.ref == ref, watch)


def _roots(watch: Watch | None) -> Callable[[Run, Event], None]:
    """Pass on the events of every run that is no sub-DAG run."""
    return _filtered(lambda run: run.summary.parent is None, watch)


def _filtered(wanted: Callable[[Run], bool], watch: Watch | None) -> Callable[[Run, Event], None]:
    def filtered(run: Run, event: Event) -> None:
        if watch is not None and wanted(run):
            watch(RunView(run.plan, run.summary, run.steps), event)

    return filtered


def _view(run: Run, forced_by: str = "") -> RunView:
    return RunView(run.plan, run.summary, run.steps, forced_by=forced_by)
