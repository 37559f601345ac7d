"""base.yaml under a document: what the document really says wins."""

from __future__ import annotations

import pytest

from dagu_core.base.places import InvalidDefinition
from dagu_core.model.plan.policies import HandlerKind, LogOutput
from dagu_core.model.spec.read import read_definition
from tests.hostile.language import VOCABULARY, errors, plan, read


@pytest.mark.parametrize(("base", "text", "attribute", "value"), [
    ("type: graph", "", "type", "graph"),
    ("type: graph", "type: chain", "type", "chain"),
    ("maxActiveRuns: 7", "", "max_active_runs", 7),
    ("skipIfSuccessful: true", "", "skip_if_successful", True),
    ("skipIfSuccessful: true", "skipIfSuccessful: false", "skip_if_successful", False),
    ("timeoutSec: 100", "timeoutSec: 0", "timeout", 0.0),
    ("logOutput: merged", "logOutput: separate", "log_output", LogOutput.SEPARATE),
    ("tags: [a, b]", "tags: [b, c]", "tags", ("a", "b", "c")),
    ("dotenv: .base", "", "dotenv", (".env", ".base")),
    ("dotenv: .base", "dotenv: .own", "dotenv", (".env", ".base", ".own")),
    ("dotenv: .base", "dotenv: []", "dotenv", ()),
    ("dotenv: []", "", "dotenv", ()),
    ("workingDir: /base", "", "working_dir", "/base"),
    ("smtp: {host: a, port: 1}", "smtp: {Port: 2}", "fields", {"smtp": {"host": "a", "Port": 2}}),
    ("workerSelector: {a: b}", "workerSelector: {c: d}", "worker_selector", {"a": "b", "c": "d"}),
    ("name: base", "", "name", "main"),
    ("runConfig: {disableParamEdit: true}", "runConfig: {disableRunIdEdit: true}", "run_config",
     {"disableParamEdit": True, "disableRunIdEdit": True}),
])  # fmt: skip
def test_field(base: str, text: str, attribute: str, value: object) -> None:
    assert getattr(plan(f"{text}\nsteps: []", base=base), attribute) == value


def test_lists_of_texts_append_and_lists_of_objects_replace() -> None:
    base = """
env: {A: base, B: base}
params: P=base
preconditions: [base]
secrets: [{name: S, provider: env, key: base}]
steps: [base]
"""
    over = plan("env: [A=own]\nparams: [Q=own]\npreconditions: [own]\nsteps: [own]\n", base=base)
    assert [(e.name, e.value) for e in over.env] == [("A", "base"), ("B", "base"), ("A", "own")]
    assert [(p.name, p.value) for p in over.params.defaults] == [("P", "base"), ("Q", "own")]
    assert [c.condition for c in over.preconditions] == ["own"]
    assert [s.key for s in over.secrets] == ["base"]
    assert [s.commands for s in over.steps] == [("own",)]
    assert [s.commands for s in plan("description: no steps", base=base).steps] == [("base",)]


def test_handlers_merge_by_event_and_are_dropped_for_children() -> None:
    base = "handlerOn: {exit: {command: base}, success: {command: base}}"
    text = "handlerOn: {success: {command: own}}\nsteps: []\n---\nname: sub\nsteps: []"
    found = read(text, base=base)
    assert {kind: node.commands for kind, node in found.plans[0].handlers.items()} == {
        HandlerKind.EXIT: ("base",),
        HandlerKind.SUCCESS: ("own",),
    }
    assert found.plans[1].handlers == {}
    assert list(plan(text, base=base, as_child=True).handlers) == [HandlerKind.SUCCESS]


def test_mistakes_in_the_base_carry_its_name() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(
            "steps: []", vocabulary=VOCABULARY, base="\ntimoutSec: 5", base_path="/home/base.yaml"
        )
    assert caught.value.file == "/home/base.yaml"
    assert [(p.place.line, p.hint) for p in caught.value.problems] == [(2, "did you mean `timeoutSec`?")]


def test_a_step_of_the_base_that_is_wrong_is_told_in_the_base() -> None:
    assert [
        p.place.line for p in errors("", base="steps: [a]") + errors("env: []", base="\nsteps:\n- {id: env}")
    ] == [
        1,
        3,
        3,
    ]
