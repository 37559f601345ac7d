"""Values that no environment can hold, wherever they come from: a step that needs none of them runs,
one that does finds them in files, and nobody takes one for empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.gotchas.lab import Lab, Ran

BIG = 140_000
TOO_LARGE = f"is {BIG} bytes, too large for an environment variable"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work")


def parameters(size: int = BIG, count: int = 1) -> Mapping[str, Any]:
    return {"params": [{name: "x" * size} for name in "PQ"[:count]]}


def ran(lab: Lab, head: Mapping[str, Any], *steps: Mapping[str, Any]) -> Ran:
    return lab.run(json.dumps({**head, "steps": [{"name": "a", **step} for step in steps]}))


HEADS = {
    "parameter": parameters(),
    "environment": {"env": [{"P": "x" * BIG}]},
    "command": {"env": [{"P": f"`head -c {BIG} /dev/zero | tr '\\0' x`"}]},
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_large_value_stands_in_a_file(lab: Lab, head: Mapping[str, Any]) -> None:
    run = ran(lab, head, {"command": 'wc -c < "$P_FILE"; stat -c %a "$P_FILE"; printenv P || echo none'})
    assert run.out("a").split() == [str(BIG), "600", "none"]


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("command", ["echo $P", 'echo "${P}"', "echo ${#P}"])
def test_who_asks_for_it_is_told(lab: Lab, head: Mapping[str, Any], command: str) -> None:
    run = ran(lab, head, {"command": command})
    assert run.of("a") == "failed"
    assert run.step("a").error == f"variable P {TOO_LARGE}; read $P_FILE"


def test_two_parameters_that_are_too_large_together(lab: Lab) -> None:
    command = 'echo "$P$Q" | wc -c; wc -c < "$DAGU_PARAMS_JSON_FILE"; printenv DAGU_PARAMS_JSON || echo none'
    run = ran(lab, parameters(70_000, 2), {"command": command})
    assert run.out("a").split() == ["140001", "140015", "none"]


def test_the_environment_of_a_step(lab: Lab) -> None:
    step = {"env": [{"X": "${P}"}, {"P": "small"}], "command": 'wc -c < "$X_FILE"; echo $P'}
    assert ran(lab, parameters(), step).out("a").split() == [str(BIG), "small"]
    run = ran(lab, parameters(), {"env": [{"X": "${P}"}], "command": "echo $X"})
    assert run.step("a").error == f"variable X {TOO_LARGE}; read $X_FILE"


def test_a_large_parameter_hides_a_small_output(lab: Lab) -> None:
    made = {"name": "made", "command": "echo small", "output": "P"}
    run = ran(lab, parameters(), made, {"command": 'wc -c < "$P_FILE"; printenv P || echo none'})
    assert run.out("a").split() == [str(BIG), "none"]


def test_a_small_output_hides_a_large_env_value(lab: Lab) -> None:
    made = {"name": "made", "command": "echo small", "output": "P"}
    assert ran(lab, HEADS["environment"], made, {"command": "echo $P"}).out("a") == "small\n"


def test_a_called_dag_has_files_of_its_own(lab: Lab) -> None:
    child = "---\nname: kid\nparams: X\nsteps: [{name: k, command: 'wc -c < \"$X_FILE\" > size'}]\n"
    text = json.dumps({**parameters(), "steps": [{"name": "a", "call": "kid", "params": "X=${P}"}]})
    assert lab.run(f"{text}\n{child}").status == "succeeded"
    assert (lab.work / "size").read_text().strip() == str(BIG)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_condition_does_not_take_it_for_empty(lab: Lab, head: Mapping[str, Any]) -> None:
    run = ran(lab, head, {"precondition": 'test -n "$P"', "command": "true"})
    assert run.of("a") == "skipped"
    assert f"could not be evaluated: variable P {TOO_LARGE}" in run.step("a").conditions[0].error
    run = ran(lab, head, {"precondition": 'test -s "$P_FILE"', "command": "true"})
    assert run.of("a") == "succeeded"
    run = lab.run(json.dumps({**head, "precondition": 'test -n "$P"', "steps": ["true"]}))
    assert f"variable P {TOO_LARGE}" in run.view.details()["preconditions"][0]["error"]


def test_a_condition_sees_what_the_step_sees(lab: Lab) -> None:
    made = {"name": "made", "command": f"echo small; head -c {BIG} /dev/zero | tr '\\0' x", "output": "O"}
    step = {
        "env": [{"E": "${O}"}],
        "precondition": 'test -s "$O_FILE" && test -s "$E_FILE"',
        "command": "true",
    }
    assert ran(lab, {}, made, step).of("a") == "succeeded"
    small = {"name": "made", "command": "echo small", "output": "O"}
    step = {"env": [{"E": "e-${O}"}], "precondition": 'test "$O $E" = "small e-small"', "command": "true"}
    assert ran(lab, {}, small, step).of("a") == "succeeded"


def test_a_part_of_it_that_is_too_large_is_told_too(lab: Lab) -> None:
    head = {"env": [{"J": json.dumps({"part": "x" * BIG})}]}
    run = ran(lab, head, {"command": "echo ${J.part}"})
    assert f"a value in its command is {BIG} bytes" in run.step("a").error
    assert (
        ran(lab, {"env": [{"J": json.dumps({"a": "x" * BIG, "b": 5})}]}, {"command": "echo ${J.b}"}).out("a")
        == "5\n"
    )


def test_an_argument_that_is_too_large_is_told_truly(lab: Lab) -> None:
    run = ran(lab, {}, {"exec": ["echo", "x" * BIG]})
    assert (run.of("a"), run.step("a").exit_code) == ("failed", 126)
    assert "one argument or variable may take 131072 bytes" in run.step("a").error
