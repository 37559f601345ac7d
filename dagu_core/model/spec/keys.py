"""The keys of a model, in every spelling."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from dagu_core.base.spelling import fold


@cache
def known_keys(model: type[BaseModel]) -> dict[str, str]:
    """Every accepted key of a model, folded and in its main spelling -> the field's name."""
    keys = {fold(name): name for name in model.model_fields}
    keys |= {to_camel(name): name for name in model.model_fields}
    return keys | {fold(key): name for key, name in getattr(model, "spellings", {}).items()}


def field_keys(model: type[BaseModel]) -> dict[str, str]:
    """The main spelling of each field's key."""
    return {name: field.alias or to_camel(name) for name, field in model.model_fields.items()}


def shown_keys(model: type[BaseModel]) -> list[str]:
    """The keys of a model as documentation spells them."""
    return list(field_keys(model).values())
