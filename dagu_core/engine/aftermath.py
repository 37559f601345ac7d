"""What is read from the outside once an attempt has ended."""

from __future__ import annotations

from msgspec.structs import replace

from dagu_core.engine.capture import OutputTooLarge, captured, error_tail, log_matches
from dagu_core.engine.conditions import check
from dagu_core.engine.context import RunContext
from dagu_core.engine.scope import StepScope
from dagu_core.engine.streams import Streams
from dagu_core.model.plan.plan import PlannedStep
from dagu_core.model.run.events import Outcome


async def finish(
    context: RunContext,
    node: PlannedStep,
    streams: Streams,
    error_offset: int,
    values: StepScope | None,
    outcome: Outcome,
    limit: int,
) -> Outcome:
    """Add what is read from the outside: captured output (`limit` bytes at most), matches, the
    repeat condition."""
    if node.output is None and not node.output_rules:
        outcome = replace(outcome, output=None)
    elif outcome.output is not None:
        outcome = _given(context, outcome, limit)
    elif outcome.ended in ("exited", "timeout"):
        path, offset = (streams.capture, 0) if streams.capture else (streams.stdout, streams.offset)
        try:
            text, warnings = captured(path, offset, limit)
            outcome = replace(outcome, output=text, warnings=(*outcome.warnings, *warnings))
        except OutputTooLarge as error:
            outcome = replace(outcome, exit_code=outcome.exit_code or 1, ended="error", message=str(error))
    if node.output_rules:
        outcome = await _by_its_rules(context, node, outcome)
    if not outcome.succeeded and outcome.ended == "exited" and outcome.status is None:
        tail = error_tail(streams.stderr, error_offset, context.masker)
        message = outcome.message or f'failed to execute step "{node.name}": exit status {outcome.exit_code}'
        outcome = replace(outcome, message=f"{message}\n{tail}" if tail else message)
    if not outcome.succeeded and (wanted := node.continue_on.output):
        matched, wrong = await log_matches(streams.stdout, wanted, limit)
        message = f"{outcome.message}\ncontinueOn.output: {wrong}" if wrong else outcome.message
        outcome = replace(outcome, output_matched=matched, message=message)
    if node.repeat is not None and node.repeat.condition is not None and values is not None:
        if node.output is not None and outcome.output is not None:
            fresh = {node.output.name: context.restore(outcome.output)}
            values.scope.layers = (fresh, *values.scope.layers)
        (result,) = await check(
            [node.repeat.condition],
            scope=values.scope,
            shell=context.shell,
            env={**context.environ, **values.env},
            cwd=context.working_dir,
        )
        outcome = replace(outcome, repeat_met=result.met)
    if context.masker is None:
        return outcome
    return replace(
        outcome,
        message=context.mask(outcome.message),
        warnings=tuple(map(context.mask, outcome.warnings)),
        details=context.mask_data(outcome.details),
    )


def _given(context: RunContext, outcome: Outcome, limit: int) -> Outcome:
    """The outcome of an executor that gives the captured value itself."""
    data = (outcome.output or "").encode("utf-8", "replace")
    if len(data) > limit:
        error = OutputTooLarge(f"output exceeded maximum size limit of {limit} bytes")
        return replace(
            outcome, exit_code=outcome.exit_code or 1, ended="error", message=str(error), output=None
        )
    if context.masker is not None:
        data = context.masker.tokenize(data)
    return replace(outcome, output=data.decode("utf-8", "replace"))


async def _by_its_rules(context: RunContext, node: PlannedStep, outcome: Outcome) -> Outcome:
    """The outcome of a step whose step type says what it writes; what breaks the rules is kept by nobody."""
    from dagu_core.engine.step_rules import wrong_output

    wrong = ""
    if outcome.succeeded and outcome.output is not None:
        wrong = await wrong_output(node.output_rules, context.restore(outcome.output))
    if wrong:
        return replace(outcome, exit_code=1, ended="error", message=wrong, output=None)
    return outcome if node.output is not None else replace(outcome, output=None)
