"""The JSON shapes of steps, as API clients know them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from math import ceil
from typing import Any

from dagu_core.base.errors import Invalid
from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.plan.policies import Condition, Repeat
from dagu_core.model.values.params import params_text
from dagu_core.model.values.text import to_text
from dagu_core.model.values.words import Piece, split_words

Shape = dict[str, Any]
#: puts what is known of a run into a text of a step
Show = Callable[[PlannedStep, str], str]


def step_shape(node: PlannedStep, plan: Plan, show: Show | None = None) -> Shape:
    """A step (`Step`): of a definition, or of a run with `show`, which puts values into its commands."""
    shape: Shape = {"name": node.name}
    optional = {
        "id": node.id,
        "description": node.description,
        "dir": node.working_dir,
        "commands": _commands(node, show or _as_written),
        "script": node.script,
        "stdout": node.stdout,
        "stderr": node.stderr,
        "output": node.output.name if node.output else "",
        "call": node.call.target if node.call else "",
        "params": _call_params(node),
        "depends": [plan.nodes[index].name for index in node.depends],
        "repeatPolicy": _repetition(node.repeat) if node.repeat else {},
        "mailOnError": node.mail_on_error,
        "timeoutSec": ceil(node.timeout),
        "preconditions": [condition_shape(condition) for condition in node.preconditions],
    }
    shape |= {key: value for key, value in optional.items() if value}
    if node.executor != "command":
        shape["executorConfig"] = {"type": node.executor}
        if node.config:
            shape["executorConfig"]["config"] = dict(node.config)
    if node.call and node.call.parallel:
        parallel = node.call.parallel
        items: Any = parallel.source or [to_text(item) for item in parallel.items]
        shape["parallel"] = {"items": items, "maxConcurrent": parallel.max_concurrent}
    return shape


def _commands(node: PlannedStep, show: Show) -> list[Shape]:
    if node.exec:
        return [_command([show(node, word) for word in node.exec])]
    return [_command(_words(node, text, show)) for text in node.commands]


def _words(node: PlannedStep, text: str, show: Show) -> list[str]:
    """The words of a command line. What has quotes belongs to its step type, if that is no shell."""
    if node.executor != "command" and set(text) & set("'\"\\\n"):
        return [show(node, text)]
    try:
        words = split_words(text)
    except Invalid:
        return [show(node, text)]
    return [
        "".join(show(node, piece) if is_open else piece for piece, is_open in _joined(word)) for word in words
    ]


def _joined(word: list[Piece]) -> Iterator[Piece]:
    """A word in as few pieces as possible: a reference may be cut into its characters."""
    for is_open, pieces in groupby(word, key=lambda piece: piece[1]):
        yield "".join(text for text, _ in pieces), is_open


def _command(words: list[str]) -> Shape:
    command, args = (words[0], words[1:]) if words else ("", [])
    return {"command": command, "args": args} if args else {"command": command}


def _as_written(node: PlannedStep, text: str) -> str:
    return text


def _call_params(node: PlannedStep) -> str:
    params = node.call.params if node.call else ""
    return (
        params if isinstance(params, str) else params_text([(name, to_text(data)) for name, data in params])
    )


def _repetition(repeat: Repeat) -> Shape:
    shape: Shape = {"repeat": repeat.mode.value, "interval": ceil(repeat.interval)}
    optional = {
        "limit": repeat.limit,
        "backoff": repeat.backoff if repeat.backoff != 1 else None,
        "maxIntervalSec": None if repeat.max_interval is None else ceil(repeat.max_interval),
        "condition": condition_shape(repeat.condition) if repeat.condition else None,
        "exitCode": list(repeat.exit_codes),
    }
    return shape | {key: value for key, value in optional.items() if value}


def condition_shape(condition: Condition) -> Shape:
    """A precondition (`Condition`)."""
    shape: Shape = {"condition": condition.condition}
    if condition.expected:
        shape["expected"] = condition.expected
    if condition.negate:
        shape["negate"] = True
    return shape
