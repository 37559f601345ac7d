"""JSON Schema over plain data, bounded, told in the words of the user."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dagu_core.base.errors import Invalid
from dagu_core.model.values.text import json_text

#: Patterns that take time in proportion to the text, whatever stands in it.
_HARMLESS = re.compile(r"[^()*+{}]*(?:[*+][^()*+{}]*)?")
#: References between parts of a schema that are followed in one check.
_MOST_REFERENCES = 50_000
#: Problems told at once.
_MOST_PROBLEMS = 20
_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_BOUNDS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be greater than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must be at least {} characters long",
    "maxLength": "must be at most {} characters long",
    "minItems": "must be at least {} items long",
    "maxItems": "must be at most {} items long",
    "pattern": "must match {}",
    "format": "must be of the format {}",
    "const": "must be {}",
}


class Broken(Struct, frozen=True):
    """One rule that data breaks: where in the data, which keyword of the schema, in words.

    `message` continues the name of the value (``must be ...``) and never says what it is.
    `missing` is the name of a required value, `unknown` are names nobody knows.
    """

    path: tuple[str | int, ...]
    keyword: str
    message: str
    missing: str = ""
    unknown: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The whole sentence."""
        if self.missing:
            return f"`{shown((*self.path, self.missing))}` is required"
        return f"`{shown(self.path)}` {self.message}" if self.path else self.message


def shown(path: Sequence[str | int]) -> str:
    """`server.ports[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")[:200]


def check_rules(schema: Any) -> None:
    """Raise Invalid when this is no JSON Schema of a mapping."""
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for

    if schema.get("type", "object") != "object":
        raise Invalid("must describe a mapping: `type: object`")
    try:
        validator_for(schema, Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        where = shown(list(error.absolute_path))
        message = f"`{where}`: {error.message[:200]}" if where else error.message[:200]
        raise Invalid(f"is not a JSON Schema: {message}") from None
    except (RecursionError, ArithmeticError, ValueError, TypeError) as error:
        raise Invalid(f"is not a JSON Schema: {error}") from None
    for pattern in _patterns(schema):
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise Invalid(f"holds the pattern {pattern[:60]!r}, which cannot be read: {error}") from None
    for pattern in _patterns(schema, keys=True):
        if not _HARMLESS.fullmatch(pattern):
            message = f"holds {pattern[:60]!r} in `patternProperties`"
            raise Invalid(message, hint="there a pattern may have one repetition, and no groups")


def _patterns(schema: Any, *, keys: bool = False) -> list[str]:
    """Every pattern a schema may match texts with, or those for `keys`."""
    if isinstance(schema, list):
        return [found for inner in schema for found in _patterns(inner, keys=keys)]
    if not isinstance(schema, Mapping):
        return []
    own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) and not keys else []
    by_name = schema.get("patternProperties")
    own += list(by_name) if isinstance(by_name, Mapping) else []
    return own + [found for inner in schema.values() for found in _patterns(inner, keys=keys)]


def is_slow(schema: Any) -> bool:
    """Whether a pattern of the schema may take for ever, so that a check needs a process of its own."""
    return any(_HARMLESS.fullmatch(pattern) is None for pattern in _patterns(schema))


def broken(schema: Mapping[str, Any], data: Any, *, slow: bool = False) -> list[Broken]:
    """What in `data` does not meet the schema, in order of the data.

    Without `slow`, patterns that may take for ever count as met. Raises Invalid when the schema
    cannot be applied.
    """
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import EMPTY_REGISTRY

    # The registry is given so that a reference to another host is an error, not a request.
    checker = _bounded(validator_for(schema, Draft202012Validator), slow)(schema, registry=EMPTY_REGISTRY)
    found: list[Broken] = []
    try:
        for error in checker.iter_errors(data):
            if error.validator not in ("not", "oneOf") or slow or not is_slow(error.schema):
                found.append(_told(error))
            if len(found) >= _MOST_PROBLEMS:
                break
    except Unresolvable as error:
        raise Invalid(
            f"the schema refers to what is not in it: {error.ref}",
            hint="put the definition under `$defs` of the schema itself",
        ) from None
    except (SchemaError, re.error, RecursionError, ArithmeticError, ValueError, TypeError) as error:
        raise Invalid(f"the schema cannot be applied: {str(error)[:200]}") from None
    return sorted(found, key=lambda one: [(isinstance(part, str), str(part)) for part in one.path])


def _bounded(kind: Any, slow: bool) -> Any:
    """The validator of a dialect, with an end to references, to patterns and to comparing."""
    from jsonschema import ValidationError
    from jsonschema.validators import extend

    followed = 0

    def follow(original: Any) -> Any:
        def rule(*arguments: Any) -> Any:
            nonlocal followed
            followed += 1
            if followed > _MOST_REFERENCES:
                raise ValueError("its references never come to an end")
            return original(*arguments)

        return rule

    def pattern(checker: Any, text: str, instance: Any, schema: Any) -> Any:
        if slow or _HARMLESS.fullmatch(text):
            yield from kind.VALIDATORS["pattern"](checker, text, instance, schema)

    def unique(checker: Any, wanted: Any, instance: Any, schema: Any) -> Any:
        if wanted and isinstance(instance, list) and len(set(map(json_text, instance))) < len(instance):
            yield ValidationError("has equal items")

    rules: dict[str, Any] = {
        key: follow(kind.VALIDATORS[key])
        for key in ("$ref", "$dynamicRef", "$recursiveRef")
        if key in kind.VALIDATORS
    }
    made: Any = extend
    return made(kind, {**rules, "pattern": pattern, "uniqueItems": unique})


def _told(error: Any) -> Broken:
    path, keyword, rule = tuple(error.absolute_path), str(error.validator), error.validator_value
    if keyword == "required" and isinstance(error.instance, Mapping):
        # One error for each missing name, in the library's own words only.
        missing = next((name for name in rule if error.message.startswith(f"{name!r} ")), str(rule[0]))
        return Broken(path, keyword, f"must have `{missing}`", missing)
    if keyword in ("additionalProperties", "unevaluatedProperties") and isinstance(error.instance, Mapping):
        own = error.schema.get("properties", {})
        extra = tuple(name for name in error.instance if name not in own)
        names = ", ".join(f"`{name[:40]}`" for name in extra)
        return Broken(path, keyword, f"has a key nobody knows: {names}", "", extra)
    if keyword == "type":
        types = rule if isinstance(rule, list) else [rule]
        return Broken(path, keyword, "must be " + " or ".join(_TYPES.get(each, str(each)) for each in types))
    if keyword == "enum":
        return Broken(path, keyword, "must be one of " + ", ".join(str(each)[:40] for each in rule[:20]))
    if keyword == "uniqueItems":
        return Broken(path, keyword, "must not hold anything twice")
    if keyword in _BOUNDS:
        return Broken(path, keyword, _BOUNDS[keyword].format(str(rule)[:100]))
    return Broken(path, keyword, f"does not meet `{keyword}` of the schema")
