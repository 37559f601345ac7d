"""Lays out JSON text without taking its numbers apart."""

from __future__ import annotations

import json
import re
from decimal import Decimal

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
#: indenting costs the square of the depth
_MAX_INDENTED = 1000


class TooDeep(ValueError):
    """The result is nested too deep to be indented."""


def render(text: str, *, indent: int | None, sort_keys: bool) -> str:
    """The JSON `text` with `indent` blanks a level (None: in one line).

    Integers keep all their digits. Reads token by token, so that depth costs no stack.
    """
    open_: list[list[str]] = [[]]
    for token in _TOKEN.findall(text):
        if token in ("[", "{"):
            open_.append([])
            if indent is not None and len(open_) > _MAX_INDENTED:
                raise TooDeep(f"a result is nested deeper than {_MAX_INDENTED} levels; use compact")
        elif token in ("]", "}"):
            items = open_.pop()
            if token == "}":
                items = _members(items, ":" if indent is None else ": ", sort_keys)
            open_[-1].append(_container(token, items, indent, len(open_)))
        elif token not in (",", ":"):
            open_[-1].append(_number(token) if token[0] in "-0123456789" else token)
    return open_[0][0]


def _members(items: list[str], colon: str, sort_keys: bool) -> list[str]:
    pairs = list(zip(items[::2], items[1::2], strict=True))
    if sort_keys:
        pairs.sort(key=lambda pair: str(json.loads(pair[0])))
    return [key + colon + value for key, value in pairs]


def _container(end: str, items: list[str], indent: int | None, depth: int) -> str:
    begin = "[" if end == "]" else "{"
    if not items:
        return begin + end
    if indent is None:
        return begin + ",".join(items) + end
    outer = "\n" + " " * (indent * (depth - 1))
    inner = outer + " " * indent
    return begin + inner + f",{inner}".join(items) + outer + end


def _number(text: str) -> str:
    """Plain digits for whole numbers, an exponent only where digits would not do."""
    if text.lstrip("-").isdigit():
        return text
    exact = Decimal(text)
    if exact.adjusted() < 21 and exact == exact.to_integral_value():
        return str(int(exact))
    short = repr(float(text))
    if "inf" in short or Decimal(short) != exact:
        return text  # more digits than a float holds
    if 1e-6 <= abs(float(text)) < 1e21:
        return f"{Decimal(short):f}"
    digits, _, power = short.partition("e")
    return f"{digits}e{power[0]}{power[1:].lstrip('0')}"
