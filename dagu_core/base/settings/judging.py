"""The pydantic models that judge what is given for records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import get_annotations, signature
from types import new_class
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dagu_core.base.settings.record import R, Record, Setting, taken
from dagu_core.base.spelling import fold

_TAKEN = frozenset({"__module__", "__qualname__", "__doc__"})
#: what pydantic's Field takes; it keeps any other word, and judges nothing by it
_LIMITS = frozenset(signature(Field).parameters) - {"extra", "default", "default_factory", "description"}


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=False,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
        defer_build=True,
    )


class _AnySpelling(_Model):
    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _any_spelling(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        names = {fold(name): name for name in cls.model_fields}
        return {names.get(fold(str(key)), str(key)): value for key, value in data.items()}


def judged(record: type[R], values: Mapping[str, Any]) -> R:
    """The record of values from outside. Raises pydantic's ValidationError."""
    return taken(record, model_of(record).model_validate(values))


@cache
def model_of(record: type[Record]) -> type[BaseModel]:
    """A model with the fields, the validators and the name of the record."""
    bases = tuple(_base(each) for each in record.__bases__)
    namespace = {
        name: _field(value) if isinstance(value, Setting) else value
        for name, value in vars(record).items()
        if not name.startswith("__") or name in _TAKEN
    }
    namespace["__annotations__"] = get_annotations(record)
    return new_class(record.__name__, bases, exec_body=lambda body: body.update(namespace))


def _base(each: type) -> type:
    if each is Record:
        return _Model
    if not issubclass(each, Record):
        return each
    return _AnySpelling if each.__dict__.get("any_spelling") else model_of(each)


def _field(declared: Setting) -> Any:
    if strange := declared.limits.keys() - _LIMITS:
        words = ", ".join(sorted(strange))
        raise TypeError(f"setting() takes no {words}; its limits are those of pydantic's Field")
    if isinstance(declared.default, list | dict):
        return Field(
            default_factory=declared.default.copy, description=declared.description, **declared.limits
        )
    return Field(declared.default, description=declared.description, **declared.limits)
