"""The JSON Schema that parameters must meet."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from dagu_core.base.errors import Invalid
from dagu_core.model.values.expand import expand
from dagu_core.model.values.scope import Scope
from dagu_core.model.values.text import to_text

FAILED = "parameter validation failed"
_SECONDS = 10.0
_LARGEST = 5 * 1024 * 1024
_TYPES: dict[type, tuple[str, ...]] = {
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number", "integer"),
    list: ("array",),
    dict: ("object",),
    type(None): ("null",),
}


class BrokenRule(Struct, frozen=True):
    """A rule of a schema that is not met: where in the values, its keyword, what is wrong, and which
    required name is `missing`."""

    path: tuple[str | int, ...]
    keyword: str
    message: str
    missing: str = ""

    @property
    def told(self) -> str:
        """`NAME: what is wrong`"""
        where = ".".join(map(str, self.path))
        return f"{where}: {self.message}" if where else self.message


async def check(
    schema: Mapping[str, Any] | str,
    pairs: Sequence[tuple[str, str]],
    *,
    scope: Scope,
    folders: Sequence[Path],
) -> tuple[tuple[str, str], ...]:
    """`pairs` in their order, followed by the defaults of the schema for absent names.

    Raises Invalid with everything that does not meet the schema, or when there is no schema.
    """
    if isinstance(schema, str):
        schema = await _load(await expand(schema, scope), folders)
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    values, filled = data_of(schema, pairs)
    broken = await asyncio.to_thread(broken_rules, schema, values | filled)
    if broken:
        raise validation_failed(broken)
    return (*pairs, *((name, to_text(value)) for name, value in filled.items()))


def data_of(
    schema: Mapping[str, Any], pairs: Sequence[tuple[str, str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a schema judges: the values of the pairs, and its own defaults for absent names."""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    values = {name: _decoded(value, properties.get(name)) for name, value in pairs}
    return values, {
        name: rules["default"]
        for name, rules in properties.items()
        if name not in values and isinstance(rules, Mapping) and "default" in rules
    }


def validation_failed(broken: Sequence[BrokenRule]) -> Invalid:
    """The error for parameters that do not meet the schema."""
    problems = [one.told for one in broken]
    return Invalid(
        f"{FAILED}: {'; '.join(problems)}",
        hint="Give parameters that meet the schema of the DAG.",
        problems=problems,
    )


def _decoded(text: str, rules: Any) -> Any:
    """The JSON value in `text`, unless the schema wants text there or it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    wanted = rules.get("type") if isinstance(rules, Mapping) else None
    wanted = [wanted] if isinstance(wanted, str) else wanted or []
    own = _TYPES.get(type(value), ("string",))
    return text if "string" in wanted and not set(own) & set(wanted) else value


def broken_rules(schema: Mapping[str, Any], values: dict[str, Any]) -> list[BrokenRule]:
    """The rules that values break. Raises Invalid when the schema is none."""
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import EMPTY_REGISTRY

    rules = dict(schema)
    kind = validator_for(rules)
    try:
        kind.check_schema(rules)
        # The registry is given so that a reference to another host is an error, not a request.
        found = list(kind(rules, registry=EMPTY_REGISTRY).iter_errors(values))
    except SchemaError as error:
        where = "".join(f"{part}: " for part in error.absolute_path)[:100]
        message = f"the parameter schema is not a JSON Schema: {where}{error.message[:200]}"
        raise Invalid(message, path=list(error.absolute_path)) from error
    except Unresolvable as error:
        raise Invalid(
            f"the parameter schema refers to what is not in it: {error.ref}",
            hint="Put the definition under `$defs` of the schema itself.",
        ) from error
    return [
        BrokenRule(tuple(error.absolute_path), str(error.validator), error.message, _missing(error))
        for error in found
    ]


def _missing(error: Any) -> str:
    if error.validator != "required":
        return ""
    return next((name for name in error.validator_value if error.message.startswith(f"{name!r} ")), "")


async def _load(where: str, folders: Sequence[Path]) -> Mapping[str, Any]:
    if is_url(where):
        return _schema_in(await asyncio.to_thread(_fetch, where), where)
    return await asyncio.to_thread(read_schema, where, folders)


def is_url(where: str) -> bool:
    """Whether a schema is to be fetched."""
    return re.match(r"(?i)https?://", where) is not None


def read_schema(where: str, folders: Sequence[Path]) -> Mapping[str, Any]:
    """The schema in a file of one of the folders. Raises Invalid."""
    return _schema_in(_read(where, folders), where)


def _schema_in(text: str, where: str) -> Mapping[str, Any]:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the parameter schema {where} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise Invalid(f"the parameter schema {where} is not a JSON object")
    return schema


def _read(where: str, folders: Sequence[Path]) -> str:
    path = Path(os.path.expanduser(where))
    tried = list(dict.fromkeys(folder / path for folder in folders)) or [path]
    for candidate in tried:
        try:
            return candidate.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise Invalid(f"the parameter schema {candidate} cannot be read: {error}") from error
    raise Invalid(
        f"there is no parameter schema {where}; tried " + ", ".join(map(str, tried)),
        hint="Write a path relative to the DAG file, or a URL.",
    )


def _fetch(url: str) -> str:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=_SECONDS) as answer:
            data: bytes = answer.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ValueError(f"larger than {_LARGEST} bytes")
        return data.decode()
    except (OSError, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise Invalid(f"the parameter schema {url} cannot be fetched: {error}") from error
