"""JSON Schema of a model, with every spelling of its keys and a reference wherever one may stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from dagu_core.base.config import Config
from dagu_core.model.spec.keys import field_keys

Schema = dict[str, Any]
#: texts that only the run can evaluate
REFERENCE: Schema = {"type": "string", "pattern": r"\$\{[^}]*\}|\$[A-Za-z0-9_]+|`[^`]+`"}
_NULL: Schema = {"type": "null"}
_RULES_FOR_TEXTS = ("enum", "const", "pattern", "format", "minLength", "maxLength")
_TOLD = ("description", "default", "examples", "deprecated", "title")


def schema_of(model: type[BaseModel], address: str) -> tuple[Schema, dict[str, Schema]]:
    """The schema of a contributed model that will stand at `address` (a JSON pointer), and those inside
    it by name, for `address-NAME`."""
    own = model.model_json_schema(by_alias=True, ref_template=f"{address}-{{model}}")
    inner: dict[str, Schema] = own.pop("$defs", {})
    models = {each.__name__: each for each in _models_in(model)}
    for name, schema in (("", own), *inner.items()):
        its_model = models.get(name) if name else model
        if its_model is not None:
            _let_short_forms_in(schema, its_model)
        _let_references_in(schema)
        if its_model is not None:
            let_nulls_in(schema)
            add_spellings(schema, its_model, f"{address}-{name}" if name else address)
    return own, inner


def add_spellings(schema: Schema, model: type[BaseModel], address: str) -> None:
    """Add the other spellings of the keys of a model, older ones as deprecated; a required key may come
    in any of them."""
    properties = schema.get("properties", {})
    spelled: dict[str, list[str]] = {key: [key] for key in properties}
    for key in [key for key in properties if "_" not in key]:
        _spell(properties, spelled, key, snake(key), address)
    names = field_keys(model)
    for older, name in getattr(model, "spellings", {}).items():
        if (key := names[name]) in spelled:
            _spell(properties, spelled, key, older, address, deprecated=True)
            _spell(properties, spelled, key, snake(older), address, deprecated=True)
    required = schema.pop("required", [])
    if plain := [key for key in required if len(spelled.get(key, ())) < 2]:
        schema["required"] = plain
    if several := [spelled[key] for key in required if key not in plain]:
        rules = [{"anyOf": [{"required": [key]} for key in keys]} for keys in several]
        schema["allOf"] = [*schema.get("allOf", ()), *rules]


def let_nulls_in(schema: Schema) -> None:
    """A key without a value is as good as none, unless it is required."""
    required = schema.get("required", ())
    for key, rules in schema.get("properties", {}).items():
        if key not in required:
            schema["properties"][key] = or_null(rules)


def or_null(rules: Schema) -> Schema:
    """The rules, met by null, too."""
    told = {word: rules[word] for word in _TOLD if word in rules}
    judged = {word: value for word, value in rules.items() if word not in told}
    if not judged or _NULL in judged.get("anyOf", ()):
        return rules
    if judged.keys() == {"anyOf"}:
        return {**told, "anyOf": [*judged["anyOf"], _NULL]}
    return {**told, "anyOf": [judged, _NULL]}


def snake(key: str) -> str:
    """`maxActiveRuns` as `max_active_runs`."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in key)


def _spell(
    properties: Schema,
    spelled: Mapping[str, list[str]],
    key: str,
    other: str,
    address: str,
    *,
    deprecated: bool = False,
) -> None:
    if other in properties:
        return
    spelled[key].append(other)
    properties[other] = {"$ref": f"{address}/properties/{key}"} | ({"deprecated": True} if deprecated else {})


def _let_short_forms_in(schema: Schema, model: type[BaseModel]) -> None:
    """Judge nothing that a validator of the model's own turns into what it means: what that takes, only
    its code knows."""
    own, common = model.__pydantic_decorators__, Config.__pydantic_decorators__
    names = field_keys(model)
    for name, each in own.field_validators.items():
        if name not in common.field_validators and each.info.mode != "after":
            for key in (names[field] for field in each.info.fields):
                rules = schema["properties"][key]
                schema["properties"][key] = {word: rules[word] for word in _TOLD if word in rules}
    if all(
        name in common.model_validators
        for name, each in own.model_validators.items()
        if each.info.mode == "before"
    ):
        return
    # It may come as something else than a mapping, and one item in place of a list.
    schema.pop("type", None)
    for rules in schema["properties"].values():
        if rules.get("type") == "array" and "items" in rules:
            array = {word: rules.pop(word) for word in [*rules] if word not in _TOLD}
            rules["anyOf"] = [array, array["items"]]


def _let_references_in(schema: Schema) -> None:
    for key, rules in schema.get("properties", {}).items():
        if rules.get("type") == "string" and not any(word in rules for word in _RULES_FOR_TEXTS):
            continue
        if not rules.keys() - set(_TOLD):
            continue  # anything may stand there
        told = {word: rules[word] for word in _TOLD if word in rules}
        judged = {word: value for word, value in rules.items() if word not in told}
        schema["properties"][key] = {**told, "anyOf": [judged, REFERENCE]}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that values of the fields of a model may be, itself included."""
    seen: set[type[BaseModel]] = set()
    waiting = [annotation]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, Config):
            if one not in seen:
                seen.add(one)
                waiting += [field.annotation for field in one.model_fields.values()]
                yield one
        else:
            waiting += get_args(one)
