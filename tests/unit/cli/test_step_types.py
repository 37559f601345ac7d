"""Step types of a file, through the real command: runs, dry runs, retries, and what is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPORT = """
type: graph
params: WHO=Ann
stepTypes:
  greet:
    type: command
    inputSchema:
      type: object
      required: [message]
      properties:
        message: {type: string}
        times: {type: integer, default: 2, maximum: 9}
    template:
      script: |
        #!/bin/bash
        for ((i=0; i<{{ .input.times }}; i++)); do
          printf '%s\\n' {{ json .input.message }}
        done
  measure:
    type: command
    outputs:
      required: [size]
      properties: {size: {type: integer}}
    template:
      exec: [printf, '{"size": %s}', {$input: size}]
  twice:
    type: greet
    template: {with: {message: "again {$input: message}", times: 2}}
steps:
  - id: greet
    type: greet
    with: {message: "hi ${WHO}"}
  - id: size
    type: measure
    with: {size: 7}
    output: SIZE
  - id: told
    depends: [size]
    type: twice
    with: {message: "${SIZE.size}"}
"""
JUDGED = """
type: graph
secrets: [{name: TOKEN, provider: env, key: TOKEN}]
stepTypes:
  count:
    type: command
    inputSchema:
      properties:
        n: {type: integer, maximum: 9}
        list: {type: array, items: {type: string}}
        slug: {type: string, pattern: "^[a-z]+(-[a-z]+)*$"}
    template: {exec: [echo, {$input: n}], preconditions: "true"}
  answer:
    type: command
    outputSchema: {required: [n], properties: {n: {type: integer}, t: {type: string, maxLength: 3}}}
    template: {command: "echo '{$input: text}'", logOutput: merged}
steps:
  - {id: n, command: echo 7, output: N}
  - {id: big, command: echo 15, output: BIG}
  - {id: list, command: "echo '[1]'", output: LIST}
  - {id: ok, type: count, depends: n, with: {n: "${N}", list: "${NOLIST:-[]}", slug: a-b}}
  - {id: high, type: count, depends: big, with: {n: "${BIG}", slug: x}, continueOn: failed}
  - {id: list2, type: count, depends: list, with: {n: 1, list: "${LIST}"}, continueOn: failed}
  - {id: command, type: count, with: {n: "`echo 8`"}}
  - {id: slug, type: count, depends: n, with: {n: 1, slug: "a_${N}"}, continueOn: failed}
  - {id: good, type: answer, with: {text: '{"n": 1}'}, output: GOOD}
  - {id: text, type: answer, with: {text: "no json"}, continueOn: failed}
  - {id: none, type: answer, with: {text: '{"t": "x"}'}, continueOn: failed}
  - {id: secret, type: answer, with: {text: '{"n": 1, "t": "${TOKEN}"}'}, continueOn: failed, output: BAD}
"""


@dataclass
class Dagu:
    """A home of its own, and the command in it."""

    folder: Path

    def __call__(self, *words: str, code: int = 0) -> str:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("DAGU_", "PYTHON"))}
        env |= {"DAGU_HOME": str(self.folder / "home"), "LANG": "C.UTF-8", "TOKEN": "hunter2hunter2"}
        command = [str(Path(sys.executable).with_name("dagu")), *words]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=50)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def steps(self, dag: str) -> dict[str, dict[str, str]]:
        """The steps of the last run by name."""
        found = json.loads(self("status", dag, "--json"))
        return {node["step"]["id"]: node for node in found["nodes"]}


@pytest.fixture
def dagu(tmp_path: Path) -> Dagu:
    return Dagu(tmp_path)


def test_three_step_types_run(dagu: Dagu) -> None:
    dagu.write("report.yaml", REPORT)
    shown = dagu("start", "report.yaml")
    steps = dagu.steps("report")
    out = {name: Path(step["stdout"]).read_text() for name, step in steps.items()}
    assert out == {"greet": "hi Ann\nhi Ann\n", "size": '{"size": 7}', "told": "again 7\nagain 7\n"}
    assert "greet_1 " in shown and "measure_2 " in shown and "twice_3 " in shown


def test_what_only_the_run_knows_is_judged_by_the_run(dagu: Dagu) -> None:
    dagu.write("judged.yaml", JUDGED)
    dagu("start", "judged.yaml")
    steps = dagu.steps("judged")
    failed = {name: step["error"] for name, step in steps.items() if step["statusLabel"] != "succeeded"}
    assert failed == {
        "high": "inputs of step type `count`: `n` must be at most 9",
        "list2": "inputs of step type `count`: `list[0]` must be a text",
        "slug": "inputs of step type `count`: `slug` must match ^[a-z]+(-[a-z]+)*$",
        "text": "output of step type `answer` is not JSON: expecting value",
        "none": "output of step type `answer`: `n` is required",
        "secret": "output of step type `answer`: `t` must be at most 3 characters long",
    }


def test_a_retry_keeps_the_step_types_the_run_began_with(dagu: Dagu) -> None:
    base = "stepTypes: {look: {type: command, template: {command: 'echo {$input: word}; test -e mended'}}}"
    dagu.write("home/base.yaml", base)
    dagu.write("look.yaml", "steps: [{id: look, type: look, with: {word: first}}]")
    dagu("start", "look.yaml", code=1)
    run_id = json.loads(dagu("status", "look", "--json"))["run"]["dagRunId"]
    dagu.write("home/base.yaml", base.replace("echo", "echo later"))
    dagu.write("look.yaml", "steps: [{id: look, type: look, with: {word: second}}]")
    dagu.write("mended", "")
    dagu("retry", f"--run-id={run_id}", "look")
    assert Path(dagu.steps("look")["look"]["stdout"]).read_text() == "first\n"
    dagu("start", "look.yaml")
    assert Path(dagu.steps("look")["look"]["stdout"]).read_text() == "later second\n"


def test_dry_shows_what_the_step_stands_for(dagu: Dagu) -> None:
    dagu.write("report.yaml", REPORT)
    shown = dagu("dry", "report.yaml")
    assert 'printf "{\\"size\\": %s}" 7' in shown


def test_validate_tells_the_step_and_the_template(dagu: Dagu) -> None:
    dagu.write("report.yaml", REPORT.replace("times: 2}}", "times: 0x10}}"))
    shown = dagu("validate", "report.yaml", code=1)
    assert "report.yaml:39:11: error D005 `with.times` must be at most 9, not a number (0x10)" in shown
    assert "from the template of step type `twice` at 28:" in shown


def test_the_schema_knows_what_a_step_type_is(dagu: Dagu) -> None:
    schema = json.loads(dagu("schema"))
    of_types, null = schema["properties"]["stepTypes"]["anyOf"]
    assert of_types["additionalProperties"] == {"$ref": "#/$defs/StepTypeSpec"}
    assert null == {"type": "null"}
    known = set(schema["$defs"]["StepTypeSpec"]["properties"])
    assert known >= {
        "type",
        "description",
        "inputSchema",
        "input_schema",
        "outputs",
        "output_schema",
        "template",
    }
