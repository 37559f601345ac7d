"""Reading one value out of a JSON text: the part of jq that `${NAME.path}` needs."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import Any

from dagu_core.model.values.text import decimal_text, json_text, whole

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_STEP = re.compile(
    rf"\.(?P<name>[A-Za-z_]\w*)|\.?\[\s*(?P<index>-?\d{{1,15}}|{_QUOTED})\s*\]|\.(?P<quoted>{_QUOTED})",
    re.ASCII,
)
_FUNCTION = re.compile(r"(length|keys)\b")
_BAR = re.compile(r"\s*(?:\|\s*(?=\S)|$)")
_IDENTITY = re.compile(r"\.(?=\s*(?:\||$))")


class _Unreadable(Exception):
    """The path cannot be followed in this value."""


class _Unsupported(Exception):
    """The path is more than this module knows."""


def select(json_text: str, path: str) -> str | None:
    """The first value `path` finds in the JSON text, as text; None when it cannot be read.

    Strings come raw, numbers as plain digits, a missing key as "", containers as JSON.
    """
    try:
        data = json.loads(json_text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    try:
        return _render(_follow(data, path.strip()))
    except _Unsupported:
        return _with_jq(data, path)
    except (_Unreadable, RecursionError):
        return None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _follow(value: Any, path: str) -> Any:
    at = 0
    while at < len(path):
        if function := _FUNCTION.match(path, at):
            value, at = _call(function[1], value), function.end()
        elif identity := _IDENTITY.match(path, at):
            at = identity.end()
        else:
            start = at
            while step := _STEP.match(path, at):
                value, at = _child(value, step), step.end()
            if at == start:
                raise _Unsupported(path)
        bar = _BAR.match(path, at)
        if bar is None:
            raise _Unsupported(path)
        at = bar.end()
    return value


def _child(value: Any, step: re.Match[str]) -> Any:
    key: str | int
    if step["index"] and not step["index"].startswith('"'):
        key = int(step["index"])
    else:
        key = step["name"] or _unquoted(step["quoted"] or step["index"])
    if value is None:
        return None
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int):
        return value[key] if -len(value) <= key < len(value) else None
    raise _Unreadable(key)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise _Unsupported(text) from error


def _call(function: str, value: Any) -> Any:
    if function == "keys":
        if isinstance(value, dict):
            return sorted(value)
        if isinstance(value, list):
            return list(range(len(value)))
        raise _Unreadable(function)
    if value is None:
        return 0
    if isinstance(value, bool):
        raise _Unreadable(function)
    return abs(value) if isinstance(value, int | float) else len(value)


def _with_jq(data: Any, path: str) -> str | None:
    """What the `jq` package, when it is installed, makes of a path that is a whole program."""
    try:
        jq = import_module("jq")
    except ImportError:
        return None
    try:
        return _render(jq.compile(path).input_value(data).first())
    except (ValueError, StopIteration):
        return None


def _render(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return decimal_text(value)
    text = value if isinstance(value, str) else json_text(value)
    # JSON can spell half a surrogate pair, which no process environment can hold.
    return whole(text)
