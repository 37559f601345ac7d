"""What an executable says of itself, checked before anybody relies on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from dagu_core import Capability, Config, Expansion, PluginError
from dagu_process.messages import PROTOCOL, Broken
from dagu_process.schema import model_of

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_CAPABILITIES = ("command", "commands", "script")
_EXPANSIONS = ("full", "script", "none")
#: step types one executable may bring
_MOST = 100


@dataclass(frozen=True, slots=True)
class Described:
    """One step type of an executable."""

    name: str
    aliases: tuple[str, ...]
    description: str
    capabilities: frozenset[Capability]
    expansion: Expansion
    config: type[Config]
    validates: bool
    icon: str


def read_description(message: Mapping[str, Any]) -> tuple[str, tuple[Described, ...]]:
    """The version and the step types of a `description`. Raises PluginError."""
    if (spoken := message.get("protocol")) != PROTOCOL:
        raise PluginError(f"it speaks {str(spoken)[:40]!r}, this is {PROTOCOL!r}")
    try:
        version = _text(message, "version", "")
        types = message.get("stepTypes")
        if not isinstance(types, list) or not 0 < len(types) <= _MOST:
            raise Broken(f"`stepTypes` is no list of 1 to {_MOST} step types")
        return version[:40], tuple(_step_type(index, each) for index, each in enumerate(types))
    except Broken as error:
        raise PluginError(f"its description is wrong: {error}") from None


def _step_type(index: int, data: Any) -> Described:
    where = f"stepTypes[{index}]"
    if not isinstance(data, dict):
        raise Broken(f"`{where}` is no object")
    try:
        name = _word(_text(data, "name"))
        expansion = _text(data, "expansion", "full")
        if expansion not in _EXPANSIONS:
            raise Broken(f"`expansion` is none of {', '.join(_EXPANSIONS)}")
        validates = data.get("validates", False)
        if not isinstance(validates, bool):
            raise Broken("`validates` is neither true nor false")
        return Described(
            name=name,
            aliases=tuple(_word(each) for each in _texts(data, "aliases")),
            description=_text(data, "description"),
            capabilities=frozenset(_capability(each) for each in _texts(data, "capabilities")),
            expansion=cast(Expansion, expansion),
            config=model_of(
                f"{name.replace('-', ' ').title().replace(' ', '')}Config", data.get("config", {})
            ),
            validates=validates,
            icon=_text(data, "icon", ""),
        )
    except Broken as error:
        raise Broken(f"{where}: {error}") from None


def _text(data: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = data.get(key, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise Broken(f"`{key}` is no text" if key in data else f"`{key}` is missing")
    return value


def _texts(data: Mapping[str, Any], key: str) -> list[str]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Broken(f"`{key}` is no list of texts")
    return value


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise Broken(f"{text[:70]!r} is no word: a letter, then letters, digits, - and _")
    return text


def _capability(text: str) -> Capability:
    if text not in _CAPABILITIES:
        raise Broken(f"the capability {text[:40]!r} is none of {', '.join(_CAPABILITIES)}")
    return cast(Capability, text)
