"""Filling references into a text, in one pass: what was filled in is never read again."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from dagu_core.model.values import references
from dagu_core.model.values.backticks import command_text
from dagu_core.model.values.operators import arithmetic, closing, operate
from dagu_core.model.values.scope import Scope
from dagu_core.model.values.text import escaped

#: Runs a text in the default shell and returns its trimmed output; raises DaguError.
RunCommand: TypeAlias = Callable[[str], Awaitable[str]]

_SPECIAL = re.compile(r"\\[$`]|\"\$\{|[$`]")
_QUOTED = re.compile(r'"(\$\{[A-Za-z0-9_][^}\n]{0,1000}\})"')
#: the references `simple` knows; the last one after all others, for its names are any
_WHOLE = (
    references.DOTTED_BRACED,
    references.PLAIN_BRACED,
    references.DOTTED_BARE,
    references.ODD_BRACED,
)
_HOME = re.compile(r"~[A-Za-z0-9._-]*(?=/|\Z)")
_OPERATOR = re.compile(r"\$\{(#?)([A-Za-z0-9_]+)")


async def expand(text: str, scope: Scope, run_command: RunCommand | None = None) -> str:
    """`text` with every reference filled in.

    `${NAME}`, `$NAME`, dotted references, `${NAME:-default}` and the other operators of a shell,
    `$((1+2))`, and backticks when `run_command` is given. An exact `"${NAME}"` keeps its quotes
    and gets the value with backslash escapes, so it stays one string of JSON. An unknown
    reference stays as it is. Raises DaguError for `${NAME:?message}` and failing commands.
    """
    parts: list[str] = []
    at = 0
    while found := _SPECIAL.search(text, at):
        parts.append(text[at : found.start()])
        filled, at = await _one(text, found, scope, run_command)
        parts.append(filled)
    parts.append(text[at:])
    return "".join(parts)


async def expand_at_home(text: str, scope: Scope, run_command: RunCommand | None = None) -> str:
    """`text` as `expand` fills it in, its leading `~` or `~name` being a home folder, as for a shell."""
    home = _HOME.match(text) if text.startswith("~") else None
    if home is None:
        return await expand(text, scope, run_command)
    folder = scope.get("HOME") if home[0] == "~" else None
    return (folder or os.path.expanduser(home[0])) + await expand(text[home.end() :], scope, run_command)


async def expand_data(value: Any, scope: Scope, run_command: RunCommand | None = None) -> Any:
    """`value` with every text inside its mappings and lists expanded; keys stay as they are."""
    if isinstance(value, str):
        return await expand(value, scope, run_command)
    if isinstance(value, Mapping):
        return {key: await expand_data(inner, scope, run_command) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [await expand_data(inner, scope, run_command) for inner in value]
    return value


async def _one(
    text: str, found: re.Match[str], scope: Scope, run_command: RunCommand | None
) -> tuple[str, int]:
    """What stands for the special text at `found`, and where to read on."""
    start, kept = found.start(), found[0]
    if kept[0] == "\\":
        return kept, found.end()
    if kept[0] == '"':
        quoted = _QUOTED.match(text, start)
        value = simple(quoted[1], scope) if quoted else None
        return ('"', start + 1) if quoted is None or value is None else (f'"{escaped(value)}"', quoted.end())
    if kept == "`":
        span = references.BACKTICKS.match(text, start)
        if span is None or run_command is None:
            stop = span.end() if span else start + (2 if text.startswith("``", start) else 1)
            return text[start:stop], stop
        return await run_command(command_text(span[1], scope)), span.end()
    for pattern in _WHOLE:
        if (match := pattern.match(text, start)) and (value := simple(match[0], scope)) is not None:
            return value, match.end()
    if match := references.PLAIN_BARE.match(text, start):
        value = scope.get(match[1])
        return match[0] if value is None else value, match.end()
    end = closing(text, start + 3, "()") if text.startswith("$((", start) else None
    if end is not None and text.startswith("))", end):
        inner = await expand(text[start + 3 : end], scope)
        number = arithmetic(inner, scope)
        return (text[start : end + 2] if number is None else str(number)), end + 2
    return await _operator(text, start, scope, run_command)


async def _operator(text: str, start: int, scope: Scope, run_command: RunCommand | None) -> tuple[str, int]:
    head = _OPERATOR.match(text, start)
    end = closing(text, head.end(), "{}") if head else None
    if head is None or end is None:
        return "$", start + 1
    rest = text[head.end() : end]

    async def word(operand: str) -> str:
        return await expand(operand, scope, run_command)

    value = await operate(head[2], scope.get(head[2]), rest, word, length=bool(head[1]))
    return (text[start : end + 1] if value is None else value), end + 1


def simple(reference: str, scope: Scope) -> str | None:
    """The value of a whole `${NAME}`, `${NAME.path}` or `$NAME.path`, or None."""
    if plain := references.PLAIN_BRACED.fullmatch(reference):
        return scope.get(plain[1])
    for pattern in (references.DOTTED_BRACED, references.DOTTED_BARE):
        if match := pattern.fullmatch(reference):
            value = references.dotted(match[1], match[2], scope)
            if value is not None:
                return value
    odd = references.ODD_BRACED.fullmatch(reference)
    return scope.variable(odd[1]) if odd else None
