"""What a step type of the file promises, judged when the values are there: its inputs before the step
runs, its output afterwards. Imported only for steps of such types."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from dagu_core.base.errors import Invalid
from dagu_core.base.spelling import is_reference
from dagu_core.engine.scope import StepScope
from dagu_core.model.plan.plan import MadeFrom, PlannedStep
from dagu_core.model.values.expand import expand_data
from dagu_core.model.values.json_rules import broken, is_slow

#: Seconds for a schema with patterns that may never end; the start of the child does not count.
PATTERN_LIMIT = 2.0
_START_LIMIT = 60.0
_CHILD = """
import json, sys
from dagu_core.base.errors import Invalid
from dagu_core.model.values.json_rules import broken
broken({"properties": {"a": {"pattern": "a"}}}, {"a": "a"})
print(flush=True)
rules, data = json.load(sys.stdin)
try:
    found = [[one.path, one.keyword, one.told] for one in broken(rules, data, slow=True)]
except Invalid as error:
    found = [[[], "", str(error)]]
json.dump(found, sys.stdout)
"""
#: (path, keyword, sentence) of one broken rule
Found = tuple[tuple[Any, ...], str, str]


async def check_inputs(node: PlannedStep, values: StepScope) -> None:
    """Raise Invalid when what the step gives its step type does not meet the schema.

    References are filled in; a text that spells a number, a list and the like is taken for one where
    the schema wants that. Commands in backticks are not run for this, and what they give not judged.
    """
    for use in node.made_from:
        if use.rules is None:
            continue
        real = await expand_data(use.inputs, values.scope)
        found = await _broken(use.rules, real)
        for path, _, _ in found:
            _decode(real, use.inputs, path)
        if found:
            found = await _broken(use.rules, real)
        told = [text for path, _, text in found if not _is_command(real, path)]
        if told:
            raise Invalid(f"inputs of step type `{use.type}`: " + "; ".join(told))


async def wrong_output(rules: tuple[MadeFrom, ...], text: str) -> str:
    """What is wrong with the output of a step, in words without its values; "" = nothing."""
    for use in rules:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = str(error).partition(":")[0].lower() if text else "it is empty"
            return f"output of step type `{use.type}` is not JSON: {reason}"
        try:
            found = await _broken(use.outputs or {}, data)
        except Invalid as error:
            return f"output of step type `{use.type}`: {error}"
        if found:
            return f"output of step type `{use.type}`: " + "; ".join(told for _, _, told in found)
    return ""


async def _broken(rules: Mapping[str, Any], data: Any) -> list[Found]:
    rules = {"type": "object", **rules}
    if is_slow(rules):
        return await _in_child(rules, data)
    found = await asyncio.to_thread(broken, rules, data)
    return [(one.path, one.keyword, one.told) for one in found]


async def _in_child(rules: Mapping[str, Any], data: Any) -> list[Found]:
    # Nothing can interrupt Python's matcher from inside the process; a child can be killed.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", _CHILD),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_LIMIT):
            await process.stdout.readline()
        async with asyncio.timeout(PATTERN_LIMIT):
            answer, _ = await process.communicate(json.dumps([rules, data], default=str).encode())
        return [(tuple(path), keyword, told) for path, keyword, told in json.loads(answer)]
    except TimeoutError:
        hint = "avoid nested repetition such as (a+)+"
        raise Invalid("a pattern of its schema is too slow", hint=hint) from None
    except ValueError:
        raise Invalid("its schema could not be applied") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _decode(real: Any, written: Any, path: tuple[Any, ...]) -> None:
    """Put the JSON value that a filled-in text spells into its place."""
    for part in path[:-1]:
        real, written = real[part], written[part]
    if path and isinstance(real[path[-1]], str) and is_reference(written[path[-1]]):
        try:
            real[path[-1]] = json.loads(real[path[-1]])
        except (ValueError, RecursionError):
            return


def _is_command(real: Any, path: tuple[Any, ...]) -> bool:
    for part in path:
        real = real[part]
    return isinstance(real, str) and "`" in real
