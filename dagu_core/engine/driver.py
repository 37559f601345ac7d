"""Takes one run from where it stands to its end: the loop around `evolve` and `decide`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from dagu_core.base.clock import Clock
from dagu_core.base.errors import DaguError
from dagu_core.contracts.store import StateStore
from dagu_core.engine.ahead import Line, Place
from dagu_core.engine.carry_out import Workbench, carry_out
from dagu_core.engine.closing import close_run
from dagu_core.engine.conditions import check
from dagu_core.engine.host import Slots, Watch
from dagu_core.engine.logs import is_merged, size_of
from dagu_core.engine.outputs import write_outputs
from dagu_core.engine.patience import innermost
from dagu_core.engine.record import Record, heard
from dagu_core.model.plan.plan import PlannedStep
from dagu_core.model.run.decide import (
    Action,
    CheckConditions,
    EndRun,
    Settle,
    StartAttempt,
    StopAttempt,
    TimeOut,
    decide,
)
from dagu_core.model.run.events import (
    AttemptEnded,
    AttemptStarted,
    AttemptStopping,
    ConditionsChecked,
    Event,
    Noted,
    Outcome,
    RunEnded,
    RunFailed,
    RunTimedOut,
    StepSettled,
    StopRequested,
)
from dagu_core.model.run.run import Run
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.run.verdict import verdict
from dagu_core.model.values.scope import Scope


class Driver:
    """Drives one run. `post` is the only way in for anything that happens outside the loop."""

    def __init__(
        self,
        bench: Workbench,
        *,
        store: StateStore,
        clock: Clock,
        slots: Slots,
        watch: Watch,
        may_look_ahead: Callable[[], bool],
    ) -> None:
        self.bench = bench
        self.run: Run = bench.run
        self.plan = bench.plan
        self.clock, self.slots, self.watch = clock, slots, watch
        self.abandoned = False
        self.may_look_ahead = may_look_ahead
        #: signals that were taken up; each waits in the store until the run has recorded it
        self.told: set[StopSignal] = set()
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._checking: asyncio.Task[None] | None = None
        self._record = Record(bench.plan, bench.run, store)
        self._line = Line()
        self._held: list[Event] = []

    def post(self, event: Event) -> None:
        """Put an event into the inbox; the loop takes it up at once."""
        self._inbox.put_nowait(event)

    async def drive(self, first: Sequence[Event] = ()) -> Run:
        """Run to the end and return the run. `first` are events not yet committed.

        Raises LostOwnership when another process took the run over (its steps go on), and
        Unavailable when the store is gone.
        """
        self.told.update(heard(first))
        for event in first:
            self._record.apply(event)  # not `_apply`: a retry begins with a run that is over
        try:
            if self.run.active:
                # A run that kills its engine must count that before anything of it is touched.
                self.watch(self.run, await self._commit())
            async with asyncio.TaskGroup() as group:
                for index in sorted(self.run.active):
                    node = self.plan.nodes[index]
                    self._begin(group, node, self.run.steps[index].attempts, again=True)
                # A task that is cancelled before its first turn could not tell how it ended.
                await asyncio.sleep(0)
                while not self.run.is_over:
                    await self._turn(group)
        except BaseExceptionGroup as errors:
            raise innermost(errors) from None
        finally:
            self.watch.close()
        return self.run

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        """Decide until nothing is left to decide, record it all, then act, then wait."""
        begun: list[Action] = []
        while True:
            decision = decide(self.plan, self.run, self.clock.now())
            if not decision.actions:
                break
            for action in decision.actions:
                self._mark(action)
                if not self._is_done_ahead(action):
                    begun.append(action)
            if begun and isinstance(begun[-1], CheckConditions | EndRun):
                break
        if begun and isinstance(begun[-1], EndRun):
            for sentence in await close_run(self.bench):
                self._apply(Noted(self.clock.now(), "run.cleanup", sentence))
        committed = await self._commit() if self._record.pending else []
        for action in begun:
            await self._act(group, action)
        self._look_ahead(group)
        if committed and not self.run.is_over:
            # What was begun gets going first: telling about it can wait for that.
            await asyncio.sleep(0)
        self.watch(self.run, committed)
        if not self.run.is_over:
            await self._next_events(decision.wake_at)

    def _mark(self, action: Action) -> None:
        """Record the action as an event, so that deciding again does not repeat it."""
        now = self.clock.now()
        match action:
            case StartAttempt(index=index, number=number):
                node = self.plan.nodes[index]
                merged = is_merged(node, self.plan.log_output)
                out, err = self.bench.files.step_logs(node, merged)
                offset = size_of(out) if number > 1 else 0
                if (place := self._line.ahead.get(index)) is not None and place.begun:
                    now = max(place.begun_at, self.run.steps[node.depends[-1]].finished_at or 0.0)
                self._apply(AttemptStarted(now, node.name, number, out, err, offset))
            case StopAttempt(index=index, why=why):
                self._apply(AttemptStopping(now, self.plan.nodes[index].name, why))
            case Settle(index=index, status=status, reason=reason, detail=detail):
                self._line.forget()
                self._apply(StepSettled(now, self.plan.nodes[index].name, status, reason, detail))
            case TimeOut():
                self._apply(RunTimedOut(now))
            case EndRun(status=status):
                self._apply(RunEnded(now, status))
            case CheckConditions():
                pass

    async def _act(self, group: asyncio.TaskGroup, action: Action) -> None:
        match action:
            case StartAttempt(index=index, number=number):
                self._begin(group, self.plan.nodes[index], number, again=False)
            case StopAttempt(index=index):
                if (task := self._tasks.get(index)) is not None:
                    task.cancel()
            case CheckConditions():
                if self._checking is None:
                    self._checking = group.create_task(self._check_conditions())
            case EndRun():
                self._finish()
            case _:
                pass

    def _begin(self, group: asyncio.TaskGroup, node: PlannedStep, number: int, *, again: bool) -> None:
        place = self._line.adopt(node.index)
        if place is None:
            place = self._line.begin(node.index)
            self._tasks[node.index] = group.create_task(self._attempt(node, number, place, again))
        elif place.ended is not None:
            # It ended while its start was being recorded.
            self._line.leave(node.index)
            self.post(place.ended)

    def _look_ahead(self, group: asyncio.TaskGroup) -> None:
        """Make ready what certainly follows the step at work."""
        may = not self._held and self.may_look_ahead()
        for index, place in self._line.extend(self.plan, self.run) if may else ():
            attempt = self._attempt(self.plan.nodes[index], 1, place, again=False)
            place.task = self._tasks[index] = group.create_task(attempt)

    def _is_done_ahead(self, action: Action) -> bool:
        """Record the end of a step that was over before the run had got to it."""
        ended = self._line.end_of(action.index) if isinstance(action, StartAttempt) else None
        if ended is not None:
            started = self.run.steps[self.plan.by_name[ended.step]].started_at or 0.0
            self._apply(replace(ended, at=max(started, ended.at)))
        return ended is not None

    async def _take(self, event: Event) -> None:
        """Apply an event of the inbox; a stop has to come before or after what may begin ahead."""
        disturbs = self._line.ahead and isinstance(event, StopRequested | RunFailed)
        if disturbs and await self._line.settle(self.bench.supervision):
            self._held.append(event)
        else:
            self._apply(event)

    async def _attempt(self, node: PlannedStep, number: int, place: Place, again: bool) -> None:
        """Carry out one attempt and put its end into the inbox; never raises for the step."""
        task = asyncio.current_task()
        assert task is not None
        state = self.run.steps[node.index]
        logs = (state.stdout, state.stderr)
        try:
            if place.after is not None:
                logs = self.bench.files.step_logs(node, is_merged(node, self.plan.log_output))
                outcome = await carry_out(self.bench, node, number, place, logs)
            else:
                await self.slots.acquire()
                try:
                    begun = state.retried_at or state.started_at
                    spent = max(0.0, self.clock.now() - begun) if again and begun else 0.0
                    outcome = await carry_out(self.bench, node, number, place, logs, again=again, spent=spent)
                finally:
                    self.slots.release()
        except asyncio.CancelledError:
            if self.abandoned or not self.run.steps[node.index].stopping:
                raise
            task.uncancel()
            outcome = Outcome(exit_code=None, ended="stopped", message="stopped")
        self._tasks.pop(node.index, None)
        ended = AttemptEnded(self.clock.now(), node.name, number, outcome)
        if place.after is not None and not place.adopted:
            place.ended = ended
        else:
            self._line.leave(node.index)
            self.post(ended)
        for warning in outcome.warnings:
            self.bench.note("step.warning", warning, node.name)

    async def _check_conditions(self) -> None:
        context = self.bench.context
        results = await check(
            self.plan.preconditions,
            scope=Scope(layers=(context.base_env,), environ=context.environ),
            shell=context.shell,
            env={**context.environ, **context.dag_env},
            cwd=context.working_dir,
        )
        self.post(ConditionsChecked(self.clock.now(), tuple(context.masked(result) for result in results)))

    async def _next_events(self, wake_at: float | None) -> None:
        """Wait for one event (or the time), then take all that are there."""
        if self._held and not self._line.overtaken:
            while self._held:
                self._apply(self._held.pop(0))
            return
        if self._inbox.empty():
            if wake_at is None:
                await self._take(await self._inbox.get())
            else:
                try:
                    async with asyncio.timeout(max(0.0, wake_at - self.clock.now())):
                        await self._take(await self._inbox.get())
                except TimeoutError:
                    return
        await self._line.gather()
        while not self._inbox.empty():
            await self._take(self._inbox.get_nowait())

    def _apply(self, event: Event) -> None:
        if self.run.is_over and not isinstance(event, Noted):
            return
        self._record.apply(event)

    async def _commit(self) -> list[Event]:
        try:
            return await self._record.commit()
        except DaguError:
            self.abandoned = True
            raise

    def _finish(self) -> None:
        self._line.forget()
        if self._checking is not None:
            self._checking.cancel()
        with contextlib.suppress(OSError):
            write_outputs(self.run, self.bench.context, self.bench.files)

    def handler_status(self) -> str:
        """What DAG_RUN_STATUS says to a handler."""
        if self.run.unfinished and not (self.run.cancelled or self.run.timed_out):
            return "running"
        return verdict(self.run).label
