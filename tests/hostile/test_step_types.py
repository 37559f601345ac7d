"""Step types nobody means: no block of them makes the reader fail, hang or grow without end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gotchas.lab import Lab
from tests.hostile.language import errors, problems, told
from tests.hostile.test_generated import judge
from tests.hostile.workflows import anything, step_types

NAMES = st.sampled_from(["t", "u", "v", "http", "command", "Box", "a b", ""])
PATHS = st.sampled_from(["a", "b.c", "a.0", "", ".", "..", "a.b.c.d", "0", "${A}", "a-b"])
TEXTS = st.one_of(
    PATHS.map(lambda path: f"x {{{{ .input.{path} }}}}"),
    PATHS.map(lambda path: f"{{$input: {path}}}"),
    st.text(st.sampled_from(list('{}.|"`- input$:json/*')), max_size=15),
)
INJECTED = st.fixed_dictionaries({"$input": PATHS | anything}, optional={"b": anything})
SCHEMA_WORDS = st.sampled_from(
    (
        *(
            "type",
            "properties",
            "required",
            "items",
            "$ref",
            "default",
            "enum",
            "const",
            "pattern",
            "minimum",
        ),
        *("anyOf", "not", "if", "allOf", "$schema", "$defs", "multipleOf", "uniqueItems", "format", "a", "b"),
        *("patternProperties", "additionalProperties", "maxLength", "$id", "contains", "dependentSchemas"),
    )
)
SCHEMA_VALUES = st.sampled_from(
    (
        *(
            "object",
            "array",
            "integer",
            "#",
            "#/properties/a",
            "https://x.invalid/",
            "(a+)+$",
            "[",
            "date",
            0,
        ),
        *(-1, 1e308, True, None, ["a"], [], {}, ["object", "null"], {"type": "integer"}),
    )
)
SCHEMAS = st.recursive(
    SCHEMA_VALUES,
    lambda inner: st.dictionaries(SCHEMA_WORDS, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=10,
)
TEMPLATES = st.recursive(
    TEXTS | INJECTED | anything,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["command", "exec", "env", "config", "with", "name", "type", "x"]), inner
        )
    ),
    max_leaves=6,
)
TYPES = st.fixed_dictionaries(
    {"type": NAMES | anything, "template": TEMPLATES},
    optional={"inputSchema": SCHEMAS, "outputs": SCHEMAS, "description": anything, "zzz": anything},
)
CALLS = st.fixed_dictionaries(
    {"type": NAMES},
    optional={"with": st.dictionaries(PATHS, anything, max_size=3) | anything, "command": anything},
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(NAMES, TYPES | anything, max_size=4) | anything, st.lists(CALLS, max_size=3))
def test_no_block_of_step_types_makes_it_fail(types: Any, calls: list[Any]) -> None:
    judge(yaml.safe_dump({"stepTypes": types, "steps": calls}, allow_unicode=True, sort_keys=False))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(step_types(), st.lists(CALLS, max_size=3), st.booleans())
def test_no_use_of_good_step_types_makes_it_fail(types: Any, calls: list[Any], in_base: bool) -> None:
    block, steps = yaml.safe_dump({"stepTypes": types}), yaml.safe_dump({"steps": calls})
    if in_base:
        problems(steps, base=block)
    else:
        judge(block + steps)


def quick(text: str, seconds: float = 4) -> list[str]:
    begin = time.process_time()
    found = told(text)
    assert time.process_time() - begin < seconds
    return found


def test_templates_of_templates_do_not_grow_without_end() -> None:
    many = ", ".join(["{$input: x}"] * 100)
    chain = "".join(f"  t{i}: {{type: t{i + 1}, template: {{with: {{x: [{many}]}}}}}}\n" for i in range(8))
    text = f"stepTypes:\n{chain}  t8: {{type: http, template: {{command: x, config: {{$input: x}}}}}}\n"
    (found,) = quick(f"{text}steps: [{{type: t0, with: {{x: 1}}}}]")
    assert "D009 the step types make more of this file" in found


def test_texts_of_templates_do_not_grow_without_end() -> None:
    big = "x" * 100_000
    text = f"stepTypes: {{t: {{type: command, template: {{command: '{'{$input: a}' * 100}'}}}}}}\nsteps:\n"
    assert "more than 5242880 characters" in quick(f"{text}- {{type: t, with: {{a: {big}}}}}")[0]
    text = "stepTypes: {t: {type: command, template: {command: '{$input: a}'}}}\nsteps:\n"
    assert quick(f"{text}- {{type: t, with: {{a: {big}}}}}") == []
    anchored = f"env: [{{A: &a {big}}}]\n{text}" + "- {type: t, with: {a: *a}}\n" * 60
    assert {line.split(" ", 2)[2] for line in quick(anchored)} == {
        "the step types make more of this file than a file may hold"
    }


def test_depth_of_templates_is_that_of_a_file() -> None:
    nested = "[" * 60 + "{$input: x}" + "]" * 60
    text = (
        f"stepTypes:\n  a: {{type: b, template: {{with: {{x: {nested}}}}}}}\n"
        f"  b: {{type: http, template: {{command: x, config: {{headers: {nested}}}}}}}\n"
    )
    assert "D009" in quick(f"{text}steps: [{{type: a, with: {{x: 1}}}}]")[0]


def doubling() -> str:
    """A schema that asks for one thing a million times."""
    each = (
        f"d{i}: {{allOf: [{{$ref: '#/$defs/d{i + 1}'}}, {{$ref: '#/$defs/d{i + 1}'}}]}}" for i in range(24)
    )
    return f"{{$ref: '#/$defs/d0', $defs: {{{', '.join(each)}, d24: {{}}}}}}"


@pytest.mark.parametrize("schema", ["{$ref: '#'}", doubling()], ids=["itself", "doubling"])
def test_schemas_that_never_end(schema: str) -> None:
    text = f"stepTypes: {{t: {{type: command, template: {{command: x}}, inputSchema: {schema}}}}}\n"
    (found,) = quick(f"{text}steps: [{{type: t, with: {{a: 1}}}}]", 20)
    assert "the schema cannot be applied" in found


def test_a_pattern_that_never_ends_is_left_to_the_run(tmp_path: Path) -> None:
    text = """
        stepTypes:
          t:
            type: command
            inputSchema: {properties: {a: {pattern: "(a+)+$"}}}
            template: {command: "true"}
        steps:
          - {name: s, type: t, with: {a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!}}
    """
    assert quick(text) == []
    (tmp_path / "work").mkdir()
    ran = Lab(tmp_path / "home", tmp_path / "work").run(text)
    assert ran.statuses == {"s": "failed"}
    assert "a pattern of its schema is too slow" in ran.step("s").error


def test_many_mistakes_are_told_once_each() -> None:
    steps = "- {type: t, with: {b: 1}}\n" * 3000
    definition = "{type: command, template: {command: x}, inputSchema: {properties: {a: {}}}}"
    text = f"stepTypes: {{t: {definition}}}\nsteps:\n"
    assert len(quick(text + steps, 8)) == 200
    assert errors(text + "- {type: t}\n" * 200) == ()
