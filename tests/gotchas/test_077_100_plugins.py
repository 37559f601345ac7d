"""Gotchas 77, 81, 92, 96 to 98, 100: what the core does for step types that plugins bring."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dagu_core.base.places import InvalidDefinition
from tests.gotchas import toys
from tests.gotchas.lab import Lab, Ran


@pytest.fixture
def lab(lab: Lab) -> Lab:
    lab.plugins.append(toys)
    return lab


def _given(ran: Ran, name: str) -> Any:
    """What the toy container was given at its last attempt."""
    return json.loads(ran.out(name).splitlines()[-1])


def test_gotcha_077_a_script_in_a_container_goes_to_its_sh(lab: Lab) -> None:
    ran = lab.run("""
        container: {image: i}
        steps:
          - {name: script, script: "echo a\\necho b"}
          - {name: lines, command: "echo a\\necho b"}
        """)
    for name in ("script", "lines"):
        assert _given(ran, name)["exec"] == ["sh", "-c", "echo a\necho b"]


@pytest.mark.parametrize(("codes", "attempts"), [([503], 2), ([1], 1)])
def test_gotcha_081_retries_see_the_exit_code_of_the_executor(
    lab: Lab, codes: list[int], attempts: int
) -> None:
    ran = lab.run(f"""
        container: {{image: i, exitCodes: [503]}}
        steps: [{{name: s, command: x, retryPolicy: {{limit: 1, intervalSec: 0, exitCode: {codes}}}}}]
        """)
    assert (ran.step("s").attempts, ran.step("s").exit_code) == (attempts, 503)


def test_gotcha_092_an_unknown_key_of_a_plugin_is_an_error(lab: Lab) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        lab.check("""
            container: {image: x, foo: 1}
            steps: ["true"]
            """)
    (problem,) = caught.value.problems
    assert "foo" in problem.message and (problem.place.line, problem.place.column) == (1, 23)


def test_gotcha_096_steps_run_in_the_container_of_the_base(lab: Lab) -> None:
    lab.base("container: {image: i}")
    ran = lab.run("""
        steps:
          - {name: inside, command: hostname}
          - {name: outside, type: command, command: echo host}
        """)
    assert _given(ran, "inside")["commands"] == ["hostname"]
    assert ran.out("outside") == "host\n"


def test_gotcha_097_a_query_is_not_expanded(lab: Lab) -> None:
    ran = lab.run("""
        params: [FIELD=a]
        steps: [{name: s, type: jq, command: ".${FIELD}", script: '{"a": 1}'}]
        """)
    assert ran.out("s") == ".${FIELD}\n"


def test_gotcha_098_the_first_word_is_expanded(lab: Lab) -> None:
    ran = lab.run("""
        container: {image: i}
        params: [TOOL=echo]
        steps:
          - {name: inside, command: "${TOOL} x"}
          - {name: direct, type: command, shell: direct, command: "${TOOL} x"}
          - {name: shell, type: command, command: "${TOOL} x"}
        """)
    assert _given(ran, "inside")["commands"] == ["echo x"]
    assert ran.out("direct") == ran.out("shell") == "x\n"


def test_gotcha_100_one_exit_code_for_retries_and_continue_on(lab: Lab) -> None:
    ran = lab.run("""
        container: {image: i, exitCodes: [5, 0]}
        type: graph
        steps:
          - {name: retried, command: "sh -c 'exit 5'", retryPolicy: {limit: 1, intervalSec: 0, exitCode: [5]}}
          - {name: tolerated, command: "sh -c 'exit 5'", continueOn: {exitCode: 5}}
          - {name: told, id: told, command: "sh -c 'exit 5'", continueOn: failed}
          - {name: after, depends: told, type: command, command: "echo ${told.exitCode}"}
        """)
    assert (ran.of("retried"), ran.step("retried").attempts) == ("succeeded", 2)
    assert (ran.of("tolerated"), ran.step("tolerated").tolerated) == ("failed", True)
    assert ran.out("after") == "5\n"
