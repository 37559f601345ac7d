"""The published JSON Schema says what the reader says: every key in every notation, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from dagu_core.base.places import InvalidDefinition
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.schema import dag_schema, own_types_of
from tests.unit.model.test_every_key import ROWS, TABLE, WORDS, placed, row_of, snake

SCHEMA = Draft202012Validator(dag_schema(WORDS, ()))
TAKEN = """
steps: [{command: [1, true]}]
steps: [{exec: [1, true]}]
steps: [{command: x, retryPolicy: {limit: '${L}', intervalSec: '3'}}]
steps: [{command: x, retryPolicy: {limit: '`echo 2`', intervalSec: '0.5'}}]
steps: [{command: x, continueOn: {output: [1], exitCode: ['3']}}]
steps: [{command: x, continueOn: Failed}]
steps: [{command: x, type: ''}, {command: x, executor: ''}]
steps: [{command: x, repeatPolicy: {repeat: 'While', exitCode: '1', backoff: true}}]
steps: [{type: greet, config: {times: '${T}'}}, {type: GREET, with: {times: 2}}]
steps: [{executor: {type: greet, config: {times: 2}}}, {executor: greet}, {action: greet.x}]
steps: [{call: a, priority: '${P}', parallel: [1, {a: b}]}]
{type: graph, steps: [{name: '1', command: x}, {name: b, depends: [1], command: x}]}
{type: graph, steps: [{name: '1', command: x}, {name: b, depends: 1, command: x}]}
{stepTypes: {mine: {type: command, template: {command: z}}}, steps: [{type: mine}]}
{logOutput: MERGED, steps: []}
{logOutput: '', steps: []}
{preconditions: [[a, [{condition: b}]], c], steps: []}
{tags: [1, a], shell: [bash, 1], dotenv: [1], workerSelector: {a: 1}, steps: []}
{preconditions: [null], dotenv: [null, a], steps: [{command: x, preconditions: [null, [null, b]]}]}
steps: [{type: greet, config: {times: null}}]
{tags: 5, env: [A=1, {B: 2}], steps: []}
""".strip().splitlines()
REFUSED = """
steps: [{type: nosuch, command: x}]
steps: {a: {type: nosuch, command: x}}
steps: [[{type: nosuch, command: x}]]
handlerOn: {exit: {type: nosuch, command: x}}
steps: [{executor: nosuch, command: x}]
steps: [{executor: {type: nosuch}, command: x}]
steps: [{executor: {type: greet, config: {foo: 1}}}]
steps: [{type: greet, config: {times: x}}]
steps: [{type: Greet, with: {foo: 1}}]
steps: [{command: x, with: {a: 1}}]
steps: [{command: x, config: {a: 1}}]
steps: [{command: x, retryPolicy: {limit: abc}}]
steps: [{command: x, retryPolicy: {limit: 1, intervalSec: abc}}]
steps: [{command: x, retryPolicy: {intervalSec: 1}}]
steps: [{command: [[a]]}]
steps: [{command: x, depends: [{a: 1}]}]
type: nosuch
logOutput: wrong
triggers: [{watch: x}]
""".strip().splitlines()


def is_read(text: str) -> bool:
    try:
        read_definition(text, path="/d/d.yaml", vocabulary=WORDS)
    except InvalidDefinition:
        return False
    return True


def emptied(data: Any) -> Any:
    """The data with null for every value that is "EMPTY"."""
    if isinstance(data, dict):
        return {key: emptied(value) for key, value in data.items()}
    return [emptied(each) for each in data] if isinstance(data, list) else None if data == "EMPTY" else data


@pytest.mark.parametrize(("model", "row"), ROWS, ids=lambda value: value.replace(" ", "-"))
def test_a_key_without_a_value_meets_it_where_the_reader_takes_it(model: str, row: str) -> None:
    its = row_of(model, row)
    for key in {key for notation in its.notations for key in notation}:
        for spelled in (key, snake(key)):
            written = emptied(placed(TABLE[model]["at"], its.beside | {spelled: "EMPTY"}))
            if is_read(yaml.safe_dump(written)):
                SCHEMA.validate(written)


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)


@pytest.mark.parametrize(("model", "row"), ROWS, ids=lambda value: value.replace(" ", "-"))
def test_every_notation_of_every_key_meets_it(model: str, row: str) -> None:
    its = row_of(model, row)
    for notation in its.notations:
        for spelled in (str, snake):
            keys: dict[str, Any] = its.beside | {spelled(key): value for key, value in notation.items()}
            SCHEMA.validate(placed(TABLE[model]["at"], keys))


@pytest.mark.parametrize("text", TAKEN)
def test_what_is_read_meets_it(text: str) -> None:
    assert is_read(text)
    SCHEMA.validate(yaml.safe_load(text))


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_does_not(text: str) -> None:
    assert not is_read(text)
    assert not SCHEMA.is_valid(yaml.safe_load(text))


def test_step_types_of_the_base_config_are_known() -> None:
    names = own_types_of("stepTypes: {mine: {type: command, template: {command: z}}}\n")
    schema = Draft202012Validator(dag_schema(WORDS, names))
    document = {"steps": [{"type": "mine"}]}
    assert schema.is_valid(document) and not SCHEMA.is_valid(document)
    assert own_types_of("") == own_types_of("- a") == own_types_of("a: [") == []
