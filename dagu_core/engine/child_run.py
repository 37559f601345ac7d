"""One sub-DAG run: begin it, or go on with the one that exists."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.base.errors import AlreadyExists, Conflict, NotFound
from dagu_core.base.masking import names_below
from dagu_core.base.names import check_queue_name, priority_of
from dagu_core.contracts.store import StoredRun
from dagu_core.engine.new_run import Launch
from dagu_core.engine.queue_turn import carry_out_in_turn, create_queued
from dagu_core.model.plan.plan import Param, Plan, PlannedStep
from dagu_core.model.run.events import Noted, RunReset
from dagu_core.model.run.index import restore
from dagu_core.model.run.retry import steps_to_retry
from dagu_core.model.run.run import Run, RunRef
from dagu_core.model.status import RunStatus
from dagu_core.model.values.expand import expand

if TYPE_CHECKING:
    from dagu_core.engine.attempt import LiveAttempt
    from dagu_core.engine.driver import Driver
    from dagu_core.engine.runner import Runner

#: seconds between two looks at a child that another process drives
_POLL = 0.5


class Child(Struct, frozen=True):
    """Which run of which plan an attempt calls for; `text` is what its parameters look like, `shown`
    the same without the values of secrets."""

    plan: Plan
    ref: RunRef
    params: tuple[Param, ...]
    text: str
    shown: str


class ChildRun(Struct, frozen=True):
    """Carries out a child for attempt `number` of a step; `launch` and `driver` are the parent's."""

    runner: Runner
    launch: Launch
    driver: Driver
    node: PlannedStep
    number: int
    attempt: LiveAttempt
    child: Child

    async def carry_out(self) -> Run:
        """Drive the child to its end. One with a queue waits for a slot of its own, and then its
        parent needs none; any other works in the slot of its parent."""
        launch = await self._launch()
        if launch.seat is not None or self.launch.seat is None:
            return await self._begin_or_go_on(launch)
        async with self.launch.seat.lent():
            return await self._begin_or_go_on(launch)

    async def _launch(self) -> Launch:
        context, call, parent = self.driver.bench.context, self.attempt.call, self.driver.run
        queue = self.child.plan.queue
        if call is not None and call.queue:
            text = await expand(call.queue, self.attempt.values.scope, self.attempt.substitution)
            queue = text.strip() or queue
        queues = self.runner.queues
        if queue:
            queue = queues.check(queue) if queues is not None else check_queue_name(queue)
        priority = parent.summary.priority
        if call is not None and call.priority:
            text = await expand(call.priority, self.attempt.values.scope, self.attempt.substitution)
            priority = priority_of(text)
        waits = bool(queue) and queues is not None
        home, home_slots = "", 0
        if queues is not None and self.child.plan.queue:
            home, home_slots = queues.home_of(self.child.plan, queue)
        return Launch(
            plan=self.child.plan,
            ref=self.child.ref,
            overrides=self.child.params,
            environ={
                **self.launch.environ,
                **context.dag_env,
                **context.param_values,
                **context.secrets,
            },
            fallback_dir=str(self.attempt.working_dir),
            root=parent.summary.root,
            parent=parent.ref,
            parent_step=self.node.name,
            queue=queue,
            home=home,
            home_slots=home_slots,
            priority=priority,
            depth=self.launch.depth + 1,
            inherited=names_below(context.known),
            seat=None if waits else self.launch.seat,
        )

    async def _begin_or_go_on(self, launch: Launch) -> Run:
        if self.number == 1 and not self.attempt.again:
            try:
                return await self._begin(launch)
            except AlreadyExists:
                pass
        try:
            stored = await self.runner.store.load(self.child.ref)
        except NotFound:
            return await self._begin(launch)
        return await self._go_on(launch, stored)

    async def _begin(self, launch: Launch) -> Run:
        from dagu_core.engine.launch import start

        if launch.seat is not None:
            return await start(self.runner, launch)
        await create_queued(self.runner, launch)
        return await self._in_turn(launch)

    async def _in_turn(self, launch: Launch) -> Run:
        return await carry_out_in_turn(self.runner, launch, self._note) or await self._wait()

    async def _go_on(self, launch: Launch, stored: StoredRun) -> Run:
        from dagu_core.engine.launch import resume

        summary = stored.summary
        run = restore(launch.plan, summary, stored.steps)
        # One that was taken out of its queue has an end, but never began.
        last = summary.started_at or summary.finished_at or 0.0
        if summary.status.is_success or (
            self.attempt.again and summary.status.is_over and last >= self._begun()
        ):
            # It ended while this attempt had no engine: that is its true result.
            return run
        launch = replace(launch, params=summary.params)
        if summary.status is RunStatus.QUEUED:
            return await self._in_turn(launch)
        if summary.status is RunStatus.RUNNING:
            try:
                return await resume(self.runner, launch, stored, recovered=True)
            except Conflict:
                return await self._wait()
        if launch.seat is None:
            # The next attempt waits for a slot before its first step, not before it is recorded.
            await self.runner.store.hold_slot(summary.ref, fence=summary.fence, held=False)
        reset = RunReset(self.runner.clock.now(), steps_to_retry(run), reason="parent retried")
        return await resume(self.runner, launch, stored, reset=reset)

    async def _wait(self) -> Run:
        """Wait for a child that another process drives."""
        while True:
            stored = await self.runner.store.load(self.child.ref)
            summary = stored.summary
            if summary.status.is_over:
                return restore(self.child.plan, summary, stored.steps)
            if not self.runner.is_alive(summary.engine, summary.host):
                return await self.carry_out()
            await asyncio.sleep(_POLL)

    def _begun(self) -> float:
        state = self.driver.run.steps[self.node.index]
        return state.retried_at or state.started_at or 0.0

    def _note(self, what: str) -> None:
        self.driver.post(Noted(self.runner.clock.now(), "queue.waits", what, self.node.name))
