"""Step types of a file: what becomes of a step, and everything that is told about mistakes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dagu_core.model.plan.plan import MadeFrom, PlannedStep
from tests.hostile.language import errors, plan, told

TYPES = """
stepTypes:
  greet:
    type: command
    description: Says something.
    inputSchema:
      type: object
      required: [message]
      properties:
        message: {type: string}
        times: {type: integer, minimum: 1, default: 2}
        words: {type: array, items: {type: string}, default: [a, b]}
        server: {type: object, properties: {host: {type: string}, port: {type: integer, default: 80}}}
    template:
      exec: [say, {$input: message}, {$input: times}, '{{ .input.words | join "+" }}']
      env: {A: template}
      timeoutSec: 9
  fetch:
    type: http
    inputSchema:
      properties: {timeout: {type: number}, headers: {type: object}, path: {type: string, default: x}}
    outputs: {required: [status]}
    template:
      command: 'GET {$input: path}'
      config: {timeout: {$input: timeout}, headers: {$input: headers}}
"""


def made(step: str, types: str = TYPES, base: str = "") -> PlannedStep:
    return plan(f"{types}steps:\n- {step}", base=base).steps[0]


def test_a_step_is_what_its_template_says() -> None:
    step = made("{type: greet, with: {message: hi}}")
    assert (step.name, step.executor, step.description) == ("greet_1", "command", "Says something.")
    assert step.exec == ("say", "hi", "2", "a+b")
    assert step.timeout == 9
    assert step.made_from == (
        MadeFrom("greet", {"message": "hi", "times": 2, "words": ["a", "b"]}, None, None),
    )


@pytest.mark.parametrize("call", [
    "{type: greet, with: {message: hi}}", "{type: greet, config: {message: hi}}",
    "{action: greet, with: {message: hi}}",
    "{executor: {type: greet, config: {message: hi}}}", "{TYPE: greet, With: {message: hi, times: null}}",
])  # fmt: skip
def test_every_way_to_use_it(call: str) -> None:
    assert made(call).exec == ("say", "hi", "2", "a+b")
    snake = TYPES.replace("stepTypes", "step_types").replace("inputSchema", "input_schema")
    assert made(call, snake).exec == ("say", "hi", "2", "a+b")


def test_values_keep_their_type() -> None:
    step = made("{type: fetch, with: {timeout: 5, headers: {a: b}}}")
    assert step.config == {"timeout": 5, "headers": {"a": "b"}}
    assert step.commands == ("GET x",)
    assert made("{type: fetch}").config == {}, "a key without its input is left out"
    assert [use.outputs for use in step.made_from] == [{"required": ["status"]}]
    snake = TYPES.replace("outputs:", "output_schema:")
    assert made("{type: fetch}", snake).output_rules == made("{type: fetch}").output_rules


def test_defaults_inside_of_what_is_given() -> None:
    (use,) = made("{type: greet, with: {message: a, server: {host: h}}}").made_from
    assert use.inputs["server"] == {"host": "h", "port": 80}


def test_the_step_says_when_and_the_template_how() -> None:
    step = made(
        "{type: greet, name: n, id: i, with: {message: a}, timeoutSec: 3, env: [B=step], lock: {key: k},"
        " retryPolicy: {limit: 2}, output: OUT, description: mine, preconditions: [x]}"
    )
    assert (step.name, step.id, step.timeout, step.description) == ("n", "i", 3, "mine")
    assert [(entry.name, entry.value) for entry in step.env] == [("A", "template"), ("B", "step")]
    assert step.retry is not None and step.output is not None and step.extras == {"lock": {"key": "k"}}


def test_both_preconditions_count() -> None:
    types = "stepTypes: {t: {type: command, template: {command: x, preconditions: [a, {condition: b}]}}}\n"
    step = made("{type: t, preconditions: c, precondition: d}", types)
    assert [one.condition for one in step.preconditions] == ["a", "b", "c", "d"]


def test_references_are_left_to_the_run() -> None:
    step = made("{type: greet, with: {message: 'a ${B}', times: '${N}'}}")
    assert step.exec[1:3] == ("a ${B}", "${N}")
    assert step.made_from[0].rules is not None


def test_one_made_of_another() -> None:
    types = TYPES + "  hello:\n    type: greet\n    template: {with: {message: 'Hello {$input: who}'}}\n"
    step = made("{type: hello, with: {who: Ann}, output: X}", types)
    assert step.exec[1] == "Hello Ann"
    assert [use.type for use in step.made_from] == ["hello", "greet"]
    assert step.name == "hello_1"


def test_handlers_and_documents() -> None:
    text = f"{TYPES}handlerOn: {{exit: {{type: greet, with: {{message: end}}}}}}\nsteps: [a]\n"
    assert plan(text).nodes[-1].exec[1] == "end"
    second = "---\nname: b\nsteps: [{type: greet, with: {message: a}}]"
    assert [p.code for p in errors(f"{text}{second}")] == ["D014"], "each document has its own"
    assert errors(f"steps: [a]\n{second}", base=TYPES) == ()


def test_the_base_brings_step_types() -> None:
    own = "stepTypes: {shout: {type: greet, template: {with: {message: A}}}}\nsteps: [{type: shout}]"
    assert plan(own, base=TYPES).steps[0].exec[1] == "A"
    clash = "stepTypes: {greet: {type: command, template: {command: x}}}\nsteps: [a]"
    assert told(clash, base=TYPES) == ["1:13 D006 step type `greet` is already defined at base.yaml:4:5"]
    wrong = errors("steps: [{type: fetch, with: {timeout: 0}}]", base=TYPES)
    assert [(p.place.line, p.hint) for p in wrong] == [
        (1, "from the template of step type `fetch` at base.yaml:25:25")
    ]


def test_a_base_type_nobody_uses_costs_nothing() -> None:
    broken = "stepTypes: {t: {type: nothing, template: {command: x}}}"
    assert errors("steps: [a]", base=broken) == ()
    assert [p.code for p in errors("steps: [{type: t}]", base=broken)] == ["D014"]


CALLS = [
    # (the step, ‸ where it is told; code; part of the message; part of the hint)
    ("‸{type: greet}", "D004", "`greet` needs the input `message`", "defined at 4:5"),
    ("{type: greet, with: {message: ‸5}}", "D005", "`with.message` must be a text, not a number (5)", "4:5"),
    ("{type: greet, with: {message: a, times: ‸0}}", "D005", "`with.times` must be at least 1", "4:5"),
    ("{type: greet, with: {message: a, times: ‸'x${N}'}}", "D005", "must be a whole number", "4:5"),
    ("{type: greet, with: {message: a, words: [a, ‸5]}}", "D005", "`with.words[1]` must be a text", "4:5"),
    ("{type: greet, with: {message: a, ‸mesage: b}}", "D003", "no input `mesage`", "did you mean `message`?"),
    ("{type: greet, with: ‸5}", "D002", "`with` must be a mapping", ""),
    ("{type: greet, with: {message: a}, ‸config: {}}", "D012", "given twice", "keep one"),
    ("{type: greet, with: {message: a}, ‸command: x}",
     "D012", "`command` cannot be used with step type", "4:5"),
    ("{type: greet, with: {message: a}, ‸workingDir: x}", "D012", "`workingDir` cannot be used", "4:5"),
    ("{type: greet, with: {message: a}, ‸call: x}", "D012", "`call` cannot be used", "4:5"),
    ("{type: greet, with: {message: a}, ‸nme: x}", "D003", "unknown key `nme` in step", ""),
    ("{type: greet, with: {message: a}, timeoutSec: ‸x}", "D002", "`timeoutSec` must be a number", ""),
    ("{type: ‸gret}", "D014", '"gret" is not registered', "did you mean `greet`?"),
    ("{type: fetch, with: {timeout: ‸0}}",
     "D005", "`config.timeout` must be greater than 0", "template of step type `fetch` at 25:25"),
    ("{type: fetch, with: {headers: {a: ‸5}}}", "D002", "`config.headers.a` must be a text", ""),
]  # fmt: skip


def _told_at(marked: str) -> tuple[str, int, int]:
    before, _, after = marked.partition("‸")
    return before + after, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


@pytest.mark.parametrize(("call", "code", "message", "hint"), CALLS)
def test_what_is_told_about_a_step(call: str, code: str, message: str, hint: str) -> None:
    text, line, column = _told_at(f"{TYPES}steps:\n- {call}")
    found = errors(text)
    assert [(p.place.line, p.place.column, p.code) for p in found] == [(line, column, code)], found
    assert message in found[0].message
    assert hint in found[0].hint


def one(fields: str) -> str:
    return f"stepTypes: {{t: {{{fields}}}}}\nsteps: [a]"


DEFINITIONS = [
    ("stepTypes: ‸[]\nsteps: [a]", "D002", "must be a mapping of step types by name"),
    ("stepTypes: {t: ‸5}\nsteps: [a]", "D002", "step type `t` must be a mapping"),
    ("stepTypes: {‸a b: {}}\nsteps: [a]", "D006", "invalid step type name `a b`"),
    ("stepTypes: {t: ‸{type: command}}\nsteps: [a]", "D004", "`template` is required"),
    ("stepTypes: {t: ‸{template: {}}}\nsteps: [a]", "D004", "`type` is required"),
    (one("type: command, template: {}, ‸tmplate: {}"), "D003", "unknown key `tmplate`"),
    (one("type: command, template: ‸[]"), "D002", "`step type.template` must be a mapping"),
    ("stepTypes: {http: ‸{type: command, template: {}}}\nsteps: [a]",
     "D006", "has the name of a registered one"),
    ("stepTypes: {Command: ‸{type: http, template: {}}}\nsteps: [a]",
     "D006", "has the name of a registered one"),
    (one("type: ‸docker, template: {}"), "D014", "`docker` needs the plugin dagu-docker"),
    (one("type: ‸htp, template: {}"), "D014", '"htp" is not registered'),
    (one("type: ‸t, template: {}"), "D016", "step types are made of each other: t → t"),
    (one("type: command, template: {‸comand: x}"), "D003", "unknown key `comand` in step"),
    (one("type: command, template: {command: x, ‸name: x}"), "D012", "`name` cannot stand in a template"),
    (one("type: command, template: {command: x, ‸type: x}"), "D012", "`type` cannot stand in a template"),
    (one("type: command, template: {command: ‸'{{ if }}'}"), "D005", "`{{ if }}` is not supported"),
    (one("type: command, template: {exec: [a, ‸'{{ .x }}']}"), "D005", "cannot be read"),
    (one("type: command, template: {exec: [a, ‸{$input: x, y: z}]}"), "D005", "`$input` must stand alone"),
    (one("type: command, template: {exec: [a, ‸{$input: [x]}]}"), "D005", "`$input` must stand alone"),
    (one("type: command, template: {script: ‸'{$input: b}'}, inputSchema: {properties: {a: {}}}"),
     "D007", "an input `b`"),
    (one("type: command, template: {exec: [{$input: ‸b}]}, inputSchema: {properties: {a: {}}}"),
     "D007", "an input `b`"),
    (one("type: command, template: {}, inputSchema: ‸{type: array}"), "D005", "must describe a mapping"),
    (one("type: command, template: {}, outputs: ‸{type: list}"), "D005", "`outputs` must describe a mapping"),
    (one("type: command, template: {}, inputSchema: ‸{properties: 5}"),
     "D005", "is not a JSON Schema: `properties`"),
    (one("type: command, template: {}, inputSchema: ‸{properties: {a: {pattern: '('}}}"),
     "D005", "is not a 'regex'"),
    (one("type: command, template: {}, inputSchema: ‸{patternProperties: {'(a+)+': {}}}"),
     "D005", "patternProperties"),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "code", "message"), DEFINITIONS)
def test_what_is_told_about_a_definition(definition: str, code: str, message: str) -> None:
    text, line, column = _told_at(definition)
    found = errors(text)
    assert [(p.place.line, p.place.column, p.code) for p in found] == [(line, column, code)], found
    assert message in found[0].message


def test_a_circle_and_a_long_chain() -> None:
    names = "abcdefghijklm"
    chain = "".join(f"  {a}: {{type: {b}, template: {{}}}}\n" for a, b in pairwise(names))
    long = f"stepTypes:\n{chain}  m: {{type: command, template: {{command: x}}}}\n"
    assert [p.message for p in errors(f"{long}steps: [x]")] == [
        f"step type `{name}` is made of more than 10 others" for name in "ab"
    ]
    assert plan(f"{long.replace('  a:', '#').replace('  b:', '#')}steps: [{{type: d}}]").steps[
        0
    ].commands == ("x",)
    circle = f"stepTypes:\n{chain}  m: {{type: a, template: {{}}}}\nsteps: [{{type: c}}]"
    assert [(p.code, p.message.count("→")) for p in errors(circle)] == [("D016", 13)]


def test_an_input_missing_in_a_list_or_text_is_told() -> None:
    types = "stepTypes: {t: {type: command, template: {exec: [a, {$input: x}, '{{ .input.y }}']}}}\n"
    found = errors(f"{types}steps: [{{type: t}}]")
    assert [(p.place.line, p.code) for p in found] == [(2, "D004")] * 2
    assert {p.message.split("`")[1] for p in found} == {"x", "y"}
    assert "at 1:53" in found[0].hint


def test_a_schema_that_cannot_be_applied_is_told() -> None:
    for schema, message in [
        ("{properties: {a: {$ref: 'https://x.invalid/y'}}}", "refers to what is not in it"),
        ("{properties: {a: {$ref: '#/properties/a'}}}", "cannot be applied"),
    ]:
        text = f"stepTypes: {{t: {{type: command, template: {{command: x}}, inputSchema: {schema}}}}}\n"
        (found,) = errors(f"{text}steps: [{{type: t, with: {{a: 1}}}}]")
        assert message in found.message
