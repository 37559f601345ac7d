"""Plain YAML scalars by the YAML 1.2 core schema; numbers remember how they were written."""

from __future__ import annotations

import re
from typing import Any

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = re.compile(
    r"(?P<decimal>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hex>[0-9a-fA-F]+)"
    r"|(?P<real>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<inf>[-+]?\.(?:inf|Inf|INF))|(?P<nan>\.(?:nan|NaN|NAN))"
)
_NUMBER_STARTS = frozenset("+-.0123456789")
# Longer digits are nobody's number, and converting them costs quadratic time.
_MAX_DIGITS = 400


class WrittenInt(int):
    """A whole number that knows its spelling: `0777`, `0x1F`."""

    text: str


class WrittenFloat(float):
    """A real number that knows its spelling: `1.10`, `1e3`."""

    text: str


def plain_value(text: str) -> Any:
    """The value of a plain (unquoted) scalar: None, bool, number or the text itself."""
    if text in _NULL:
        return None
    if text[0] in _NUMBER_STARTS:
        return _number(text)
    return _BOOL.get(text, text)


def _number(text: str) -> Any:
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > _MAX_DIGITS:
        return text
    kind = match.lastgroup or ""
    digits = match[kind]
    if kind in _BASES:
        return _whole(int(digits, _BASES[kind]), text)
    return _real(float(digits.replace(".", "", 1) if kind in ("inf", "nan") else digits), text)


_BASES = {"decimal": 10, "octal": 8, "hex": 16}


def _whole(value: int, text: str) -> WrittenInt:
    number = WrittenInt(value)
    number.text = text
    return number


def _real(value: float, text: str) -> WrittenFloat:
    number = WrittenFloat(value)
    number.text = text
    return number
