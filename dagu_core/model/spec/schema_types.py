"""What the step types ask of a step, as rules of JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dagu_core.model.plan.kinds import COMMAND
from dagu_core.model.spec.forms import any_case
from dagu_core.model.spec.schema_keys import or_null
from dagu_core.model.spec.vocabulary import StepType, Vocabulary

Schema = dict[str, Any]
#: DAG keys that choose the type of all steps that name none
_USUAL = {"container": "docker", "ssh": "ssh"}
#: keys that choose the type of one step
_CHOOSING = ("type", "action", "executor", "call", "run", "container")


def add_types(step: Schema, vocabulary: Vocabulary, reference: Callable[[StepType], Schema]) -> None:
    """One rule for each step type: what may stand under `config`, `with` and `executor.config`.

    `reference` leads to the schema of a type's config.
    """
    if not vocabulary.step_types:
        return
    step["properties"]["type"] |= {"examples": sorted(vocabulary.step_types)}
    rules = []
    for words in _by_type(vocabulary.step_types).values():
        config = or_null(reference(vocabulary.step_types[words[0]]))
        named = {"type": "string", "pattern": any_case(words)}
        by_type = {"properties": {"type": named}, "required": ["type"]}
        rules.append({"if": by_type, "then": {"properties": {"config": config, "with": config}}})
        older = {"properties": {"executor": {"type": "object", **by_type}}, "required": ["executor"]}
        rules.append({"if": older, "then": {"properties": {"executor": {"properties": {"config": config}}}}})
    rules.append({"if": _names_no_type(), "then": _usual_config(vocabulary, reference)})
    step["allOf"] = [*step.get("allOf", ()), *rules]


def known_types(vocabulary: Vocabulary, own: list[str]) -> Schema:
    """The rule for a document without step types of its own: the type of a step is a registered word.
    `own` are the step types of the base config."""
    words = sorted({*vocabulary.step_types, *own})
    # A base config's types keep their case; that of the others does not matter.
    word = {"pattern": f"{any_case([*words, 'container'])}|^\\s*$"}
    executor = {**word, "properties": {"type": word}}
    step: Schema = {"properties": {"type": word, "executor": executor}}
    own_types = [{"required": ["stepTypes"]}, {"required": ["step_types"]}]
    steps = {"items": {**step, "items": step}, "additionalProperties": step}
    handlers = {"additionalProperties": step}
    known = {"properties": {"steps": steps, "handlerOn": handlers, "handler_on": handlers}}
    return {"if": {"not": {"anyOf": own_types}}, "then": known}


def _by_type(types: Mapping[str, StepType]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in sorted(types):
        found.setdefault(types[word].name, []).append(word)
    return found


def _names_no_type() -> Schema:
    """A step with a config and nothing that says whose it is."""
    chosen = [{"required": [key], "properties": {key: {"not": {"enum": ["", None]}}}} for key in _CHOOSING]
    configured = [{"required": [key]} for key in ("config", "with")]
    return {"anyOf": configured, "not": {"anyOf": chosen}}


def _usual_config(vocabulary: Vocabulary, reference: Callable[[StepType], Schema]) -> Schema:
    words = [COMMAND, *(word for key, word in _USUAL.items() if key in vocabulary.dag_keys)]
    configs = [reference(vocabulary.step_types[word]) for word in words if word in vocabulary.step_types]
    either = {"anyOf": [*configs, {"type": "null"}]}
    return {"properties": {"config": either, "with": either}} if configs else {}
