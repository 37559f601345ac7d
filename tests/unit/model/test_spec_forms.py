"""Every way to write a field, and what the plan makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from dagu_core.model.plan.plan import Call, EnvEntry, OutputSpec, Parallel, PlannedStep, SecretRef, Shell
from dagu_core.model.plan.policies import (
    Condition,
    ContinueOn,
    HandlerKind,
    LogOutput,
    OnCrash,
    Repeat,
    RepeatMode,
    Retry,
)
from dagu_core.model.spec.read import read_plan
from tests.hostile.language import VOCABULARY, plan, read


def one(fields: str) -> PlannedStep:
    work = ("command: ", "call:", "run:", "exec:", "script:", "action:", "executor:", "type:")
    head = "" if fields.startswith(work) else "command: x, "
    return plan(f"steps: [{{name: s, {head}{fields}}}]").nodes[0]


@pytest.mark.parametrize(("fields", "attribute", "value"), [
    ("command: echo a", "commands", ("echo a",)),
    ("command: [echo a, 5, true, ' ']", "commands", ("echo a", "5", "true")),
    ('command: "echo a\\necho b\\n"', "script", "echo a\necho b"),
    ('command: ["a\\nb"]', "commands", ("a\nb",)),
    ("exec: [echo, 1.10, '']", "exec", ("echo", "1.10", "")),
    ('script: " a\\n"', "script", "a"),
    ("type: shell, command: a", "executor", "command"),
    ("type: box, script: a", "exec", ("sh", "-c", "a")),
    ('type: box, command: "a\\nb"', "exec", ("sh", "-c", "a\nb")),
    ("executor: http, command: GET x", "executor", "http"),
    ("executor: {type: http, config: {timeout: 5}}, command: GET x", "config", {"timeout": 5}),
    ("type: http, config: {timeout: 5}, command: GET x", "config", {"timeout": 5}),
    ("type: http, with: {timeout: '${T}'}, command: GET x", "config", {"timeout": "${T}"}),
    ("action: http.GET", "commands", ("GET",)),
    ("shell: bash -e", "shell", Shell(("bash", "-e"))),
    ("shell: [bash, -e]", "shell", Shell(("bash", "-e"))),
    ("shell: nix-shell, shellPackages: [a, b]", "shell", Shell(("nix-shell",), ("a", "b"))),
    ("shell: direct", "shell", Shell(("direct",))),
    ("dir: a", "working_dir", "a"),
    ("working_dir: a", "working_dir", "a"),
    ("preconditions: [null, a]", "preconditions", (Condition("a"),)),
    ("env: {A: 1.10, B: yes, C: null, D: 0777, E: [1, x], F: 1e3}", "env", (
        EnvEntry("A", "1.10"), EnvEntry("B", "yes"), EnvEntry("C", ""), EnvEntry("D", "0777"),
        EnvEntry("E", '[1,"x"]'), EnvEntry("F", "1e3"))),
    ("env: [A=1=2, {B: true}]", "env", (EnvEntry("A", "1=2"), EnvEntry("B", "true"))),
    ("output: $V", "output", OutputSpec("V")),
    ("output: ''", "output", None),
    ("output: {name: $V, key: v, omit: true}", "output", OutputSpec("V", "v", True)),
    ("logOutput: MERGED", "log_output", LogOutput.MERGED),
    ("log_output: ''", "log_output", None),
    ("preconditions: test -f a", "preconditions", (Condition("test -f a"),)),
    ("precondition: {condition: a, expected: b, negate: true}", "preconditions",
     (Condition("a", "b", True),)),
    ("preconditions: [a, [{command: b}]], precondition: c", "preconditions",
     (Condition("a"), Condition("b"), Condition("c"))),
    ("continueOn: Failed", "continue_on", ContinueOn(failed=True)),
    ("continueOn: {failure: true, failed: true}", "continue_on", ContinueOn(failed=True)),
    ("continue_on: skipped", "continue_on", ContinueOn(skipped=True)),
    ("continueOn: {failure: true, exitCode: 3, output: x, mark_success: true}", "continue_on",
     ContinueOn(True, False, (3,), ("x",), True)),
    ("continueOn: {exitCode: [1, '2', -1], output: [a, 're:b']}", "continue_on",
     ContinueOn(exit_codes=(1, 2, -1), output=("a", "re:b"))),
    ("retryPolicy: {limit: 2}", "retry", Retry(2)),
    ("retry_policy: {limit: '2', interval_sec: '5'}", "retry", Retry(2, 5.0)),
    ("retryPolicy: {limit: 2, intervalSec: 0.5, backoff: 2, maxIntervalSec: 9, exitCode: [3]}", "retry",
     Retry(2, 0.5, 2.0, 9.0, (3,))),
    ("retryPolicy: {limit: '${N}', intervalSec: '`a`', backoff: true, exitCodes: 3}", "retry",
     Retry(0, 0.0, 2.0, None, (3,), "${N}", "`a`")),
    ("repeatPolicy: {limit: 3}", "repeat", None),
    ("repeatPolicy: {repeat: true}", "repeat", Repeat(RepeatMode.WHILE)),
    ("repeatPolicy: {repeat: true, limit: 0}", "repeat", Repeat(RepeatMode.WHILE)),
    ("repeatPolicy: {condition: a, expected: b}", "repeat", Repeat(RepeatMode.UNTIL, Condition("a", "b"))),
    ("repeatPolicy: {condition: a}", "repeat", Repeat(RepeatMode.WHILE, Condition("a"))),
    ("repeatPolicy: {exitCode: 1, limit: 5, intervalSec: 2, backoff: 1.5}", "repeat",
     Repeat(RepeatMode.WHILE, None, (1,), 5, 2.0, 1.5)),
    ("repeatPolicy: {repeat: Until, exitCode: [0]}", "repeat", Repeat(RepeatMode.UNTIL, None, (0,))),
    ("timeoutSec: 1.5", "timeout", 1.5),
    ("TIMEOUTSEC: 5", "timeout", 5.0),
    ("signal_on_stop: SIGINT", "signal_on_stop", "SIGINT"),
    ("mailOnError: true", "mail_on_error", True),
    ("onCrash: retry", "on_crash", OnCrash.RETRY),
    ("detach: true", "detach", True),
    ("lock: {key: a}", "extras", {"lock": {"key": "a"}}),
    ("lock: null", "extras", {}),
    ("call: c", "executor", "dag"),
    ("run: c", "call", Call("c")),
    ("call: c, executor: http", "executor", "dag"),
    ("call: c, params: 'A=1 B'", "call", Call("c", "A=1 B")),
    ("call: c, params: {A: 1.10, B: {x: [1]}}", "call", Call("c", (("A", "1.10"), ("B", {"x": [1]})))),
    ("call: c, params: [{A: 1}, 'B=2 q', 5]", "call",
     Call("c", (("A", "1"), ("B", "2"), ("", "q"), ("", "5")))),
    ("call: c, parallel: [a, 5, {X: 1}]", "call", Call("c", "", Parallel(("a", "5", {"X": 1})))),
    ("call: c, parallel: '${L}'", "call", Call("c", "", Parallel((), "${L}"))),
    ("call: c, parallel: {items: [a], max_concurrent: 3}", "call", Call("c", "", Parallel(("a",), "", 3))),
    ("call: c, parallel: {items: [], allowEmpty: true}", "call", Call("c", "", Parallel(allow_empty=True))),
    ("call: c, parallel: [a]", "executor", "parallel"),
    ("call: c, workerSelector: {gpu: true}", "worker_selector", {"gpu": "true"}),
    ("description: null, depends: null", "description", ""),
])  # fmt: skip
def test_step_field(fields: str, attribute: str, value: object) -> None:
    assert getattr(one(fields), attribute) == value


@pytest.mark.parametrize(("text", "attribute", "value"), [
    ("", "type", "chain"),
    ("type: graph", "type", "graph"),
    ("tags: A, b ,,a", "tags", ("a", "b")),
    ("labels: [x=1, 'c,D', 5]", "tags", ("x=1", "c", "d", "5")),
    ("", "dotenv", (".env",)),
    ("dotenv: a", "dotenv", (".env", "a")),
    ("dotenv: []", "dotenv", ()),
    ("secrets: [{name: A, provider: env, key: K, options: {x: 1}}]", "secrets",
     (SecretRef("A", "env", "K", {"x": "1"}),)),
    ("", "working_dir", ""),
    ("workingDir: sub", "working_dir", "/dags/sub"),
    ("workingDir: /x", "working_dir", "/x"),
    ("workingDir: ~/x", "working_dir", "~/x"),
    ("workingDir: ${X}/y", "working_dir", "${X}/y"),
    ("shell: bash", "shell", Shell(("bash",))),
    ("logOutput: merged", "log_output", LogOutput.MERGED),
    ("timeout_sec: 5", "timeout", 5.0),
    ("delaySec: 2", "delay", 2.0),
    ("stepStaggerSec: 2", "step_stagger", 2.0),
    ("restartWaitSec: 2", "restart_wait", 2.0),
    ("histRetentionDays: 0", "history_days", 30),
    ("histRetentionDays: -1", "history_days", -1),
    ("maxActiveRuns: -1", "max_active_runs", -1),
    ("MAXACTIVESTEPS: 3", "max_active_steps", 3),
    ("maxCleanUpTimeSec: 0", "stop_grace", 5.0),
    ("max_clean_up_time_sec: 2", "stop_grace", 2.0),
    ("maxOutputSize: 10", "max_output_size", 10),
    ("queue: q", "queue", "q"),
    ("workerSelector: {a: ' b '}", "worker_selector", {"a": "b"}),
    ("runConfig: {disableParamEdit: true}", "run_config",
     {"disableParamEdit": True, "disableRunIdEdit": False}),
    ("smtp: {Host: a}", "fields", {"smtp": {"Host": "a"}}),
    ("preconditions: a\nprecondition: b", "preconditions", (Condition("a"), Condition("b"))),
    ("description: ' a '", "description", "a"),
    ("skip_if_successful: true", "skip_if_successful", True),
    ("name: ' n '", "name", "n"),
    ("", "name", "main"),
])  # fmt: skip
def test_dag_field(text: str, attribute: str, value: object) -> None:
    assert getattr(plan(f"{text}\nsteps: []"), attribute) == value


def test_params_and_their_schema() -> None:
    params = plan("params: [{B: 2}, 'C=3 q']\nsteps: []").params
    assert [(p.name, p.value) for p in params.defaults] == [("B", "2"), ("C", "3"), ("", "q")]
    params = plan("params: {schema: s.json, values: {A: 1.10}}\nsteps: []").params
    assert (params.schema, [(p.name, p.value) for p in params.defaults]) == ("s.json", [("A", "1.10")])
    inline: Any = plan("params: {schema: {type: object}}\nsteps: []").params
    assert inline.schema == {"type": "object"}
    assert plan("params: {schema: x, other: y}\nsteps: []").params.schema is None


def test_handlers_follow_the_steps() -> None:
    text = "handler_on: {exit: {command: e, name: ignored, env: {A: 1}}, cancel: {call: c}}\nsteps: [a]"
    found = plan(text)
    assert [(node.name, node.index, node.handler) for node in found.nodes] == [
        ("cmd_1", 0, None), ("onCancel", 1, HandlerKind.ABORT), ("onExit", 2, HandlerKind.EXIT),
    ]  # fmt: skip
    assert found.step_count == 1
    assert found.handlers[HandlerKind.EXIT].env == (EnvEntry("A", "1"),)


def test_documents() -> None:
    text = "---\nsteps: [{call: b}]\n---\nname: b\nsteps: [x]\n---\nname: c\nworkingDir: w\nsteps: []\n"
    found = read(text)
    assert [plan.name for plan in found.plans] == ["main", "b", "c"]
    assert {name: source.document for name, source in found.plans[0].local.items()} == {"b": 1, "c": 2}
    assert read_plan(found.plans[0].local["c"], VOCABULARY) == found.plans[2]
    assert read_plan(found.plans[0].source, VOCABULARY) == found.plans[0]
    assert found.plans[2].working_dir == "/dags/w"
    assert read_plan(found.plans[0].source, VOCABULARY, name="other").name == "other"
