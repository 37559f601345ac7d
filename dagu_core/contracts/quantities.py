"""Lengths of time and numbers of bytes, as all plugins read them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from dagu_core.base.settings.values import parse_duration, parse_size

#: what clocks, sockets and databases can still count
_LONGEST = 100 * 365.25 * 86_400
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+")


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        text = f"{value.strip()}s" if _NUMBER.fullmatch(value.strip()) else value
        value = _parsed(parse_duration, text, "must be a duration such as 30s, 5m or 1h30m")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a duration such as 30s, 5m or 1h30m, or a number of seconds")
    if not math.isfinite(value):
        raise ValueError("a duration has an end")
    if value < 0:
        raise ValueError("a duration cannot be negative")
    if value > _LONGEST:
        raise ValueError("a duration cannot be longer than 100 years")
    return float(value)


def _bytes(value: Any) -> Any:
    words = "must be a size such as 64Ki, 512Mi or 10GiB, or a number of bytes"
    return _parsed(parse_size, " ".join(value.split()), words) if isinstance(value, str) else value


def _parsed(parse: Callable[[str], float], text: str, words: str) -> float:
    """What the text means. The refusal does not show it: what a reference became may be a secret."""
    try:
        return parse(text)
    except ValueError:
        raise ValueError(words) from None


def _either(number: str, words: str, text: str) -> WithJsonSchema:
    """A number, or a text with units; what a reference becomes is judged when the step starts."""
    texts = {"type": "string", "pattern": rf"^\s*{text}\s*$|[$`]", "description": words}
    return WithJsonSchema({"anyOf": [{"type": number, "minimum": 0}, texts]})


#: seconds, given as `90`, `90s`, `1m30s` or `2d`; not negative, zero unless a field forbids it
Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    _either(
        "number",
        "A duration such as 500ms, 90s, 1h30m or 2d.",
        r"(\d+(\.\d*)?|\.\d+|([+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w))+)",
    ),
]
#: bytes, given as `1048576`, `512Mi`, `10GiB` or `2G`
Size = Annotated[
    int,
    BeforeValidator(_bytes),
    _either(
        "integer", "A size such as 64Ki, 512Mi, 10GiB or 2G.", r"(\d+(\.\d*)?|\.\d+)\s?([kmgtpKMGTP]i?)?[bB]?"
    ),
]
