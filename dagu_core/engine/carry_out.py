"""Carries out one attempt of a step: from its plan and the run's values to an `Outcome`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.base.errors import DaguError, Invalid, PluginError
from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.discovery import BUILTINS
from dagu_core.contracts.executor import Children, Executor
from dagu_core.contracts.guard import Guard
from dagu_core.engine.aftermath import finish
from dagu_core.engine.ahead import Place
from dagu_core.engine.attempt import LiveAttempt, Lost, describe, stop_what_runs
from dagu_core.engine.conditions import check
from dagu_core.engine.context import RunContext, from_home
from dagu_core.engine.logs import RunFiles, make_folder, may_not_fit, size_of
from dagu_core.engine.patience import MARGIN, LeftBehind, bounded
from dagu_core.engine.real_values import real_config
from dagu_core.engine.scope import StepScope, Visibility, step_scope
from dagu_core.engine.streams import Streams
from dagu_core.engine.substitute import Substitution
from dagu_core.engine.supervision import Supervision
from dagu_core.engine.texts import prepare
from dagu_core.model.plan.plan import Plan, PlannedStep, Shell
from dagu_core.model.run.events import ConditionResult, Outcome
from dagu_core.model.run.run import Run
from dagu_core.model.values.expand import expand, expand_at_home

if TYPE_CHECKING:
    from dagu_core.base.config import Config

TIMEOUT_CODE = 124


class Workbench(Struct):
    """What every attempt of one run is carried out with."""

    plan: Plan
    run: Run
    context: RunContext
    catalog: Catalog
    files: RunFiles
    visibility: Visibility
    supervision: Supervision
    note: Callable[[str, str, str], None]
    children: Callable[[PlannedStep, int, LiveAttempt], Children]
    abandoned: Callable[[], bool]
    handler_status: Callable[[], str]
    now: Callable[[], float]
    log_limit: int = 1 << 30


async def carry_out(
    bench: Workbench,
    node: PlannedStep,
    number: int,
    place: Place,
    logs: tuple[str, str],
    *,
    again: bool = False,
    spent: float = 0.0,
) -> Outcome:
    """Do attempt `number` of `node`, which writes to `logs`; `again` = an earlier engine began it
    `spent` seconds ago, find it instead.

    Never raises for a failed step; CancelledError passes after everything has been stopped.
    """
    state = bench.run.steps[node.index]
    streams = Streams(
        stdout=logs[0],
        stderr=logs[1],
        offset=state.offset,
        wants_output=node.output is not None or bool(node.output_rules),
        limit=bench.plan.max_output_size,
        log_limit=bench.log_limit,
        masker=bench.context.masker,
        secrets=bench.context.known,
        filter_lock=(lock := bench.files.filter_lock(node.index, number)),
        scarce=os.path.exists(lock) if again else may_not_fit(bench.files.run_dir, bench.log_limit),
    )
    # The first attempt begins the log, whoever has begun the attempt: a dead engine may have.
    error_offset = 0 if again or number == 1 else size_of(streams.stderr)
    conditions: tuple[ConditionResult, ...] = ()
    attempt: LiveAttempt | None = None
    retry = state.retry
    values: StepScope | None = None
    if number > 1 and not again:
        bench.files.forget(node.index, number - 1)
    try:
        values, cwd, shell = await _values(bench, node, number, logs)
        if node.preconditions and number == 1 and not (again and _has_begun(bench, node, number)):
            conditions = await check(
                node.preconditions,
                scope=values.scope,
                shell=bench.context.shell,
                env={**bench.context.environ, **values.env, "PWD": str(bench.context.working_dir)},
                cwd=bench.context.working_dir,
            )
            conditions = tuple(bench.context.masked(result) for result in conditions)
            if unmet := [result.error for result in conditions if not result.met]:
                return Outcome(exit_code=None, ended="skipped", conditions=conditions, message=unmet[0])
        if node.retry is not None and node.retry.is_open and retry is None:
            from dagu_core.engine.retry_rule import filled_in

            retry = await filled_in(node.retry, bench.context, values)
        attempt, executor = await _make(bench, node, number, place, values, cwd, shell, streams, again)
        outcome = await _run(bench, node, attempt, executor, again, spent)
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is None or task.cancelling():
            if again and not bench.abandoned():
                # The stop may have come before the process of the earlier engine was found.
                await stop_what_runs(node, bench.files.status(node.index, number), bench.plan.stop_grace)
            raise
        outcome = Outcome(exit_code=1, ended="error", message="a guard of the step cancelled itself")
    except TimeoutError:
        message = f"step timed out after {node.timeout:g}s"
        outcome = Outcome(exit_code=TIMEOUT_CODE, ended="timeout", message=message)
    except Lost as lost:
        outcome = Outcome(exit_code=None, ended="lost", message=f"lost: {lost}")
    except OSError as error:
        code, message = describe(error)
        outcome = Outcome(exit_code=code, ended="error", message=message)
    except DaguError as error:
        outcome = Outcome(exit_code=1, ended="error", message=str(error))
    except (Exception, SystemExit) as error:  # a plugin's bug ends its step, nothing else
        outcome = Outcome(exit_code=1, ended="error", message=f"{type(error).__name__}: {error}")
    if attempt is not None:
        attempt.close_writers()
        outcome = replace(
            outcome, warnings=(*outcome.warnings, *attempt.warnings), usage=attempt.usage or outcome.usage
        )
    outcome = replace(outcome, conditions=conditions, retry=retry)
    return await finish(
        bench.context, node, streams, error_offset, values, outcome, bench.plan.max_output_size
    )


async def _values(
    bench: Workbench, node: PlannedStep, number: int, logs: tuple[str, str]
) -> tuple[StepScope, Path, Shell]:
    context = bench.context
    cwd = context.working_dir
    status = bench.handler_status() if node.handler is not None else ""
    values = await step_scope(
        node,
        bench.run,
        context,
        bench.visibility,
        cwd=cwd,
        spill=bench.files.scratch(node.index, number),
        status=status,
        logs=logs,
    )
    if node.working_dir:
        text = await expand(node.working_dir, values.scope)
        cwd = Path(os.path.normpath(cwd / from_home(text)))
        values.env["PWD"] = str(cwd)
    make_folder(cwd)
    shell = context.shell
    if node.shell is not None:
        argv = tuple([await expand(word, values.scope) for word in node.shell.argv])
        shell = Shell(argv, node.shell.packages)
    return values, cwd, shell


async def _make(
    bench: Workbench,
    node: PlannedStep,
    number: int,
    place: Place,
    values: StepScope,
    cwd: Path,
    shell: Shell,
    streams: Streams,
    again: bool,
) -> tuple[LiveAttempt, Executor[Any]]:
    part = bench.catalog.executors.get(node.executor)
    if part is None:
        raise Invalid(f'executor type "{node.executor}" is not registered')
    substitution = Substitution(bench.context.shell, values.env, bench.context.working_dir)
    for name in ("stdout", "stderr"):
        if path := getattr(node, name):
            told = await expand_at_home(path, values.scope, substitution)
            target = Path(os.path.normpath(bench.context.working_dir / told))
            make_folder(target.parent)
            setattr(streams, "extra_out" if name == "stdout" else "extra_err", str(target))
    if node.made_from and not again:
        from dagu_core.engine.step_rules import check_inputs

        await check_inputs(node, values)
    literal = bench.plan.source.literal and node.handler is None
    config, expansion = None, part.expansion
    if part.__module__ not in BUILTINS:  # those have no config, whose model would have to be loaded
        config = await real_config(part.Config, dict(node.config), "config", values.scope, substitution)
        expansion = part.expansion_of(node, config, bench.context.fields)
    expansion = "none" if literal else expansion
    texts = await prepare(node, shell, expansion, values, substitution)
    step_fields = {
        word: await real_config(model, node.extras[word], word, values.scope, substitution)
        for word, model in part.step_fields.items()
        if word in node.extras
    }
    attempt = LiveAttempt(
        run=bench.run.ref,
        step=node,
        number=number,
        config=config,
        context=bench.context,
        texts=texts,
        shell=shell,
        shell_is_own=node.shell is not None,
        env={**values.env, **texts.env},
        working_dir=cwd,
        scratch_path=bench.files.scratch(node.index, number),
        status_path=bench.files.status(node.index, number),
        streams=streams,
        grace=bench.plan.stop_grace,
        stop_signal_name=lambda: bench.run.stop_signal,
        note=lambda code, message: bench.note(code, message, node.name),
        values=values,
        substitution=substitution,
        supervision=bench.supervision,
        again=again,
        place=place,
        now=bench.now,
        children_of=lambda attempt: bench.children(node, number, attempt),
        step_fields=step_fields,
        dag_fields=bench.context.fields,
        abandoned=bench.abandoned,
        forced=lambda: bench.run.forced,
    )
    return attempt, part()


def _has_begun(bench: Workbench, node: PlannedStep, number: int) -> bool:
    """Whether an earlier engine got beyond the preconditions of the attempt, as far as can be told."""
    if (part := bench.catalog.executors.get(node.executor)) is None or not part.reattaches:
        return True
    return os.path.exists(bench.files.status(node.index, number)) or bool(
        bench.run.steps[node.index].children
    )


async def _run(
    bench: Workbench,
    node: PlannedStep,
    attempt: LiveAttempt,
    executor: Executor[Any],
    again: bool,
    spent: float,
) -> Outcome:
    # A called DAG ends with handlers of its own, however long they take.
    patience = attempt.grace + MARGIN if node.call is None else None
    async with AsyncExitStack() as stack:
        for guard, config in await _guards(bench.catalog, node, attempt):
            await stack.enter_async_context(guard.hold(config, attempt))
        async with asyncio.timeout(max(0.0, node.timeout - spent) if node.timeout else None):
            work = executor.reattach(attempt) if again else executor.run(attempt)
            try:
                if type(executor).__module__ in BUILTINS:
                    return await work
                # Most runs have no step type of a plugin.
                from dagu_core.contracts.verdict import checked
                from dagu_core.engine.watchdog import watched

                label = f"executor {node.executor} of step {node.name}"
                seen = watched(work, label, lambda text: attempt.note("engine.blocked", text))
                return checked(await bounded(seen, patience))
            except LeftBehind as left:
                attempt.note("step.abandoned", f"executor {node.executor} {left} and was left behind")
                raise asyncio.CancelledError from left
            except PluginError as error:
                raise PluginError(f"executor {node.executor} {error}") from None


async def _guards(catalog: Catalog, node: PlannedStep, attempt: LiveAttempt) -> list[tuple[Guard, Config]]:
    held = []
    for key, data in node.extras.items():
        if (part := catalog.guards.get(key)) is None:
            continue  # a key of the step's type
        config = await real_config(part.Config, data, key, attempt.values.scope, attempt.substitution)
        held.append((part(), config))
    return sorted(held, key=lambda pair: pair[0].order)
