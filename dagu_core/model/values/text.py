"""Values as text: what a YAML scalar, list or mapping becomes where text is wanted."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_text(value: object) -> str:
    """`value` as text: None is "", numbers keep the spelling of the file, containers are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    spelling = getattr(value, "text", None)
    if isinstance(spelling, str):
        return spelling
    if isinstance(value, float):
        return decimal_text(value)
    if isinstance(value, dict | list | tuple):
        return json_text(value)
    return str(value)


def decimal_text(value: float) -> str:
    """The shortest decimal that reads back as `value`, without exponent; whole numbers have no point."""
    if not math.isfinite(value):
        return str(value)
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def json_text(value: Any) -> str:
    """`value` as compact JSON, every character as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def escaped(value: str) -> str:
    """`value` as it stands between double quotes in Go, JSON and Python: `"`, `\\` and control
    characters become backslash escapes."""
    return "".join(_ESCAPES.get(char) or _control(char) for char in value)


def visible(value: str) -> str:
    """`value` with only its control characters escaped."""
    return "".join(_ESCAPES[char] if char in "\n\r\t" else _control(char) for char in value)


def whole(value: str) -> str:
    """`value` as Unicode: U+FFFD for halves of surrogate pairs, which stand for bytes that were none."""
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _control(char: str) -> str:
    return f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else char
