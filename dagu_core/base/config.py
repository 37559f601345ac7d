"""The base of every model a user writes into a file."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator
from pydantic.alias_generators import to_camel

from dagu_core.base.spelling import fold, is_reference


class Config(BaseModel):
    """A contributed model: strict about unknown keys and types, lenient in spelling.

    Keys are accepted in camelCase, snake_case and any case; one without a value, whose field knows no
    None, is as good as not given. When a definition is read
    (validation context `{"phase": "read"}`) references pass; they are checked with their real
    value when the step starts. Every field needs a description.
    """

    model_config = ConfigDict(
        defer_build=True,
        extra="forbid",
        strict=True,
        frozen=True,
        validate_by_name=True,
        validate_by_alias=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
    )
    #: other spellings of a field: key -> field name
    spellings: ClassVar[dict[str, str]] = {}
    #: of a DAG-level key: groups of folded keys, each another way to say one thing. A DAG that says it lays
    #: nothing of the group over the base config, and nothing at all when the base chose another group
    alternatives: ClassVar[tuple[frozenset[str], ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _any_spelling(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known, valued = _known_keys(cls), _valued_keys(cls)
        named = ((known.get(fold(key), key) if isinstance(key, str) else str(key), data[key]) for key in data)
        return {key: value for key, value in named if value is not None or key not in valued}

    @field_validator("*", mode="wrap")
    @classmethod
    def _references_wait(cls, value: Any, check: Any, info: ValidationInfo) -> Any:
        if info.context and info.context.get("phase") == "read" and is_reference(value):
            return value
        return check(value)


class NoConfig(Config):
    """Nothing may stand under this word."""


@cache
def _valued_keys(model: type[Config]) -> frozenset[str]:
    """The keys that mean nothing without a value."""
    fields = ((field.alias or name, field.annotation) for name, field in model.model_fields.items())
    return frozenset(key for key, kind in fields if kind is not Any and type(None) not in get_args(kind))


@cache
def _known_keys(model: type[Config]) -> dict[str, str]:
    keys = {fold(name): field.alias or name for name, field in model.model_fields.items()}
    aliases = {name: field.alias or name for name, field in model.model_fields.items()}
    return keys | {fold(key): aliases[name] for key, name in model.spellings.items()}
