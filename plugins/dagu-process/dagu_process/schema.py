"""A model out of the JSON Schema of a step type's config: the part of the language that is understood."""

from __future__ import annotations

import keyword
import re
from typing import Any, Literal

from pydantic import Field, ValidationError, create_model

from dagu_core import Config
from dagu_process.messages import Broken

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_SIMPLE: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}
#: keyword of JSON Schema -> what pydantic calls it
_LIMITS = {
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "pattern": "pattern",
}
_KNOWN = {"type", "description", "default", "enum", "properties", "required", "items", "additionalProperties"}
#: keywords that only tell people something
_SILENT = {"title", "examples", "$schema", "$comment", "format", "deprecated"}
_DEEPEST = 8


def model_of(name: str, schema: Any, depth: int = 0) -> type[Config]:
    """The model of an object with named properties. Raises Broken, naming the property."""
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise Broken("`config` is no JSON Schema of an object")
    _refuse_unknown(schema, _KNOWN - {"enum", "items", "default"})
    if schema.get("additionalProperties", False) is not False:
        raise Broken("`additionalProperties` beside `properties` may only be false")
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise Broken("`properties` is no object, or `required` no list")
    if stranger := [key for key in required if key not in properties]:
        raise Broken(f"`required` names {str(stranger[0])[:70]!r}, which is no property")
    fields: dict[str, Any] = {}
    seen: set[str] = set()
    for key, value in properties.items():
        plain = key.replace("_", "").lower()
        if not _KEY.fullmatch(key) or plain in seen:
            raise Broken(f"the property {key[:70]!r} is no word, or there are two spellings of it")
        seen.add(plain)
        try:
            fields[_field_name(key, len(fields))] = _field(key, value, key in required, depth)
        except Broken as error:
            raise Broken(f"property `{key}`: {error}") from None
    return _checked(create_model(name, __base__=Config, __doc__=schema.get("description", ""), **fields))


def _field(key: str, schema: Any, required: bool, depth: int) -> tuple[Any, Any]:
    if not isinstance(schema, dict):
        raise Broken("it is no JSON Schema")
    _refuse_unknown(schema, _KNOWN | _LIMITS.keys())
    description = schema.get("description")
    if not isinstance(description, str) or not description.strip():
        raise Broken("it has no `description`")
    limits = {_LIMITS[word]: schema[word] for word in _LIMITS if word in schema}
    kind = _type(key, schema, depth)
    if required:
        return kind, Field(alias=key, description=description, **limits)
    if "default" in schema:
        default = schema["default"]
        return kind, Field(default, alias=key, description=description, validate_default=True, **limits)
    return kind | None, Field(None, alias=key, description=description, **limits)


def _type(key: str, schema: dict[str, Any], depth: int) -> Any:
    if depth > _DEEPEST:
        raise Broken(f"it is nested deeper than {_DEEPEST} levels")
    word = schema.get("type")
    if "enum" in schema:
        values = schema["enum"]
        if not isinstance(values, list) or not values or not all(isinstance(v, str | int) for v in values):
            raise Broken("`enum` is no list of texts and whole numbers")
        return Literal[tuple(values)]
    if word is None:
        return Any
    if word == "array":
        items = schema.get("items", {})
        if not isinstance(items, dict):
            raise Broken("`items` is no JSON Schema")
        _refuse_unknown(items, _KNOWN)
        return list[_type(key, items, depth + 1)]  # type: ignore[misc]
    if word == "object" and "properties" in schema:
        inner = {each: schema[each] for each in schema if each != "default"}
        return model_of(f"{key[:1].upper()}{key[1:]}", inner, depth + 1)
    if word == "object":
        values = schema.get("additionalProperties", True)
        return dict[str, _type(key, values, depth + 1) if isinstance(values, dict) else Any]  # type: ignore[misc]
    if not isinstance(word, str) or word not in _SIMPLE:
        raise Broken(f"the `type` {str(word)[:40]!r} is none of {', '.join(_SIMPLE)}, array, object")
    return _SIMPLE[word]


def _field_name(key: str, number: int) -> str:
    """The key itself where a model can have an attribute of that name."""
    taken = keyword.iskeyword(key) or key.startswith("model_") or hasattr(Config, key)
    return key if key.isidentifier() and not taken else f"key_{number}"


def _refuse_unknown(schema: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(schema.keys() - known - _SILENT):
        raise Broken(f"`{unknown[0][:40]}` is no keyword that is understood there")


def _checked(model: type[Config]) -> type[Config]:
    """The model, once its limits and defaults are known to make sense."""
    try:
        model.model_validate({})
    except ValidationError as error:
        wrong = [each for each in error.errors(include_url=False) if each["type"] != "missing"]
        if wrong:
            raise Broken(f"the default of `{wrong[0]['loc'][0]}` is wrong: {wrong[0]['msg']}") from None
    except Exception as error:  # whatever pydantic makes of limits that do not fit their type
        raise Broken(f"a limit is wrong: {str(error).partition(chr(10))[0][:200]}") from None
    return model
