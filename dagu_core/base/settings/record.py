"""What settings are made of: records whose values pydantic judges, but only where there are some to judge.

Most commands are given no settings at all. They must not wait for the models of some hundred of them.
"""

from __future__ import annotations

from functools import cache, partial
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_origin

from msgspec import Struct

if TYPE_CHECKING:
    from pydantic import BaseModel, GetCoreSchemaHandler
    from pydantic_core import CoreSchema


R = TypeVar("R", bound="Record")


class Setting(Struct, frozen=True):
    """How a field is declared: its default, what it is for, where it may stand, pydantic's limits.

    `key` "" and `env` None stand for those made of the field's name.
    """

    default: Any
    description: str
    key: str = ""
    env: tuple[str, ...] | None = None
    old_keys: tuple[str, ...] = ()
    old_env: tuple[str, ...] = ()
    lenient: bool = False
    unused: str = ""
    limits: dict[str, Any] = {}


class _RecordType(type):
    """Of its own, for type checkers to see that records' classes can be keys of a cache."""


class Record(metaclass=_RecordType):
    """Fields with defaults, declared as in a pydantic model, pydantic's `Field` and validators included.

    A record is not changed once it is made. Its methods have no names that a field might want.
    """

    def __init__(self, **values: Any) -> None:
        declared = fields(type(self))
        if unknown := values.keys() - declared.keys():
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        if missing := [name for name in declared.keys() - values.keys() if is_required(declared[name])]:
            raise TypeError(f"{type(self).__name__} must be given {', '.join(sorted(missing))}")
        defaults = {name: default_of(each) for name, each in declared.items() if name not in values}
        self.__dict__.update(defaults | values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        from dagu_core.base.settings.judging import model_of

        return core_schema.no_info_after_validator_function(
            partial(taken, cls), handler.generate_schema(model_of(cls))
        )


def taken(record: type[R], judged: BaseModel) -> R:
    """The record of values that were judged."""
    return record(**{name: getattr(judged, name) for name in fields(record)})


@cache
def fields(record: type[Record]) -> dict[str, Any]:
    """What each field of a record is declared with; `...` = it must be given."""
    found: dict[str, Any] = {}
    for each in reversed(record.__mro__):
        for name, annotation in get_annotations(each).items():
            if not name.startswith("_") and not _is_of_the_class(annotation):
                found[name] = each.__dict__.get(name, ...)
    return found


def _is_of_the_class(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def is_required(declared: Any) -> bool:
    """Whether a field has no default."""
    if isinstance(declared, Setting):
        return declared.default is ...
    return declared is ... or (hasattr(declared, "is_required") and bool(declared.is_required()))


def default_of(declared: Any) -> Any:
    """The default of a field, None where it has none; what can be changed is a fresh copy."""
    value: Any = None if is_required(declared) else declared
    if isinstance(value, Setting):
        value = value.default
    elif value is not None and hasattr(value, "get_default"):  # pydantic's
        value = value.get_default(call_default_factory=True)
    return value.copy() if isinstance(value, list | dict) else value
