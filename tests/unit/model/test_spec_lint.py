"""Warnings about valid definitions, calls that never end, and the published schema."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from dagu_core.model.spec.schema import dag_schema
from tests.hostile.language import VOCABULARY, problems, told


@pytest.mark.parametrize(("text", "found"), [
    ("steps: [{command: [echo, hi]}]", ["W001"]),
    ("steps: [{command: [echo a, hi]}]", []),
    ("params: P=1\nsteps: [{command: x, output: P}]", ["W022"]),
    ("steps: [{name: a, command: x}, 'echo ${a.exitCode}']", ["W025"]),
    ("steps: [{name: a, id: a1, command: x}, 'echo ${a1.exitCode} ${J.stdout}']", []),
    ("steps: [{command: x, continueOn: {markSuccess: true}}]", ["W044"]),
    ("steps: [{command: x, continueOn: {markSuccess: true, failed: true}}]", []),
    ("steps: [{command: x, repeatPolicy: {limit: 3}}]", ["W049"]),
    ("histRetentionDays: 0\nsteps: [a]", ["W087"]),
    ("description: none", ["W015"]),
    ("secrets: [{name: S, provider: env, key: K}]\nsteps: ['echo $S', {script: 'x ${S}', env: [A=$S]}]", []),
    ("secrets: [{name: S, provider: env, key: K}]\nsteps: [{exec: [x, $S]}]", ["W105"]),
    ("secrets: [{name: S, provider: env, key: K}]\nsteps: [{command: x $S, shell: direct}]", ["W105"]),
    ("secrets: [{name: S, provider: env, key: K}]\nsteps: [{call: c, params: 'A=${S}'}]", ["W105"]),
    ("secrets: [{name: S, provider: env, key: K}]\nsteps: [{type: http, command: 'GET ${S}'}]", ["W105"]),
    ("secrets: [{name: S, provider: env, key: K}]\nsteps: [{type: http, config: {timeout: '${S}'}}]", []),
])  # fmt: skip
def test_warning(text: str, found: list[str]) -> None:
    assert [problem.code for problem in problems(text)] == found
    assert {problem.severity for problem in problems(text)} <= {"warning"}


@pytest.mark.parametrize(("text", "shown"), [
    ("steps: [{call: main}]", "main → main"),
    ("steps: [{call: main.yaml}]", "main → main"),
    ("steps: [{call: a}]\n---\nname: a\nsteps: [{call: main}]", "main → a → main"),
    ("handlerOn: {exit: {call: a}}\n---\nname: a\nsteps: [{call: b}]\n---\nname: b\nsteps: [{call: a}]",
     "a → b → a"),
])  # fmt: skip
def test_calls_without_end(text: str, shown: str) -> None:
    assert len(told(text)) == 1
    assert f"D016 DAGs call each other without end: {shown}" in told(text)[0]


def test_calls_that_end_are_fine() -> None:
    assert told("steps: [{call: a}, {call: '${X}'}, {call: other}]\n---\nname: a\nsteps: [x]") == []


def described(schema: Any) -> list[str]:
    found = []
    for name, definition in {"": schema, **schema["$defs"]}.items():
        for key, field in definition.get("properties", {}).items():
            if "description" not in field and "$ref" not in field:
                found.append(f"{name}.{key}")
    return found


def test_schema_knows_core_and_plugin_words_and_describes_each() -> None:
    schema = dag_schema(VOCABULARY)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert described(schema) == []
    assert {"steps", "maxActiveRuns", "max_active_runs", "smtp", "labels"} <= schema["properties"].keys()
    assert {"lock", "retry_policy", "dir", "with"} <= schema["$defs"]["StepSpec"]["properties"].keys()


@pytest.mark.parametrize(("document", "valid"), [
    ({"steps": ["a", ["b", {"command": "c", "timeout_sec": 5}]], "env": ["A=1", {"B": 2}]}, True),
    ({"steps": {"a": {"command": ["x"], "retryPolicy": {"limit": 2, "backoff": 2, "exitCodes": 3}}}}, True),
    ({"steps": [{"type": "http", "config": {"timeout": 5}}]}, True),
    ({"steps": [{"type": "http", "config": {"timeot": 5}}]}, False),
    ({"stepz": []}, False),
    ({"steps": [{"comand": "x"}]}, False),
    ({"smtp": {"host": "a"}, "handlerOn": {"cancel": {"command": "x"}}}, True),
    ({"preconditions": [{"command": "x"}], "continueOn": "x"}, False),
])  # fmt: skip
def test_schema_judges_as_the_reader_does(document: Any, valid: bool) -> None:
    assert jsonschema.Draft202012Validator(dag_schema(VOCABULARY)).is_valid(document) is valid
