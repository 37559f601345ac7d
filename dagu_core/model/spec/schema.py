"""The JSON Schema of the language, with the words of the plugins now installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from dagu_core.model.spec.dag import DagSpec
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.located import Map
from dagu_core.model.spec.model import SpecModel
from dagu_core.model.spec.schema_keys import add_spellings, let_nulls_in, or_null, schema_of, snake
from dagu_core.model.spec.schema_types import add_types, known_types
from dagu_core.model.spec.starting import StandingSpec
from dagu_core.model.spec.step_types import StepTypeSpec
from dagu_core.model.spec.vocabulary import Vocabulary
from dagu_core.model.spec.yaml import read_documents

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def dag_schema(vocabulary: Vocabulary, own_types: Iterable[str] | None = None) -> Schema:
    """JSON Schema of a DAG document, for editors: core keys and those of plugins, each in
    camelCase and snake_case, with their descriptions. `own_types` are the step types of the base config;
    None = a step may have any type, as who brings it is not known."""
    schema = DagSpec.model_json_schema(by_alias=True, mode="validation")
    definitions: Schema = schema.setdefault("$defs", {})
    _add_own_types(schema["properties"], definitions)
    models = {model.__name__: model for model in _models(SpecModel)}
    for name, definition in (("", schema), *definitions.items()):
        if model := DagSpec if not name else models.get(name):
            let_nulls_in(definition)
            add_spellings(definition, model, f"#/$defs/{name}" if name else "#")
    _add_keys(schema, vocabulary.dag_keys, definitions)
    step = definitions["StepSpec"]
    _add_keys(step, vocabulary.step_keys, definitions)
    add_types(step, vocabulary, lambda one: _reference(one.config, one.name, definitions))
    _add_clocks(definitions["EntrySpec"], vocabulary, definitions)
    _add_triggers(schema["properties"], vocabulary, definitions)
    if own_types is not None:
        schema["allOf"] = [*schema.get("allOf", ()), known_types(vocabulary, list(own_types))]
    return {"$schema": DIALECT, "title": "DAG", **{k: v for k, v in schema.items() if k != "title"}}


def own_types_of(base: str) -> list[str]:
    """The names of the step types in the text of a base config, as far as it can be read."""
    findings = Findings(base, "base.yaml")
    document = next(iter(read_documents(findings) if base.strip() else ()), None)
    key = document.written("stepTypes") if isinstance(document, Map) else None
    types = document[key] if isinstance(document, Map) and key is not None else None
    return list(types) if isinstance(types, Map) else []


def _models(above: type[SpecModel]) -> Iterator[type[SpecModel]]:
    for model in above.__subclasses__():
        yield model
        yield from _models(model)


def _add_keys(schema: Schema, models: Mapping[str, type[BaseModel]], definitions: Schema) -> None:
    for key, model in models.items():
        reference = _reference(model, key, definitions)
        told = definitions[reference["$ref"].removeprefix("#/$defs/")].get("description", "")
        rules = or_null(reference) | ({"description": told} if told else {})
        for spelled in dict.fromkeys((key, snake(key))):
            schema["properties"].setdefault(spelled, rules)


def _add_own_types(properties: Schema, definitions: Schema) -> None:
    """What the step types of a file consist of; a template is a step, or stands for parts of one."""
    definitions["StepTypeSpec"] = StepTypeSpec.model_json_schema(by_alias=True, mode="validation")
    names = {"pattern": "^[A-Za-z][A-Za-z0-9_-]*$"}
    properties["stepTypes"] |= {
        "type": "object",
        "propertyNames": names,
        "additionalProperties": {"$ref": "#/$defs/StepTypeSpec"},
    }


def _add_clocks(entry: Schema, vocabulary: Vocabulary, definitions: Schema) -> None:
    """The keys of all kinds of schedules, side by side."""
    entry["properties"]["kind"] |= {"examples": sorted(vocabulary.clocks)}
    for word in sorted(vocabulary.clocks):
        clock = vocabulary.clocks[word]
        reference = _reference(clock.config, clock.name, definitions)["$ref"]
        for key in definitions[reference.removeprefix("#/$defs/")]["properties"]:
            entry["properties"].setdefault(key, {"$ref": f"{reference}/properties/{key}"})


def _add_triggers(properties: Schema, vocabulary: Vocabulary, definitions: Schema) -> None:
    """One alternative for each type of trigger, with its keys beside `type`, and where its runs stand."""
    standing_keys = StandingSpec.model_json_schema(by_alias=True, mode="validation")
    let_nulls_in(standing_keys)
    standing = standing_keys["properties"]
    types: list[Schema] = []
    for word in sorted(vocabulary.triggers):
        reference = _reference(vocabulary.triggers[word], word, definitions)["$ref"]
        model = definitions[reference.removeprefix("#/$defs/")]
        keys = standing | {key: {"$ref": f"{reference}/properties/{key}"} for key in model["properties"]}
        named = {"enum": [word, word.lower()]} if word != word.lower() else {"const": word}
        types.append(
            {
                "type": "object",
                "properties": {"type": named, "kind": named, **keys},
                "required": model.get("required", []),
                "allOf": [
                    {"anyOf": [{"required": ["type"]}, {"required": ["kind"]}]},
                    *model.get("allOf", []),
                ],
                "additionalProperties": False,
            }
        )
        if word == "file":
            model["properties"] |= {
                key: rule for key, rule in standing.items() if key not in model["properties"]
            }
            properties["fileTrigger"]["anyOf"][0] = {"$ref": reference}
    if types:
        definitions["Trigger"] = {"description": "What starts a DAG beside the clock.", "anyOf": types}
        one = {"$ref": "#/$defs/Trigger"}
        properties["triggers"]["anyOf"] = [{"type": "array", "items": one}, one, {"type": "null"}]


def _reference(model: type[BaseModel], word: str, definitions: Schema) -> Schema:
    """Put the model's schema among the definitions, under a name nobody else has."""
    name = f"{word}-{model.__module__}.{model.__qualname__}"
    if name not in definitions:
        definitions[name], inner = schema_of(model, f"#/$defs/{name}")
        definitions |= {f"{name}-{key}": each for key, each in inner.items()}
    return {"$ref": f"#/$defs/{name}"}
