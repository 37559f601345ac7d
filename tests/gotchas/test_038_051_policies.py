"""Gotchas 38 to 51: conditions, tolerated failures, retries, repetitions."""

from __future__ import annotations

from dagu_core.model.plan.policies import HandlerKind
from tests.gotchas.lab import Lab, Ran

HANDLERS = """
handlerOn:
  success: {command: echo success}
  failure: {command: echo failure}
  abort: {command: echo abort}
  exit: {command: echo exit}
"""


def _called(ran: Ran) -> set[str]:
    return {kind.value for kind in HandlerKind if (step := ran.view.handler(kind)) and step.attempts}


def test_gotcha_038_a_condition_runs_in_the_folder_of_the_dag(lab: Lab) -> None:
    ran = lab.run("""
        steps: [{name: s, workingDir: sub, command: pwd, preconditions: ["pwd | grep sub"]}]
        """)
    assert ran.of("s") == "skipped"
    met = lab.run("""
        steps: [{name: s, workingDir: sub, command: pwd, preconditions: ["test -f flow.yaml"]}]
        """)
    assert met.out("s") == f"{lab.work}/sub\n"


def test_gotcha_039_a_pattern_is_searched_in_each_line(lab: Lab) -> None:
    ran = lab.run("""
        type: graph
        params: [N=150]
        steps:
          - {name: found, command: "true", preconditions: [{condition: "${N}", expected: "re:5"}]}
          - {name: anchored, command: "true", preconditions: [{condition: "${N}", expected: "re:^5"}]}
          - name: line
            command: "true"
            preconditions: [{condition: "`printf 'a\\\\nb'`", expected: "re:^b$"}]
        """)
    assert ran.statuses == {"found": "succeeded", "anchored": "skipped", "line": "succeeded"}


def test_gotcha_040_an_unmet_condition_aborts_the_run(lab: Lab) -> None:
    ran = lab.run("preconditions: ['false']\nsteps: [{name: s, command: 'true'}]" + HANDLERS)
    assert (ran.status, ran.of("s")) == ("aborted", "not_started")
    assert _called(ran) == {"onCancel", "onExit"}
    # Where the original exits 0, an aborted run exits 1 here.
    assert ran.exit_code == 1


def test_gotcha_041_a_skipped_first_step_skips_the_chain(lab: Lab) -> None:
    ran = lab.run("""
        steps:
          - {name: a, command: "true", preconditions: ["false"]}
          - {name: b, command: "true"}
          - {name: c, command: "true"}
        """)
    assert set(ran.statuses.values()) == {"skipped"}
    assert (ran.status, ran.exit_code) == ("succeeded", 0)
    assert ran.step("c").reason == "upstream_skipped"


def test_gotcha_042_only_tolerated_failures_fail_the_run(lab: Lab) -> None:
    ran = lab.run("steps: [{name: s, command: exit 1, continueOn: failed}]")
    assert (ran.of("s"), ran.status, ran.exit_code) == ("failed", "failed", 1)


def test_gotcha_043_partial_success_exits_zero(lab: Lab) -> None:
    ran = lab.run(
        "steps: [{name: s, command: exit 1, continueOn: failed}, {name: t, command: 'true'}]" + HANDLERS
    )
    assert (ran.status, ran.exit_code) == ("partially_succeeded", 0)
    assert _called(ran) == {"onSuccess", "onExit"}


def test_gotcha_044_mark_success_alone_does_nothing(lab: Lab) -> None:
    text = "steps: [{name: s, command: exit 1, continueOn: {markSuccess: true}}, {name: t, command: 'true'}]"
    ran = lab.run(text)
    assert ran.statuses == {"s": "failed", "t": "aborted"}
    assert [w.code for w in lab.warnings(text)] == ["W044"]


def test_gotcha_045_stderr_does_not_count_as_output(lab: Lab) -> None:
    ran = lab.run("""
        type: graph
        steps:
          - {name: err, command: "echo X >&2; exit 1", continueOn: {output: X}}
          - {name: out, command: "echo X; exit 1", continueOn: {output: X}}
          - {name: merged, command: "echo X >&2; exit 1", continueOn: {output: X}, logOutput: merged}
        """)
    tolerated = {name: ran.step(name).tolerated for name in ("err", "out", "merged")}
    assert tolerated == {"err": False, "out": True, "merged": True}


def test_gotcha_046_backoff_may_be_a_whole_number(lab: Lab) -> None:
    text = "steps: [{command: x, retryPolicy: {limit: 3, intervalSec: 1, backoff: 2, maxIntervalSec: 3}}]"
    retry = lab.check(text).plans[0].steps[0].retry
    assert [retry.delay_after(n, 1) for n in range(4)] == [1, 2, 3, None]


def test_gotcha_047_an_interval_given_as_text_is_waited(lab: Lab) -> None:
    ran = lab.run("""
        steps: [{name: s, command: "false", retryPolicy: {limit: 1, intervalSec: "0.3"}}]
        """)
    step = ran.step("s")
    assert step.attempts == 2
    assert step.started_at is not None and step.retried_at is not None
    assert step.retried_at - step.started_at >= 0.3
    five = lab.check('steps: [{command: x, retryPolicy: {limit: 2, intervalSec: "5"}}]').plans[0].steps[0]
    assert five.retry.delay_after(0, 1) == 5


def test_gotcha_048_the_interval_is_optional(lab: Lab) -> None:
    ran = lab.run("steps: [{name: s, command: 'false', retryPolicy: {limit: 2}}]")
    assert (ran.of("s"), ran.step("s").attempts, ran.step("s").retry_count) == ("failed", 3, 2)


def test_gotcha_049_a_bare_limit_repeats_nothing(lab: Lab) -> None:
    text = "steps: [{name: s, command: echo x, repeatPolicy: {limit: 3}}]"
    assert lab.run(text).out("s") == "x\n"
    assert [w.code for w in lab.warnings(text)] == ["W049"]


def test_gotcha_050_condition_and_expected_mean_until(lab: Lab) -> None:
    ran = lab.run("""
        steps:
          - name: s
            command: echo x >> count; wc -l < count
            output: N
            repeatPolicy: {condition: "${N}", expected: "3", limit: 9, intervalSec: 0}
        """)
    assert (ran.of("s"), ran.step("s").done_count, ran.step("s").output) == ("succeeded", 3, "3")


def test_gotcha_051_the_first_repetition_waits_one_interval(lab: Lab) -> None:
    text = "steps: [{command: x, repeatPolicy: {repeat: true, intervalSec: 1, backoff: 2.0}}]"
    repeat = lab.check(text).plans[0].steps[0].repeat
    waits = [repeat.delay_after(n, condition_met=None, exit_code=0, succeeded=True) for n in (1, 2, 3)]
    assert waits == [1, 2, 4]
