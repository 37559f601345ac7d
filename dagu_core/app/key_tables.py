"""The keys of a model as tables in Markdown, one a mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping"}


def tables(schema: dict[str, Any], heading: str) -> list[str]:
    """Lines: the table of a JSON Schema, and one below `heading` (`###`) for each mapping in it."""
    definitions = schema.get("$defs", {})
    lines: list[str] = []
    shown: set[str] = set()
    waiting: list[tuple[str, dict[str, Any]]] = [("", schema)]
    while waiting:
        key, each = waiting.pop(0)
        lines += ["", f"{heading} Keys of `{key}`", ""] if key else []
        lines += ["| Key | What may stand there | Meaning |", "| --- | --- | --- |"]
        for name, value in each.get("properties", {}).items():
            lines.append(_row(name, value, name in each.get("required", ()), definitions))
            for inner in _mappings(value, definitions):
                if inner not in shown:
                    shown.add(inner)
                    waiting.append((f"{key}.{name}" if key else name, definitions[inner]))
    return lines


def _row(key: str, value: dict[str, Any], needed: bool, definitions: dict[str, Any]) -> str:
    meaning = str(value.get("description", ""))
    if needed:
        meaning += " Required."
    elif value.get("default") not in (None, "", [], {}):
        meaning += f" Default: `{_text(value['default'])}`."
    cells = (f"`{key}`", _kind(value, definitions), meaning)
    # a pipe ends a cell, even inside of backticks
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _text(value: object) -> str:
    """A value as it is written in YAML."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _forms(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The forms a value may have, one of them by itself."""
    return [each for form in ("anyOf", "oneOf") for each in value.get(form, ())] or [value]


def _mappings(value: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    """The definitions of mappings with keys of their own that a value may be or hold."""
    for each in _forms(value):
        if each is not value:
            yield from _mappings(each, definitions)
        if (name := _name(each)) and "properties" in definitions[name]:
            yield name
        for inner in (each.get("items"), each.get("additionalProperties")):
            if isinstance(inner, dict):
                yield from _mappings(inner, definitions)


def _name(value: dict[str, Any]) -> str:
    return str(value.get("$ref", "")).rpartition("/")[2]


def _kind(value: dict[str, Any], definitions: dict[str, Any]) -> str:
    if (forms := _forms(value)) != [value]:
        kinds = (_kind(each, definitions) for each in forms if each.get("type") != "null")
        return " or ".join(dict.fromkeys(filter(None, kinds)))
    if name := _name(value):
        return _kind(definitions[name], definitions)
    if "enum" in value or "const" in value:
        # an empty word is what stands for "not given"
        words = value.get("enum") or [value["const"]]
        return " or ".join(f"`{_text(word)}`" for word in words if word not in ("", None))
    found = str(value.get("type", "anything"))
    inner = value.get("items" if found == "array" else "additionalProperties")
    if found == "array":
        return f"list of {_kind(inner or {}, definitions)}"
    if found == "object" and isinstance(inner, dict) and _name(inner):
        return "mapping of mappings"
    return _WORDS.get(found, found)
