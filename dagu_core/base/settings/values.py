"""The types of values: lengths of time, sizes, lists and mappings in one text, secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?([kmgtpKMGTP])?(i)?[bB]?")
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)")


class Read:
    """In an annotation: `read` makes the value of what is written, before the type judges it.

    What pydantic's `BeforeValidator` does, without its import.
    """

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.read, handler(source))


class Checked:
    """In an annotation: `check` gives back what the type let pass, or raises ValueError."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self.check = check

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.check, handler(source))


class Secret:
    """A text that is shown as ***."""

    def __init__(self, text: str = "") -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Secret({'***' if self._text else ''})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, handler.generate_schema(str))


def parse_duration(text: str) -> float:
    """Seconds of `30s`, `1h30m`, `2d12h`, `-1s` or `0`. Raises ValueError."""
    body = text.strip()
    sign = -1.0 if body.startswith("-") else 1.0
    body = body.removeprefix("-").removeprefix("+")
    if body == "0":
        return 0.0
    parts = _DURATION.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m or 1h30m")
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)


def _seconds(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a duration such as 30s, 5m or 1h30m is needed")
    if isinstance(value, str):
        return parse_duration(value)
    if value:
        raise ValueError(f"write the unit: {value}s")
    return float(value)


def parse_size(text: str) -> int:
    """Bytes of `10GiB`, `500 MB`, `64k` or `1024`; B may be left out. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a size such as 500MB or 10GiB")
    base = 1024 if found[3] else 1000
    size = float(found[1]) * base ** " kmgtp".index((found[2] or " ").lower())
    if size >= 1 << 63:
        raise ValueError(f"{text[:40]!r} is more than there can be")
    return int(size)


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


def _words(value: object) -> object:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def parse_pairs(text: str) -> dict[str, str]:
    """The mapping of `gpu=true, zone=a`. Raises ValueError."""
    pairs = {}
    for item in filter(None, (word.strip() for word in text.split(","))):
        name, found, value = item.partition("=")
        if not found:
            raise ValueError(f"{item!r} is not of the form name=value")
        pairs[name.strip()] = value.strip()
    return pairs


def _pairs(value: object) -> object:
    return parse_pairs(value) if isinstance(value, str) else value


def _isolation(value: object) -> object:
    return {"*": value} if value in ("none", "process") else _pairs(value)


#: seconds, written as a Go duration with `d` and `w`
Duration = Annotated[float, Read(_seconds)]
#: bytes, as a number or a text such as `10GiB`
Size = Annotated[int, Read(_size)]
#: a list, or a text with commas
Words = Annotated[list[str], Read(_words)]
#: a mapping, or `a=1,b=2`
Pairs = Annotated[dict[str, str], Read(_pairs)]
#: how the steps of plugins are kept off the engine, by name; `process` alone is `*=process`
Isolation = Annotated[dict[str, Literal["none", "process"]], Read(_isolation)]
