"""Evaluates preconditions and repeat conditions."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dagu_core.base.errors import DaguError, Invalid
from dagu_core.engine.env_limit import refuse_too_large
from dagu_core.engine.substitute import Substitution, run_for_output
from dagu_core.model.plan.plan import Shell
from dagu_core.model.plan.policies import Condition
from dagu_core.model.run.events import ConditionResult
from dagu_core.model.values.expand import expand
from dagu_core.model.values.scope import Scope
from dagu_core.model.values.shelltext import for_shell
from dagu_core.model.values.words import expand_words

#: seconds a `re:` pattern may take before it is called too slow
PATTERN_LIMIT = 2.0
# Patterns without nested or overlapping repetition cannot explode; they are matched in process.
_HARMLESS = re.compile(r"[^()*+{}]*(?:[*+][^()*+{}]*)?")


async def check(
    conditions: Sequence[Condition], *, scope: Scope, shell: Shell, env: Mapping[str, str], cwd: Path
) -> tuple[ConditionResult, ...]:
    """Evaluate all conditions, also after the first unmet one; see `ConditionResult.error`."""
    results = []
    unmet = False
    for condition in conditions:
        error = await _judge(condition, scope, shell, env, cwd)
        results.append(ConditionResult(condition.condition, condition.expected, condition.negate, error))
        unmet = unmet or bool(error)
    return tuple(results)


async def _judge(condition: Condition, scope: Scope, shell: Shell, env: Mapping[str, str], cwd: Path) -> str:
    """Why the condition is not met, "" when it is."""
    try:
        if condition.expected:
            error = await _compare(condition, scope, shell, env, cwd)
        else:
            error = await _succeeds(condition.condition, scope, shell, env, cwd)
    except (DaguError, OSError) as failure:
        # A condition that cannot be evaluated is not met either way round.
        return f"condition could not be evaluated: {failure}"
    if condition.negate:
        return "" if error else "condition was met, but is negated"
    return error


async def _succeeds(text: str, scope: Scope, shell: Shell, env: Mapping[str, str], cwd: Path) -> str:
    if shell.is_direct:
        words = shlex.split(await expand_words(text, scope, Substitution(shell, env, cwd)))
        code, _ = await run_for_output(words, env=env, cwd=cwd)
    else:
        refuse_too_large([text], scope)
        prepared = await for_shell(text, scope, Substitution(shell, env, cwd))
        code, _ = await run_for_output(
            [*shell.argv, "-c", prepared.text], env={**env, **prepared.env}, cwd=cwd
        )
    return f"condition was not met: exit status {code}" if code else ""


async def _compare(
    condition: Condition, scope: Scope, shell: Shell, env: Mapping[str, str], cwd: Path
) -> str:
    value = await expand(condition.condition, scope, Substitution(shell, env, cwd))
    if await matches_line(condition.expected, value):
        return ""
    return f'condition was not met: expected "{condition.expected}", got "{value[:200]}"'


async def matches_line(expected: str, value: str) -> bool:
    """Whether any line of `value` equals `expected`, or has a hit of `re:PATTERN`."""
    lines = value.split("\n")
    if not expected.startswith("re:"):
        return expected in lines
    return await search(expected[3:], lines)


async def search(pattern: str, lines: Sequence[str]) -> bool:
    """Whether `pattern` is found in any line. An invalid pattern matches nothing; one that takes
    longer than PATTERN_LIMIT seconds raises Invalid."""
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    if _HARMLESS.fullmatch(pattern):
        return any(compiled.search(line) for line in lines)
    return await _search_in_child(pattern, lines)


async def _search_in_child(pattern: str, lines: Sequence[str]) -> bool:
    # Nothing can interrupt Python's matcher from inside the process; a child can be killed.
    program = (
        "import re,sys;p,*ls=sys.stdin.buffer.read().decode('utf-8','surrogatepass').split('\\0');"
        "sys.exit(0 if any(re.search(p,l) for l in ls) else 3)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", program, stdin=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    data = "\0".join([pattern, *lines]).encode("utf-8", "surrogatepass")
    try:
        async with asyncio.timeout(PATTERN_LIMIT):
            await process.communicate(data)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Invalid(
            f"pattern too slow: re:{pattern}", hint="avoid nested repetition such as (a+)+"
        ) from None
    return process.returncode == 0
