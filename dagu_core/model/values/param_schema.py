"""The JSON Schema that parameters must meet."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagu_core.base.errors import Invalid
from dagu_core.model.values.expand import expand
from dagu_core.model.values.scope import Scope
from dagu_core.model.values.text import to_text

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
    values = {name: _decoded(value, properties.get(name)) for name, value in pairs}
    filled = [
        (name, rules["default"])
        for name, rules in properties.items()
        if name not in values and isinstance(rules, Mapping) and "default" in rules
    ]
    problems = await asyncio.to_thread(_problems, schema, values | dict(filled))
    if problems:
        raise Invalid(
            "parameter validation failed: " + "; ".join(problems),
            hint="Give parameters that meet the schema of the DAG.",
            problems=problems,
        )
    return (*pairs, *((name, to_text(value)) for name, value in filled))


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


def _problems(schema: Mapping[str, Any], values: dict[str, Any]) -> list[str]:
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
        raise Invalid(f"the parameter schema is not a JSON Schema: {error.message}") from error
    except Unresolvable as error:
        raise Invalid(
            f"the parameter schema refers to what is not in it: {error.ref}",
            hint="Put the definition under `$defs` of the schema itself.",
        ) from error
    named = [(".".join(map(str, error.absolute_path)), error.message) for error in found]
    return [f"{path}: {message}" if path else message for path, message in named]


async def _load(where: str, folders: Sequence[Path]) -> Mapping[str, Any]:
    if re.match(r"(?i)https?://", where):
        text = await asyncio.to_thread(_fetch, where)
    else:
        text = await asyncio.to_thread(_read, where, folders)
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the parameter schema {where} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise Invalid(f"the parameter schema {where} is not a JSON object")
    return schema


def _read(where: str, folders: Sequence[Path]) -> str:
    path = Path(where).expanduser()
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
