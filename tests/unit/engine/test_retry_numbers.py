"""The numbers of a retry rule that only the run can know: references and commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core.model.run.codec import decode_step, encode_step
from tests.gotchas.lab import Lab, Ran

HEAD = "env: [LIMIT: 2]\nparams: {PARAM: 1}\n"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work", environ={"OUTER": "2"})


def retried(lab: Lab, rule: str, command: str = "echo x; exit 1") -> Ran:
    before = "  - {name: before, command: echo 2, output: OUT}\n"
    return lab.run(f"{HEAD}steps:\n{before}  - {{name: a, command: '{command}', retryPolicy: {{{rule}}}}}")


LIMITS = {
    "${LIMIT}": 2,
    "$PARAM": 1,
    "${OUTER}": 2,
    "${OUT}": 2,
    "`echo 1`": 1,
    "${NOPE:-2}": 2,
    "${ZERO:-0}": 0,
}


@pytest.mark.parametrize("text", LIMITS)
def test_the_limit_is_worked_out_when_the_step_begins(lab: Lab, text: str) -> None:
    run = retried(lab, f'limit: "{text}"')
    assert run.out("a").split() == ["x"] * (1 + LIMITS[text])
    assert (run.of("a"), run.step("a").retry_count) == ("failed", LIMITS[text])


def test_a_command_in_it_runs_once_however_often_the_step_does(lab: Lab) -> None:
    run = retried(lab, 'limit: "`echo . >> count; echo 3`"')
    assert (run.step("a").retry_count, (lab.work / "count").read_text()) == (3, ".\n")


def test_the_wait_is_worked_out_too(lab: Lab) -> None:
    rule = 'limit: 1, intervalSec: "${WAIT:-0.25}", backoff: 2'
    state = retried(lab, rule).step("a")
    assert state.retry is not None and state.retry.interval == 0.25 and state.retry.backoff == 2
    assert state.retried_at is not None and state.started_at is not None
    assert state.retried_at - state.started_at >= 0.25
    assert decode_step(encode_step(state)).retry == state.retry


WRONG = {
    'limit: "${NOPE}"': 'retryPolicy.limit: failed to convert "${NOPE}" to int',
    'limit: "${NOPE:-}"': 'retryPolicy.limit: failed to convert "" to int',
    'limit: "`echo 1.5`"': 'retryPolicy.limit: failed to convert "1.5" to int',
    'limit: "`echo -1`"': "retryPolicy.limit must be from 0 to 1000000, not -1",
    'limit: 1, intervalSec: "`echo nan`"': 'retryPolicy.intervalSec: failed to convert "nan" to a number',
    'limit: 1, intervalSec: "${NOPE:-inf}"': "retryPolicy.intervalSec must be from 0 to 315360000, not inf",
    'limit: "`exit 3`"': "command substitution `exit 3` failed with exit status 3",
}


@pytest.mark.parametrize("rule", WRONG)
def test_what_is_no_number_fails_the_step_before_it_runs(lab: Lab, rule: str) -> None:
    run = retried(lab, rule, "touch ran")
    assert run.of("a") == "failed" and not (lab.work / "ran").exists()
    assert WRONG[rule] in run.step("a").error


def test_nothing_is_worked_out_for_a_step_that_never_begins(lab: Lab) -> None:
    rule = "{limit: '`touch early; echo 1`'}"
    run = lab.run(
        f"steps: [{{name: a, command: sleep 0.3; exit 1}}, {{name: b, command: ls, retryPolicy: {rule}}}]"
    )
    assert run.of("b") != "succeeded" and not (lab.work / "early").exists()


def test_a_skipped_step_works_nothing_out(lab: Lab) -> None:
    run = lab.run(
        "steps: [{name: a, command: 'true', precondition: 'false', retryPolicy: {limit: '${NOPE}'}}]"
    )
    assert (run.of("a"), run.status) == ("skipped", "succeeded")
