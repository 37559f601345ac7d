"""`dagu status --json`: every field of the shapes that API clients know, with its type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

FLOW = """
params: A=1 B="two words"
preconditions: [{condition: "$A", expected: "1"}]
handlerOn:
  init: {command: "true"}
  success: {command: "true"}
  failure: {command: "true"}
  abort: {command: "true"}
  exit: {command: echo bye}
steps:
  - name: all
    id: every
    description: Has what a step can have.
    exec: [echo, a, b]
    workingDir: .
    stdout: out.txt
    stderr: err.txt
    output: OUT
    mailOnError: true
    timeoutSec: 30
    preconditions: [{condition: "x$A", expected: "y", negate: true}]
    repeatPolicy:
      {repeat: until, condition: "echo x", expected: x, limit: 3, intervalSec: 1,
       backoff: 2, maxIntervalSec: 4}
  - {name: text, script: "echo script"}
  - {name: codes, command: "true", repeatPolicy: {repeat: while, exitCode: [7], limit: 1}}
  - {name: child, call: child, params: "N=7"}
  - {name: many, call: child, parallel: {items: [1, 2], maxConcurrent: 2}}
  - {name: twice, call: child, repeatPolicy: {repeat: while, exitCode: [0], limit: 2, intervalSec: 0}}
  - {name: words, command: 'echo ready $A "$B" "q r" $OUT', timeoutSec: 0.5}
  - {name: maps, call: child, parallel: [{N: 1}, {N: "a b"}]}
  - {name: fails, command: exit 3}
---
name: child
params: N=0
steps: [{name: inner, command: "true"}]
"""
STEP = {
    "name": str,
    "id": str,
    "description": str,
    "dir": str,
    "commands": list,
    "script": str,
    "stdout": str,
    "stderr": str,
    "output": str,
    "call": str,
    "params": str,
    "parallel": dict,
    "depends": list,
    "repeatPolicy": dict,
    "mailOnError": bool,
    "preconditions": list,
    "timeoutSec": int,
    "executorConfig": dict,
}
#: fields by name of the shape; `?` = may be missing. What the approvals of a step add comes with them.
SHAPES: dict[str, dict[str, type]] = {
    "run": {
        "rootDAGRunName": str,
        "rootDAGRunId": str,
        "parentDAGRunName?": str,
        "parentDAGRunId?": str,
        "dagRunId": str,
        "name": str,
        "status": int,
        "statusLabel": str,
        "queuedAt?": str,
        "startedAt": str,
        "finishedAt": str,
        "log": str,
        "params?": str,
        "workerId": str,
        "preconditions": list,
        "onExit?": dict,
        "onSuccess?": dict,
        "onFailure?": dict,
        "onCancel?": dict,
    },
    "node": {
        "step": dict,
        "stdout": str,
        "stderr": str,
        "startedAt": str,
        "finishedAt": str,
        "status": int,
        "statusLabel": str,
        "retryCount": int,
        "doneCount": int,
        "error?": str,
        "subRuns?": list,
        "subRunsRepeated?": list,
    },
    "step": {name if name == "name" else f"{name}?": kind for name, kind in STEP.items()},
    "condition": {
        "condition": str,
        "expected?": str,
        "negate?": bool,
        "error?": str,
        "matched?": bool,
    },
    "repetition": {
        "repeat": str,
        "interval": int,
        "limit?": int,
        "backoff?": float,
        "maxIntervalSec?": int,
        "condition?": dict,
        "exitCode?": list,
    },
    "attempt": {
        "attemptId": str,
        "startedAt": str,
        "finishedAt": str,
        "status": int,
        "statusLabel": str,
    },
    "command": {"command": str, "args?": list},
    "child": {"dagRunId": str, "params?": str},
    "parallel": {"items": list, "maxConcurrent": int},
    "executor": {"type": str, "config?": dict},
}
#: what ours has on top of the known shapes
OURS = {
    "run": {
        "alive",
        "triggerType",
        "scheduleTime",
        "trigger",
        "attemptId",
        "queue",
        "error",
        "reason",
        "providers",
        "onInit",
        "priority",
        "queueOverridden",
    },
    "node": {"exitCode", "reason", "retriedAt"},
    "child": {"name"},
}
INSIDE: dict[str, dict[str, str]] = {
    "run": dict.fromkeys(("onExit", "onSuccess", "onFailure", "onCancel", "onInit"), "node")
    | {"preconditions": "condition"},
    "node": {"step": "step", "subRuns": "child", "subRunsRepeated": "child"},
    "step": {
        "commands": "command",
        "preconditions": "condition",
        "repeatPolicy": "repetition",
        "parallel": "parallel",
        "executorConfig": "executor",
    },
    "repetition": {"condition": "condition"},
}

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The JSON of `dagu status` for runs of a DAG that uses everything."""
    work = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGU_HOME", str(work / "home"))
        patch.chdir(work)
        Path("flow.yaml").write_text(FLOW)
        assert run(["start", "-q", "-r", "r1", "--queue", "own", "flow.yaml"], Invocation()) == 1

        def call(*words: str) -> dict[str, Any]:
            with redirect_stdout(StringIO()) as said:
                assert run(["status", "--json", *words], Invocation()) == 0
            return dict(json.loads(said.getvalue()))

        yield call


def visit(shape: str, found: dict[str, Any], seen: dict[str, set[str]]) -> None:
    """Compare a mapping with its shape, and everything inside; note what fields there were."""
    fields = {name.rstrip("?"): kind for name, kind in SHAPES[shape].items()}
    required = {name for name in SHAPES[shape] if not name.endswith("?")}
    assert required <= found.keys(), (shape, found)
    assert found.keys() <= fields.keys() | OURS.get(shape, set()), (shape, found)
    for name, value in found.items():
        if name in fields:
            # A whole number is a number, but a flag is none.
            kinds = (int, float) if fields[name] is float else (fields[name],)
            assert type(value) in kinds, (shape, name, value)
        if inner := INSIDE.get(shape, {}).get(name):
            for one in value if isinstance(value, list) else [value]:
                visit(inner, one, seen)
    seen.setdefault(shape, set()).update(found)


def test_status_as_json_has_the_shape_of_the_api(ask: Ask) -> None:
    seen: dict[str, set[str]] = {}
    parent = ask("flow")
    (called,) = parent["nodes"][3]["subRuns"]
    for found in (parent, ask("child", "-r", called["dagRunId"])):
        assert list(found) == ["run", "attempts", "nodes"]
        visit("run", found["run"], seen)
        for node in found["nodes"]:
            visit("node", node, seen)
        for attempt in found["attempts"]:
            visit("attempt", attempt, seen)
    never = {"condition": {"error"}, "executor": {"config"}}
    for shape, fields in SHAPES.items():
        missing = {name.rstrip("?") for name in fields} - seen[shape] - never.get(shape, set())
        assert not missing, f"no run of this test has these fields of {shape}: {missing}"


def test_the_values_are_those_of_the_run(ask: Ask) -> None:
    found = ask("flow")
    run, nodes = found["run"], {node["step"]["name"]: node for node in found["nodes"]}
    assert (run["name"], run["dagRunId"], run["status"], run["statusLabel"]) == ("flow", "r1", 2, "failed")
    assert (run["rootDAGRunName"], run["rootDAGRunId"], run["params"]) == ("flow", "r1", 'A=1 B="two words"')
    assert run["preconditions"] == [{"condition": "$A", "expected": "1", "matched": True}]
    assert (run["onExit"]["statusLabel"], run["onCancel"]["statusLabel"]) == ("succeeded", "not_started")
    assert list(nodes) == ["all", "text", "codes", "child", "many", "twice", "words", "maps", "fails"]
    assert nodes["all"]["step"]["commands"] == [{"command": "echo", "args": ["a", "b"]}]
    assert nodes["all"]["step"]["repeatPolicy"] == {
        "repeat": "until",
        "interval": 1,
        "limit": 3,
        "backoff": 2,
        "maxIntervalSec": 4,
        "condition": {"condition": "echo x", "expected": "x"},
    }
    assert nodes["child"]["step"]["params"] == "N=7"
    assert nodes["child"]["subRuns"][0]["params"] == "N=7"
    assert [child["params"] for child in nodes["many"]["subRuns"]] == ["1", "2"]
    assert nodes["many"]["step"]["depends"] == ["child"]
    assert (nodes["fails"]["exitCode"], nodes["fails"]["statusLabel"]) == (3, "failed")
    assert [one["statusLabel"] for one in found["attempts"]] == ["failed"]
    words = nodes["words"]["step"]
    assert words["commands"] == [{"command": "echo", "args": ["ready", "1", "two words", "q r", "a b"]}]
    assert words["timeoutSec"] == 1, "a whole number, and not none"
    assert nodes["maps"]["step"]["parallel"]["items"] == ['{"N":1}', '{"N":"a b"}']
    assert run["alive"] is False, "nothing drives a run that is over"
