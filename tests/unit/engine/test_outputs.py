"""Captured outputs: what is captured, who sees it, outputs.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagu_core.engine.outputs import camel_case
from dagu_core.model.plan.policies import HandlerKind
from tests.gotchas.lab import Lab, Ran


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work", environ={"SOURCE": "hush-hush"})


def document(ran: Ran) -> Any:
    """outputs.json of the run; None when there is none."""
    path = Path(ran.view.steps[0].stdout).with_name("outputs.json")
    return json.loads(path.read_text("utf-8")) if path.exists() else None


CAPTURED = [
    ("echo '  a b  '", "a b"),
    ("printf '\\n one\\n two \\n\\n'", "one\n two"),
    ("echo out; echo err >&2", "out"),
    ("true", ""),
    ("printf 'ü\\t€'", "ü\t€"),
]


@pytest.mark.parametrize(("command", "value"), CAPTURED)
@pytest.mark.parametrize("log", ["separate", "merged"])
def test_stdout_is_captured_trimmed_at_both_ends(lab: Lab, command: str, value: str, log: str) -> None:
    ran = lab.run(
        f"logOutput: {log}\nsteps:\n  - name: a\n    output: OUT\n    command: |\n      {command}\n"
        '  - {name: b, command: \'printf "<%s>" "$OUT"\'}'
    )
    assert ran.out("b") == f"<{value}>"
    assert ran.step("a").output == value


def test_merged_logs_hold_both_streams_in_order_and_the_capture_only_one(lab: Lab) -> None:
    ran = lab.run(
        "steps:\n  - {name: a, logOutput: merged, output: OUT, command: 'echo 1; echo 2 >&2; echo 3'}\n"
        "  - {name: b, logOutput: merged, command: 'echo 1; echo 2 >&2; echo 3'}"
    )
    assert ran.step("a").output == "1\n3"
    assert sorted(ran.out("a").split()) == ["1", "2", "3"]
    assert ran.out("b").split() == ["1", "2", "3"]
    assert ran.step("b").stdout == ran.step("b").stderr


def test_a_failing_step_is_captured_too(lab: Lab) -> None:
    ran = lab.run(
        "steps:\n  - {name: a, output: OUT, command: 'echo partial; exit 3', continueOn: {failure: true}}\n"
        "  - {name: b, command: echo got $OUT}"
    )
    assert ran.out("b") == "got partial\n"


def test_the_last_attempt_counts(lab: Lab) -> None:
    ran = lab.run(
        "steps:\n  - name: a\n    output: OUT\n    command: echo x >> n; wc -l < n; test $(wc -l < n) = 3\n"
        "    retryPolicy: {limit: 5, intervalSec: 0}"
    )
    assert ran.step("a").output == "3"
    assert ran.out("a").split() == ["1", "2", "3"]


def test_only_what_follows_sees_an_output(lab: Lab) -> None:
    ran = lab.run(
        "type: graph\nsteps:\n  - {name: a, command: echo A, output: OUT}\n"
        "  - {name: b, command: 'true', depends: a}\n"
        "  - {name: after, depends: b, command: 'echo [$OUT]'}\n"
        "  - {name: wait, command: sleep 0.5}\n"
        "  - {name: beside, depends: wait, command: 'echo [$OUT]'}\n"
        "handlerOn:\n  exit: {command: 'echo [$OUT]'}"
    )
    assert (ran.out("after"), ran.out("beside")) == ("[A]\n", "[]\n")
    assert Path(ran.handler(HandlerKind.EXIT).stdout).read_text() == "[A]\n"


def test_the_nearest_step_of_one_name_wins(lab: Lab) -> None:
    ran = lab.run(
        "steps:\n  - {command: echo 1, output: X}\n  - {command: echo 2, output: X}\n"
        "  - {name: c, command: echo $X}"
    )
    assert ran.out("c") == "2\n"


def test_an_output_of_the_init_handler_reaches_the_steps(lab: Lab) -> None:
    ran = lab.run("steps:\n  - {name: a, command: echo $T}\nhandlerOn:\n  init: {command: echo 7, output: T}")
    assert ran.out("a") == "7\n"


def test_outputs_json(lab: Lab) -> None:
    ran = lab.run(
        "params: A=1\nsecrets: [{name: TOK, provider: env, key: SOURCE}]\nsteps:\n"
        "  - {command: echo 1, output: TOTAL_COUNT}\n"
        "  - {command: echo 2, output: {name: RAW, key: my-key}}\n"
        "  - {command: echo 3, output: {name: HIDDEN, omit: true}}\n"
        "  - {command: 'echo t=$TOK', output: $TOKEN}\n"
        "  - {name: last, command: 'echo \"$HIDDEN $TOKEN\"'}"
    )
    found = document(ran)
    assert found["outputs"] == {"totalCount": "1", "my-key": "2", "token": "t=*******"}
    summary = ran.view.summary
    assert found["metadata"] | {"completedAt": ""} == {
        "dagName": "flow",
        "dagRunId": summary.ref.run_id,
        "attemptId": summary.attempt_id,
        "status": "succeeded",
        "completedAt": "",
        "params": '["A=1"]',
    }
    assert ran.out("last") == "3 t=*******\n"


def test_without_outputs_there_is_no_file(lab: Lab) -> None:
    assert document(lab.run("steps:\n  - echo x")) is None


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("TOTAL_COUNT", "totalCount"),
        ("lower_case", "lowerCase"),
        ("J", "j"),
        ("alreadyCamel", "alreadyCamel"),
        ("with-dash", "withDash"),
        ("X1_Y2", "x1Y2"),
        ("__", "__"),
    ],
)
def test_names_become_keys(name: str, key: str) -> None:
    assert camel_case(name) == key


def test_redirects_are_relative_to_the_folder_of_the_dag(lab: Lab) -> None:
    ran = lab.run(
        "workingDir: place\nparams: N=7\nsteps:\n  - name: a\n    workingDir: deep-${N}\n"
        "    command: pwd; echo problem >&2\n    stdout: out-${N}.txt\n    stderr: sub/err.txt"
    )
    place = lab.work / "place"
    assert (place / "out-7.txt").read_text() == f"{place}/deep-7\n"
    assert (place / "sub" / "err.txt").read_text() == "problem\n"
    assert ran.out("a") == f"{place}/deep-7\n"


def test_redirect_files_are_masked_and_appended_to(lab: Lab) -> None:
    text = (
        "secrets: [{name: TOK, provider: env, key: SOURCE}]\n"
        "steps:\n  - {command: 'echo \"v=$TOK\"', stdout: out.txt}"
    )
    lab.run(text)
    lab.run(text)
    assert (lab.work / "out.txt").read_text() == "v=*******\n" * 2


def test_a_parameter_that_is_no_text_neither_breaks_the_file_nor_stands_in_it(lab: Lab) -> None:
    ran = lab.run(
        'params: {A: d}\nsteps: [{name: a, command: printf %s "$A" | od -c, output: O}]', "A=caf\udce9"
    )
    assert "351" in ran.out("a"), "the step gets the byte"
    assert document(ran)["metadata"]["params"] == '["A=\\"caf\ufffd\\""]'


def test_nobody_else_can_read_the_outputs(lab: Lab) -> None:
    ran = lab.run("steps: [{name: a, command: echo x, output: O}]")
    assert Path(ran.step("a").stdout).with_name("outputs.json").stat().st_mode & 0o777 == 0o600


BOTH = "for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done"
IN_ORDER = [f"{stream}{n}" for n in range(1, 6) for stream in "oe"]


def test_a_merged_log_has_both_streams_in_the_order_of_writing_with_secrets_too(lab: Lab) -> None:
    secrets = "secrets: [{name: S, provider: env, key: SOURCE}]"
    ran = lab.run(
        f"{secrets}\nsteps: [{{name: a, logOutput: merged, command: '{BOTH}; echo $S; echo $S >&2'}}]"
    )
    assert ran.out("a").split() == [*IN_ORDER, "*******", "*******"]


@pytest.mark.parametrize("more", ["output: O", "stdout: file", "stderr: file"])
def test_where_the_streams_go_different_ways_a_merged_log_has_whole_lines(lab: Lab, more: str) -> None:
    torn = "printf one; sleep 0.1; printf two >&2; sleep 0.1; echo -out; echo -err >&2"
    ran = lab.run(f"steps: [{{name: a, logOutput: merged, {more}, command: '{BOTH}; {torn}; printf last'}}]")
    lines = ran.out("a").split()
    assert sorted(lines) == sorted([*IN_ORDER, "one-out", "two-err", "last"])
    for stream in "oe":
        of_it = [line for line in lines if line[0] == stream and line[1:].isdecimal()]
        assert of_it == sorted(of_it)


@pytest.mark.parametrize("more", ["output: O", "stdout: file", "stderr: file"])
def test_what_stands_in_a_merged_log_comes_before_what_is_written_later(lab: Lab, more: str) -> None:
    look = 'grep -q "^$1$" "$DAG_RUN_STEP_STDOUT_FILE" 2> /dev/null'
    seen = f"seen() {{ until {look}; do sleep 0.01; done; }}"
    turns = "for i in 1 2 3 4 5; do echo o$i; seen o$i; echo e$i >&2; seen e$i; done"
    ran = lab.run(f"steps: [{{name: a, logOutput: merged, {more}, command: '{seen}; {turns}'}}]")
    assert ran.out("a").split() == IN_ORDER
    assert ran.step("a").output in (None, "\n".join(IN_ORDER[::2]))
