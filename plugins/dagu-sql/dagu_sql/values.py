"""Values of a database as values of JSON and of CSV."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

#: integers beyond it lose digits where JSON is read into floats
_EXACT = 2**53


def to_json(value: Any, native: bool = False) -> Any:
    """`value` as JSON data; decimals and large integers as texts unless `native`."""
    if value is None or value is True or value is False or type(value) is str:
        return value
    if isinstance(value, int):
        return value if native or -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return _number(value) if native and value.is_finite() else plain(value)
    if isinstance(value, dict):
        return value  # a document that is JSON already
    if isinstance(value, list | tuple):
        return [to_json(each, native) for each in value]
    return _text(value)


def to_text(value: Any) -> str:
    """`value` as the text of one field."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict | list | tuple):
        return json.dumps(to_json(value), ensure_ascii=False, default=str)
    return _text(value)


def plain(value: Decimal) -> str:
    """All digits, no exponent."""
    return f"{value:f}"


def row_writer(columns: list[str], native: bool) -> Callable[[Any], str]:
    """What turns a row into a JSON object."""
    dumps = json.JSONEncoder(ensure_ascii=False, default=str).encode

    def written(row: Any) -> str:
        return dumps({name: to_json(value, native) for name, value in zip(columns, row, strict=True)})

    return written


def distinct(names: list[str]) -> list[str]:
    """Column names of which no two are the same: a JSON object holds a name once."""
    found: list[str] = []
    for name in names:
        each, number = name, 1
        while each in found:
            number += 1
            each = f"{name}_{number}"
        found.append(each)
    return found


def _text(value: Any) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    return str(value)


def _duration(value: timedelta) -> str:
    """`[-]HH:MM:SS[.ffffff]`, with as many hours as it takes."""
    sign, left = ("-", -value) if value < timedelta() else ("", value)
    minutes, seconds = divmod(left.days * 86_400 + left.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{left.microseconds:06d}" if left.microseconds else ""
    return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}{fraction}"


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
