"""A section of the configuration file: every setting is declared once, here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Struct
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from dagu_core.base.config import fold

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


class SettingsSection(BaseModel):
    """Base of a section; `section` is its (dotted) place in the file, "" the top level.

    A field declared with `setting` names its key, its environment variables and older spellings;
    a plain `Field` gets the key in camelCase and the variable `DAGU_<SECTION>_<FIELD>`. Unknown
    keys of a section are told as warnings, not errors.
    """

    section: ClassVar[str]
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=False,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
        defer_build=True,
    )


class SettingsItem(BaseModel):
    """A mapping inside a setting, such as one queue of a list; keys in any spelling."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", coerce_numbers_to_str=True, hide_input_in_errors=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _any_spelling(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        names = {fold(name): name for name in cls.model_fields}
        return {names.get(fold(str(key)), str(key)): value for key, value in data.items()}


def setting(
    default: Any,
    description: str,
    *,
    key: str = "",
    env: str | Sequence[str] | None = None,
    old_keys: Sequence[str] = (),
    old_env: Sequence[str] = (),
    lenient: bool = False,
    unused: str = "",
    **limits: Any,
) -> Any:
    """A field of a section.

    `key` is its dotted key below the section (default: the field's name in camelCase), `env` its
    environment variables ("" = none; default: derived from section and name), `old_keys` full
    dotted keys and `old_env` variables that still work with a warning. With `lenient` a bad value
    is told and the default taken. `unused` = it is accepted, for files that have it, and nobody reads
    it; why that is so. A mutable default is copied for each instance.
    """
    facts: dict[str, Any] = {
        "key": key,
        "env": [env] if isinstance(env, str) else env,
        "old_keys": list(old_keys),
        "old_env": list(old_env),
        "lenient": lenient,
        "unused": unused,
    }
    if unused:
        description += f" Accepted, without effect: {unused}."
    if isinstance(default, list | dict):
        limits["default_factory"] = default.copy
    else:
        limits["default"] = default
    return Field(description=description, json_schema_extra={"x-setting": facts}, **limits)


class Declared(Struct, frozen=True):
    """Where the value of one field may come from."""

    name: str
    key: str
    env: tuple[str, ...]
    old_keys: tuple[str, ...]
    old_env: tuple[str, ...]
    lenient: bool
    unused: str
    field: FieldInfo

    @property
    def path(self) -> tuple[str, ...]:
        """The folded path of the key in the file."""
        return folded(self.key)

    @property
    def remark(self) -> str:
        """What is added to where its value comes from."""
        return " (no effect)" if self.unused else ""

    @property
    def is_duration(self) -> bool:
        """Whether its value is a time, in seconds."""
        return any(getattr(each, "func", None) is _seconds for each in self.field.metadata)


def folded(dotted: str) -> tuple[str, ...]:
    """`ui.dags.sortField` -> ("ui", "dags", "sortfield")."""
    return tuple(fold(word) for word in dotted.split("."))


@cache
def declarations(model: type[SettingsSection]) -> tuple[Declared, ...]:
    """The settings a section declares, in order."""
    return tuple(_declared(model.section, name, field) for name, field in model.model_fields.items())


def _declared(section: str, name: str, field: FieldInfo) -> Declared:
    extra = field.json_schema_extra
    facts: Any = extra.get("x-setting") if isinstance(extra, dict) else None
    facts = facts or {}
    key = facts.get("key") or to_camel(name)
    env = facts.get("env")
    if env is None:
        env = ["_".join(["DAGU", *section.split("."), name]).upper() if section else f"DAGU_{name}".upper()]
    return Declared(
        name=name,
        key=f"{section}.{key}" if section else key,
        env=tuple(word for word in env if word),
        old_keys=tuple(facts.get("old_keys", ())),
        old_env=tuple(facts.get("old_env", ())),
        lenient=bool(facts.get("lenient")),
        unused=str(facts.get("unused", "")),
        field=field,
    )


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
Duration = Annotated[float, BeforeValidator(_seconds)]
#: bytes, as a number or a text such as `10GiB`
Size = Annotated[int, BeforeValidator(_size)]
#: a list, or a text with commas
Words = Annotated[list[str], BeforeValidator(_words)]
#: a mapping, or `a=1,b=2`
Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]
#: how the steps of plugins are kept off the engine, by name; `process` alone is `*=process`
Isolation = Annotated[dict[str, Literal["none", "process"]], BeforeValidator(_isolation)]
