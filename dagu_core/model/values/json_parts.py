"""JSON in texts, taken apart without changing how its values are written."""

from __future__ import annotations

import json
import re

_BETWEEN = re.compile(r"[ \t\r\n:,]*")
_BLANK = " \t\r\n"


def json_parts(text: str) -> dict[str, str] | list[str] | None:
    """The members of a JSON object or array, each value as it is written; None when the text is neither."""
    text = text.strip(_BLANK)
    if text[:1] not in ("{", "["):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    decode = json.JSONDecoder().raw_decode
    names: list[str] = []
    values: list[str] = []
    at = _skip(text, 1)
    while at < len(text) - 1:
        if isinstance(data, dict):
            name, at = decode(text, at)
            names.append(name)
            at = _skip(text, at)
        _, end = decode(text, at)
        values.append(text[at:end])
        at = _skip(text, end)
    return dict(zip(names, values, strict=True)) if isinstance(data, dict) else values


def json_value(written: str) -> str:
    """A JSON value as text: a string is its characters, null is "", all else stays as it is written."""
    if written.startswith('"'):
        return str(json.loads(written))
    return "" if written == "null" else written


def _skip(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at
