"""Texts with `{{ .input.name }}` in them: the values of a step's inputs put into a template, once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagu_core.base.errors import Invalid
from dagu_core.model.values.text import to_text

#: No text becomes longer than a whole file may be.
MAX_TEXT = 5 * 1024 * 1024
#: A value that was not given and has no default.
ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "ABSENT"})()

_START = re.compile(r"\{\{|\{\$input:\s*([\w.-]{1,1000})\s*\}")
_COMMENT = re.compile(r"\s*/\*.*?\*/", re.DOTALL)
_END = re.compile(r"\s*(?P<trim>-?)\}\}")
_TOKEN = re.compile(
    r"\s*(?:(?P<input>\.input(?:\.[\w-]+)*)(?![\w.])|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|`[^`]*`)"
    r"|(?P<number>-?\d{1,15}(?:\.\d{1,15})?)(?![\w.])|(?P<word>[A-Za-z]\w*)|(?P<pipe>\|))"
)
_CONTROL = frozenset(
    ("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue")
)


def find(inputs: Any, path: str) -> Any:
    """The value at a dotted path (`server.ports.0`) of the inputs; ABSENT when there is none."""
    value = inputs
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part, ABSENT)
        elif isinstance(value, list) and part.isdecimal() and len(part) < 7:
            value = value[int(part)] if int(part) < len(value) else ABSENT
        else:
            return ABSENT
    return value


def is_template(text: str) -> bool:
    """Whether a text holds anything to be filled in."""
    return _START.search(text) is not None


def render(text: str, inputs: Any) -> str:
    """`text` with every `{{ ... }}` and `{$input: path}` filled in; what was put in is never read
    again.

    Between the braces stand values (`.input.path`, `"text"`, `5`) and functions, alone or as a
    pipeline. Raises Invalid for what cannot be read, for an input that is not there, and for a
    text longer than MAX_TEXT.
    """
    parts: list[str] = []
    length = 0
    for part in _parts(text):
        parts.append(part if isinstance(part, str) else to_text(_present(*_value(part, inputs))))
        length += len(parts[-1])
        if length > MAX_TEXT:
            raise Invalid(f"the template makes a text of more than {MAX_TEXT} characters")
    return "".join(parts)


def used(text: str) -> list[str]:
    """The paths of the inputs a text asks for ("" = all of them). Raises Invalid as `render` does
    for what cannot be read."""
    paths = []
    for part in _parts(text):
        for command in () if isinstance(part, str) else part:
            paths += [_path(word) for kind, word in command if kind == "input"]
    return paths


Command = list[tuple[str, str]]


def _parts(text: str) -> Iterator[str | list[Command]]:
    """Plain texts and pipelines, in order."""
    at, trim = 0, False
    while found := _START.search(text, at):
        before = text[at : found.start()]
        at = found.end()
        if found[1] is not None:
            yield before.lstrip() if trim else before
            yield [[("input", f".input.{found[1]}")]]
            trim = False
            continue
        left = text.startswith("-", at) and text[at + 1 : at + 2].isspace()
        before = before.lstrip() if trim else before
        yield before.rstrip() if left else before
        at += left
        pipeline, at, trim = _pipeline(text, at, found.start())
        if pipeline:
            yield pipeline
    yield text[at:].lstrip() if trim else text[at:]


def _pipeline(text: str, at: int, start: int) -> tuple[list[Command], int, bool]:
    """The commands between two pairs of braces, where the text goes on, whether blanks are cut."""
    if comment := _COMMENT.match(text, at):
        at = comment.end()
    commands: list[Command] = [[]]
    while (end := _END.match(text, at)) is None:
        token = _TOKEN.match(text, at)
        kind = token.lastgroup if token else None
        if token is None or kind is None:
            raise _unreadable(text, start)
        at, word = token.end(), token[kind]
        if kind == "pipe":
            if not commands[-1]:
                raise _unreadable(text, start)
            commands.append([])
        elif kind == "word" and word in _CONTROL:
            raise Invalid(
                f"`{{{{ {word} }}}}` is not supported in a template",
                hint="a template holds values and functions; let the script decide and repeat",
            )
        elif kind == "word" and commands[-1]:
            raise _unreadable(text, start)
        else:
            commands[-1].append((kind, word))
    if commands == [[]] and comment:
        return [], end.end(), bool(end["trim"])
    for position, command in enumerate(commands):
        _check(command, text, start, is_first=position == 0)
    return commands, end.end(), bool(end["trim"])


def _check(command: Command, text: str, start: int, *, is_first: bool) -> None:
    if not command or (command[0][0] != "word" and (len(command) > 1 or not is_first)):
        raise _unreadable(text, start)
    if command[0][0] != "word":
        return
    name = command[0][1]
    if name not in _FUNCTIONS:
        known = ", ".join(sorted(_FUNCTIONS))
        raise Invalid(f"unknown template function `{name[:40]}`", hint=f"known functions: {known}")
    given = len(command) - 1 + (not is_first)
    if given != (wanted := _FUNCTIONS[name][0]):
        raise Invalid(f"the template function `{name}` takes {wanted} value{'s' if wanted > 1 else ''}")


def _unreadable(text: str, start: int) -> Invalid:
    shown = text[start : start + 40].split("\n")[0]
    return Invalid(
        f"`{shown}` cannot be read in a template",
        hint='write `{{ .input.name }}`; two braces as they are: `{{ "{{" }}`',
    )


def _value(pipeline: list[Command], inputs: Any) -> tuple[Any, str]:
    """(the value of a pipeline, how its first input is written)."""
    value: Any = ABSENT
    shown = ""
    for position, command in enumerate(pipeline):
        arguments = []
        for kind, word in command:
            if kind == "input":
                shown = shown or word
            if kind != "word":
                arguments.append(_operand(kind, word, inputs))
        if position:
            arguments.append(value)
        if command[0][0] == "word":
            name = command[0][1]
            if name != "default":
                arguments = [_present(argument, shown) for argument in arguments]
            value = _FUNCTIONS[name][1](*arguments)
        else:
            value = arguments[0]
    return value, shown


def _operand(kind: str, word: str, inputs: Any) -> Any:
    if kind == "input":
        path = _path(word)
        return find(inputs, path) if path else inputs
    if kind == "number":
        return float(word) if "." in word else int(word)
    if word.startswith("`"):
        return word[1:-1]
    try:
        return json.loads(word, strict=False)
    except ValueError:
        raise Invalid(f"{word[:40]} is not a text of a template") from None


def _present(value: Any, shown: str) -> Any:
    if value is ABSENT or value is None:
        raise Invalid(
            f"the template needs the input `{_path(shown)}`, which is not given",
            hint="give it under `with`, or a `default` in `inputSchema`",
        )
    return value


def _path(word: str) -> str:
    return word.removeprefix(".input").removeprefix(".")


def _json(value: Any) -> str:
    return to_text(value) if isinstance(value, list | dict) else json.dumps(value, ensure_ascii=False)


def _listed(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise Invalid(f"the template function `{name}` takes a list")
    return value


#: name -> (how many values it takes, what it does); the value of a pipeline comes last
_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "json": (1, _json),
    "upper": (1, lambda value: to_text(value).upper()),
    "lower": (1, lambda value: to_text(value).lower()),
    "trim": (1, lambda value: to_text(value).strip()),
    "default": (2, lambda other, value: other if value is ABSENT or value in (None, "", [], {}) else value),
    "join": (2, lambda between, values: to_text(between).join(map(to_text, _listed(values, "join")))),
    "split": (2, lambda at, value: to_text(value).split(to_text(at)) if at else list(to_text(value))),
    "count": (1, lambda values: len(_listed(values, "count"))),
}
