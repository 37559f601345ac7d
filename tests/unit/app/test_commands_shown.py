"""The command lines of the tree hold the values that were there when they ran, or the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core.app.commands_shown import with_values
from dagu_core.app.requests import StartRequest, exec_request
from tests.gotchas.lab import Lab, Ran


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work", environ={"SOURCE": "hush-hush"})


def shown(ran: Ran, name: str) -> str:
    step = ran.view.plan.nodes[ran.view.plan.by_name[name]]
    return with_values(ran.view)(step, step.commands_shown[0])


def echoed(lab: Lab, head: str, command: str, more: str = "") -> tuple[str, str]:
    """(the command line of step `a` as it is shown, what it wrote)"""
    before = "steps:\n  - {name: before, command: echo out, output: OUT}\n"
    ran = lab.run(f"{head}\n{before}  - {{name: a, command: '{command}'{more}}}")
    assert ran.status == "succeeded"
    return shown(ran, "a").removeprefix("echo "), ran.out("a").strip()


SEEN = [
    ("params: P=1", "echo $P ${P}", ""),
    ("params: OUT=1", "echo $OUT", ""),
    ("env: [{A: a}]\nparams: A=1", "echo $A", ""),
    ("env: [{A: a}, {A: b}]", "echo $A", ""),
    ("env: [{OUT: a}]", "echo $OUT", ""),
    ("env: [{A: a}]", "echo $A", ", env: {A: own}"),
    ("params: P=1", "echo $P", ", env: {P: own}"),
]


@pytest.mark.parametrize(("head", "command", "more"), SEEN)
def test_a_value_is_shown_as_the_step_saw_it(lab: Lab, head: str, command: str, more: str) -> None:
    line, written = echoed(lab, head, command, more)
    assert line == written


NOT_KNOWN = [
    ("env: [{A: a}]", "echo $A", ', env: {A: "x${OUT}"}', "xout"),
    ("env: [{A: a}, {A: '${A}b'}]", "echo $A", "", "ab"),
    ("env: [{A: a}]", "echo $A", ", env: {A: '`echo b`'}", "b"),
    ("env: [{FILED: a}]", "echo $FILED", "", "filed"),
    ("env: [{DAG_NAME: a}]", "echo $DAG_NAME", "", "flow"),
    ("params: P=1", "P=2; echo $P", "", "2"),
    ("params: P=1", "for P in 3; do echo $P; done", "", "3"),
]


@pytest.mark.parametrize(("head", "command", "more", "written"), NOT_KNOWN)
def test_what_may_have_been_something_else_keeps_its_reference(
    lab: Lab, head: str, command: str, more: str, written: str
) -> None:
    lab.write("FILED=filed", ".env")
    assert echoed(lab, head, command, more) == (command.removeprefix("echo "), written)


def test_only_outputs_of_steps_before_are_seen(lab: Lab) -> None:
    ran = lab.run(
        """
        type: graph
        steps:
          - {name: one, command: echo 1, output: OUT}
          - {name: aside, command: 'sleep 0.2; echo $OUT'}
          - {name: behind, depends: one, command: echo $OUT}
        """
    )
    assert shown(ran, "aside") == "sleep 0.2; echo $OUT"
    assert shown(ran, "behind") == "echo 1"


def test_a_secret_keeps_its_reference(lab: Lab) -> None:
    head = "env: [{S: a}]\nsecrets: [{name: S, provider: env, key: SOURCE}]"
    assert echoed(lab, head, "echo $S")[0] == "$S"


def test_an_endless_value_keeps_its_reference(lab: Lab) -> None:
    assert echoed(lab, f"params: P={'x' * 2000}", "echo $P")[0] == "$P"


def test_what_started_the_run_may_give_values(lab: Lab) -> None:
    path = lab.write("env: [{A: a}]\nsteps: [{name: a, command: echo $A}]")
    ran = lab.ran(lambda app: app.runs.start(StartRequest(dag=str(path), env={"A": "given"})))
    assert (shown(ran, "a"), ran.out("a")) == ("echo given", "given\n")


def test_the_command_of_exec_is_shown_as_it_is(lab: Lab) -> None:
    ran = lab.ran(lambda app: app.runs.start(exec_request(["echo", "$A"], env={"A": "given"})))
    assert (shown(ran, "main"), ran.out("main")) == ("echo $A", "$A\n")
