"""The retry rule of a step whose numbers are references or commands. Imported only for such steps."""

from __future__ import annotations

import math

from msgspec.structs import replace

from dagu_core.base.errors import Invalid
from dagu_core.engine.context import RunContext
from dagu_core.engine.scope import StepScope
from dagu_core.engine.substitute import Substitution
from dagu_core.model.plan.policies import MAX_INTERVAL, MAX_RETRIES, Retry
from dagu_core.model.values.expand import expand


async def filled_in(rule: Retry, context: RunContext, values: StepScope) -> Retry:
    """`rule` with numbers in the place of its texts, which see what the step's other texts see.

    Raises Invalid for what is no number, or one the file could not have either.
    """
    run = Substitution(context.shell, values.env, context.working_dir)
    limit, interval = float(rule.limit), rule.interval
    if rule.limit_text:
        text = await expand(rule.limit_text, values.scope, run)
        limit = _number(text, "limit", MAX_RETRIES, whole=True)
    if rule.interval_text:
        text = await expand(rule.interval_text, values.scope, run)
        interval = _number(text, "intervalSec", MAX_INTERVAL, whole=False)
    return replace(rule, limit=int(limit), interval=interval, limit_text="", interval_text="")


def _number(text: str, key: str, most: int, *, whole: bool) -> float:
    try:
        number = float(int(text)) if whole else float(text)
        number = math.nan if "_" in text else number
    except (ValueError, OverflowError):
        number = math.nan
    if math.isnan(number):
        kind = "int" if whole else "a number"
        hint = "a reference needs a value: a parameter, an `env` entry, an output of a step before"
        raise Invalid(f'retryPolicy.{key}: failed to convert "{text[:100]}" to {kind}', hint=hint)
    if not 0 <= number <= most:
        raise Invalid(f"retryPolicy.{key} must be from 0 to {most}, not {text[:100].strip()}")
    return number
