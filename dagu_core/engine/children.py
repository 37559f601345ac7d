"""Sub-DAG runs of a step: start or find them, wait, report, stop them with their parent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dagu_core.base.errors import DaguError, Invalid
from dagu_core.base.masking import from_below, without_references
from dagu_core.base.names import child_run_id
from dagu_core.engine.child_run import Child, ChildRun
from dagu_core.model.plan.plan import Call, Param, Plan, PlannedStep
from dagu_core.model.run.events import ChildRef, ChildStarted, Outcome, StopRequested
from dagu_core.model.run.run import Run, RunRef
from dagu_core.model.status import RunStatus, StepStatus
from dagu_core.model.values.expand import expand, expand_at_home, expand_data
from dagu_core.model.values.items import split_items
from dagu_core.model.values.params import child_params, params_from_data, params_text, parse_params
from dagu_core.model.values.text import to_text

if TYPE_CHECKING:
    from dagu_core.engine.attempt import LiveAttempt
    from dagu_core.engine.context import RunContext
    from dagu_core.engine.driver import Driver
    from dagu_core.engine.new_run import Launch
    from dagu_core.engine.runner import Runner

#: levels of sub-DAGs below the root
NESTING_LIMIT = 32
ITEM_LIMIT = 1000


class RunChildren:
    """The `Children` of one attempt."""

    def __init__(
        self,
        runner: Runner,
        launch: Launch,
        driver: Driver,
        node: PlannedStep,
        number: int,
        attempt: LiveAttempt,
    ) -> None:
        self.runner, self.launch, self.driver, self.node = runner, launch, driver, node
        self.number, self.attempt = number, attempt

    async def run(self, call: Call) -> Outcome:
        """Run the called DAG, once or once an item; write the summary JSON to stdout."""
        if self.launch.depth >= NESTING_LIMIT:
            raise Invalid(f"nesting limit: sub-DAGs may be nested {NESTING_LIMIT} levels deep")
        plan = self.runner.definitions.child(call.target, self.driver.plan)
        if call.parallel is None:
            child = self._child(plan, await self._params(call, None))
            try:
                run = await self._one(child)
            except asyncio.CancelledError:
                await self._write_of_stopped(None)
                raise
            await self._write(_report(run, child.text, self.driver.bench.context))
            return _single_outcome(run)
        return await self._fan_out(plan, call)

    async def _fan_out(self, plan: Plan, call: Call) -> Outcome:
        assert call.parallel is not None
        items = await self._items(call)
        if not items:
            if call.parallel.allow_empty:
                await self._write(_summary([], 0, self.driver.bench.context))
                return Outcome()
            raise Invalid(
                "parallel execution requires at least one item",
                hint="`allowEmpty: true` lets an empty list succeed",
            )
        if len(items) > ITEM_LIMIT:
            raise Invalid(f"parallel: {len(items)} items, at most {ITEM_LIMIT} are allowed")
        children: dict[str, Child] = {}
        for item in items:
            child = self._child(plan, await self._params(call, item))
            children.setdefault(child.ref.run_id, child)  # equal parameters are one run
        gate = asyncio.Semaphore(call.parallel.max_concurrent)

        async def bounded(child: Child) -> Run | DaguError:
            async with gate:
                try:
                    return await self._one(child)
                except DaguError as error:
                    return error

        tasks: list[asyncio.Task[Run | DaguError]] = []
        context = self.driver.bench.context
        try:
            async with asyncio.TaskGroup() as group:
                tasks += [group.create_task(bounded(child)) for child in children.values()]
        except asyncio.CancelledError:
            ended = [
                (task.result(), child)
                for task, child in zip(tasks, children.values(), strict=False)
                if task.done() and not task.cancelled()
            ]
            await self._write_of_stopped(_summary(ended, len(children), context))
            raise
        results = [task.result() for task in tasks]
        pairs = list(zip(results, children.values(), strict=True))
        await self._write(_summary(pairs, len(children), context))
        return _parallel_outcome(results)

    async def _items(self, call: Call) -> Sequence[Any]:
        assert call.parallel is not None
        scope, run = self.attempt.values.scope, self.attempt.substitution
        if call.parallel.source:
            return split_items(await expand(call.parallel.source, scope, run))
        return [
            await (expand_at_home if isinstance(item, str) else expand_data)(item, scope, run)
            for item in call.parallel.items
        ]

    async def _params(self, call: Call, item: Any) -> tuple[Param, ...]:
        scope, run = self.attempt.values.scope, self.attempt.substitution
        if item is None:
            return await child_params(call.params, scope, run)
        text = to_text(item)
        if not call.params:
            return params_from_data(item) if isinstance(item, dict) else parse_params(text)
        from dagu_core.model.values.scope import Scope

        wider = Scope(
            layers=({"ITEM": text}, *scope.layers),
            environ=scope.environ,
            steps=scope.steps,
            outputs=scope.outputs,
            positional=scope.positional,
        )
        return await child_params(call.params, wider, run)

    def _child(self, plan: Plan, params: tuple[Param, ...]) -> Child:
        pairs = [(param.name or str(n), param.value) for n, param in enumerate(params, 1)]
        text = kept = shown = params_text(pairs)
        if (masker := self.driver.bench.context.masker) is not None:
            kept = params_text([(masker.tokenize(name), masker.tokenize(value)) for name, value in pairs])
            shown = without_references(kept)
        state = self.driver.run.steps[self.node.index]
        # A repetition wants new runs; a retry finds the old ones and resumes them.
        salt = f"#{state.done_count}" if state.done_count else ""
        run_id = child_run_id(str(self.driver.run.ref), self.node.name, kept, salt)
        return Child(plan, RunRef(plan.name, run_id), params, text, shown)

    async def _one(self, child: Child) -> Run:
        """Start the child run, or go on with the one that exists; stop it when we are stopped."""
        self.driver.post(
            ChildStarted(
                self.runner.clock.now(),
                self.node.name,
                ChildRef(child.ref.dag, child.ref.run_id, child.shown),
            )
        )
        work = ChildRun(self.runner, self.launch, self.driver, self.node, self.number, self.attempt, child)
        task = asyncio.create_task(work.carry_out())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self.driver.abandoned:
                task.cancel()
                raise
            await self._stop(child, task)
            raise

    async def _stop(self, child: Child, task: asyncio.Task[Run]) -> None:
        signal_name = self.node.signal_on_stop or self.driver.run.stop_signal or "SIGTERM"
        force = self.driver.run.forced
        while not task.done():
            self.runner.stop_child(child.ref, StopRequested(0, "parent", signal_name, force))
            try:
                await asyncio.wait({task}, timeout=0.5)
            except asyncio.CancelledError:
                force = True
        if not task.cancelled() and task.exception() is not None:
            return

    async def _write_of_stopped(self, document: Any) -> None:
        """What a step prints that was stopped; an engine that only leaves its runs to another is silent."""
        if not self.driver.abandoned:
            await self._write(document)

    async def _write(self, document: Any) -> None:
        if self.attempt.again:
            # The earlier engine may have written it already and died right after.
            with contextlib.suppress(OSError):
                os.truncate(self.attempt.streams.stdout, self.attempt.streams.offset)
        text = json.dumps(document, indent=2, ensure_ascii=False)
        await self.attempt.stdout.write(text.encode("utf-8", "replace") + b"\n")


def _outputs(run: Run, context: RunContext) -> dict[str, str]:
    """The outputs of a child; a secret in one is passed on only where the parent knows it too."""
    return {
        node.output.name: without_references(context.restore(from_below(output)))
        for node in run.plan.nodes
        if node.output is not None and (output := run.steps[node.index].output) is not None
    }


def _report(run: Run, params: str, context: RunContext) -> dict[str, Any]:
    report: dict[str, Any] = {"name": run.ref.dag, "dagRunId": run.ref.run_id}
    if params:
        report["params"] = params
    return report | {"outputs": _outputs(run, context), "status": run.summary.status.label}


def _summary(
    ended: Sequence[tuple[Run | DaguError, Child]], total: int, context: RunContext
) -> dict[str, Any]:
    """The report of a fan-out of `total` runs, of which these have come to their end."""
    done = [(run, child) for run, child in ended if isinstance(run, Run)]
    good = [run for run, _ in done if run.summary.status.is_success]
    return {
        "summary": {"total": total, "succeeded": len(good), "failed": len(ended) - len(good)},
        "results": [_report(run, child.text, context) for run, child in done],
        "outputs": [_outputs(run, context) for run in good],
    }


def _single_outcome(run: Run) -> Outcome:
    status = run.summary.status
    if status is RunStatus.SUCCEEDED:
        return Outcome()
    if status is RunStatus.PARTIALLY_SUCCEEDED:
        return Outcome(status=StepStatus.PARTIALLY_SUCCEEDED)
    return Outcome(exit_code=1, message=f"sub DAG run {run.ref} failed with status: {status.label}")


def _parallel_outcome(results: Sequence[Run | DaguError]) -> Outcome:
    statuses = [result.summary.status for result in results if isinstance(result, Run)]
    errors = [result for result in results if not isinstance(result, Run)]
    bad = sum(not status.is_success for status in statuses) + len(errors)
    if bad:
        first = f": {errors[0]}" if errors else ""
        return Outcome(exit_code=1, message=f"{bad} of {len(results)} sub DAG runs did not succeed{first}")
    if RunStatus.PARTIALLY_SUCCEEDED in statuses:
        return Outcome(status=StepStatus.PARTIALLY_SUCCEEDED)
    return Outcome()
