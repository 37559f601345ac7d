"""The JSON Schema of the language, with the words of the plugins now installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from dagu_core.model.spec.dag import DagSpec
from dagu_core.model.spec.vocabulary import Vocabulary

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def dag_schema(vocabulary: Vocabulary) -> dict[str, Any]:
    """JSON Schema of a DAG document, for editors: core keys and those of plugins, each in
    camelCase and snake_case, with their descriptions."""
    schema = DagSpec.model_json_schema(by_alias=True, mode="validation")
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    _add_keys(schema, vocabulary.dag_keys, definitions)
    step = definitions["StepSpec"]
    _add_keys(step, vocabulary.step_keys, definitions)
    _add_types(step, vocabulary, definitions)
    _add_own_types(schema["properties"], definitions)
    _add_clocks(definitions["EntrySpec"], vocabulary, definitions)
    _add_triggers(schema["properties"], vocabulary, definitions)
    for name, definition in (("", schema), *definitions.items()):
        _accept_snake_case(definition, f"#/$defs/{name}" if name else "#")
    _add_older_spellings(schema, definitions)
    return {"$schema": DIALECT, "title": "DAG", **{k: v for k, v in schema.items() if k != "title"}}


def _add_keys(
    schema: dict[str, Any], models: Mapping[str, type[BaseModel]], definitions: dict[str, Any]
) -> None:
    for key, model in models.items():
        schema["properties"][key] = _reference(model, key, definitions)


def _add_types(step: dict[str, Any], vocabulary: Vocabulary, definitions: dict[str, Any]) -> None:
    """One rule for each step type: what may stand under `config` and `with`."""
    words = sorted(vocabulary.step_types)
    if not words:
        return
    step["properties"]["type"] |= {"examples": words}
    rules = []
    for word in words:
        config = _reference(vocabulary.step_types[word].config, vocabulary.step_types[word].name, definitions)
        rules.append(
            {
                "if": {"properties": {"type": {"const": word}}, "required": ["type"]},
                "then": {"properties": {"config": config, "with": config}},
            }
        )
    step["allOf"] = rules


def _add_own_types(properties: dict[str, Any], definitions: dict[str, Any]) -> None:
    """What the step types of a file consist of; a template is a step, or stands for parts of one."""
    from dagu_core.model.spec.step_types import StepTypeSpec

    definitions["StepTypeSpec"] = StepTypeSpec.model_json_schema(by_alias=True, mode="validation")
    names = {"pattern": "^[A-Za-z][A-Za-z0-9_-]*$"}
    properties["stepTypes"] |= {
        "type": "object",
        "propertyNames": names,
        "additionalProperties": {"$ref": "#/$defs/StepTypeSpec"},
    }


def _add_clocks(entry: dict[str, Any], vocabulary: Vocabulary, definitions: dict[str, Any]) -> None:
    """The keys of all kinds of schedules, side by side."""
    entry["properties"]["kind"] |= {"examples": sorted(vocabulary.clocks)}
    for word in sorted(vocabulary.clocks):
        clock = vocabulary.clocks[word]
        reference = _reference(clock.config, clock.name, definitions)["$ref"]
        for key in definitions[reference.removeprefix("#/$defs/")]["properties"]:
            entry["properties"].setdefault(key, {"$ref": f"{reference}/properties/{key}"})


def _add_triggers(properties: dict[str, Any], vocabulary: Vocabulary, definitions: dict[str, Any]) -> None:
    """One alternative for each type of trigger, with its keys beside `type`."""
    types: list[dict[str, Any]] = []
    for word in sorted(vocabulary.triggers):
        reference = _reference(vocabulary.triggers[word], word, definitions)["$ref"]
        model = definitions[reference.removeprefix("#/$defs/")]
        keys = {key: {"$ref": f"{reference}/properties/{key}"} for key in model["properties"]}
        types.append(
            {
                "type": "object",
                "properties": {"type": {"const": word}, **keys},
                "required": ["type", *model.get("required", [])],
                "additionalProperties": False,
            }
        )
        if word == "file":
            properties["fileTrigger"]["anyOf"][0] = {"$ref": reference}
    if types:
        definitions["Trigger"] = {"description": "What starts a DAG beside the clock.", "anyOf": types}
        one = {"$ref": "#/$defs/Trigger"}
        properties["triggers"]["anyOf"] = [{"type": "array", "items": one}, one]


def _reference(model: type[BaseModel], word: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Put the model's schema among the definitions, under a name nobody else has."""
    name = f"{word}-{model.__module__}.{model.__qualname__}"
    if name not in definitions:
        own = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{name}-{{model}}")
        for inner, definition in own.pop("$defs", {}).items():
            definitions[f"{name}-{inner}"] = definition
        definitions[name] = own
    return {"$ref": f"#/$defs/{name}"}


def _accept_snake_case(definition: dict[str, Any], address: str) -> None:
    properties = definition.get("properties", {})
    for key in list(properties):
        snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in key)
        if snake not in properties:
            properties[snake] = {"$ref": f"{address}/properties/{key}"}


def _add_older_spellings(schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    older = {
        "#": {"labels": "tags"},
        "#/$defs/StepSpec": {"run": "call", "dir": "workingDir"},
        "#/$defs/StepTypeSpec": {"outputSchema": "outputs", "output_schema": "outputs"},
        "#/$defs/HandlersSpec": {"cancel": "abort"},
        "#/$defs/ContinueOnSpec": {"failure": "failed"},
        "#/$defs/RetrySpec": {"exitCodes": "exitCode"},
        "#/$defs/RepeatSpec": {"exitCodes": "exitCode"},
        "#/$defs/ConditionSpec": {"command": "condition"},
    }
    for address, spellings in older.items():
        target = schema if address == "#" else definitions[address.removeprefix("#/$defs/")]
        for old, new in spellings.items():
            target["properties"][old] = {"$ref": f"{address}/properties/{new}", "deprecated": True}
        if address.endswith("ConditionSpec"):
            target.pop("required", None)
