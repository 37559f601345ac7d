"""Gotchas 52 to 64: timeouts, stops, handlers, base configuration."""

from __future__ import annotations

import pytest

from dagu_core.model.plan.policies import HandlerKind
from tests.gotchas.lab import Lab


def test_gotcha_052_a_timeout_ends_the_whole_group(lab: Lab) -> None:
    ran = lab.run("steps: [{name: s, command: 'sleep 30; :', timeoutSec: 0.3}]")
    step = ran.step("s")
    assert (ran.of("s"), step.exit_code, step.reason) == ("failed", 124, "step_timed_out")
    assert step.finished_at is not None and step.started_at is not None
    assert step.finished_at - step.started_at < 10


def test_gotcha_053_handlers_run_after_a_timeout_of_the_run(lab: Lab) -> None:
    ran = lab.run("""
        timeoutSec: 0.3
        handlerOn:
          failure: {command: "sleep 0.2; echo $DAG_RUN_STATUS"}
          exit: {command: "sleep 0.2; echo exit"}
        steps: [{name: s, command: sleep 30}, {name: t, command: "true"}]
        """)
    assert (ran.status, ran.exit_code) == ("failed", 1)
    assert ran.statuses == {"s": "aborted", "t": "aborted"}
    assert ran.out("onFailure") == "failed\n"
    assert ran.out("onExit") == "exit\n"


def test_gotcha_054_a_stop_is_never_tolerated(lab: Lab) -> None:
    ran = lab.stopped("""
        steps: [{name: s, command: "touch ready; sleep 30", continueOn: failed}, {name: t, command: "true"}]
        """)
    assert ran.statuses == {"s": "aborted", "t": "not_started"}
    assert (ran.status, ran.step("s").tolerated) == ("aborted", False)


def test_gotcha_055_a_deaf_step_is_killed_after_the_grace(lab: Lab) -> None:
    ran = lab.stopped("""
        maxCleanUpTimeSec: 0.3
        steps: [{name: s, command: "trap '' TERM; touch ready; while :; do sleep 0.1; done"}]
        """)
    assert (ran.of("s"), ran.status) == ("aborted", "aborted")


def test_gotcha_056_a_stop_between_retries_aborts(lab: Lab) -> None:
    ran = lab.stopped("""
        steps:
          - {name: s, command: "touch ready; false", retryPolicy: {limit: 3, intervalSec: 60}}
          - {name: t, command: "true"}
        """)
    assert ran.statuses == {"s": "aborted", "t": "not_started"}
    assert (ran.status, ran.step("s").attempts) == ("aborted", 1)


def test_gotcha_057_a_trap_that_exits_zero_is_still_aborted(lab: Lab) -> None:
    ran = lab.stopped("""
        steps: [{name: s, command: "trap 'echo bye; exit 0' TERM; touch ready; while :; do sleep 0.05; done"}]
        """)
    assert (ran.of("s"), ran.status, ran.out("s")) == ("aborted", "aborted", "bye\n")


def test_gotcha_058_a_repeating_step_ends_its_round(lab: Lab) -> None:
    ran = lab.stopped("""
        steps:
          - name: s
            command: "touch ready; sleep 0.5; echo done"
            repeatPolicy: {repeat: true, intervalSec: 0}
        """)
    assert (ran.of("s"), ran.status) == ("succeeded", "succeeded")
    assert ran.out("s").endswith("done\n")


def test_gotcha_059_a_failing_init_aborts_the_run(lab: Lab) -> None:
    ran = lab.run("""
        handlerOn: {init: {command: "false"}, abort: {command: echo $DAG_RUN_STATUS}}
        steps: [{name: s, command: "true"}]
        """)
    assert (ran.status, ran.of("s")) == ("aborted", "not_started")
    assert ran.out("onCancel") == "aborted\n"


def test_gotcha_060_a_failing_exit_handler_fails_the_run(lab: Lab) -> None:
    ran = lab.run("""
        handlerOn: {exit: {command: "false"}}
        steps: ["true"]
        """)
    assert (ran.status, ran.exit_code) == ("failed", 1)


def test_gotcha_061_handlers_have_env_and_retries(lab: Lab) -> None:
    ran = lab.run("""
        handlerOn:
          success:
            command: 'echo "$A"; echo x >> count; test $(wc -l < count) -eq 2'
            env: [{A: mine}]
            retryPolicy: {limit: 1, intervalSec: 0}
        steps: ["true"]
        """)
    handler = ran.handler(HandlerKind.SUCCESS)
    assert (handler.status.label, handler.attempts) == ("succeeded", 2)
    assert ran.out("onSuccess") == "mine\nmine\n"


def test_gotcha_062_the_type_of_the_base_is_effective(lab: Lab) -> None:
    lab.base("type: graph")
    assert lab.check("steps: ['true', 'true']").plans[0].steps[1].depends == ()
    assert lab.check("type: chain\nsteps: ['true', 'true']").plans[0].steps[1].depends == (0,)


def test_gotcha_063_false_overrides_the_base(lab: Lab) -> None:
    lab.base("skipIfSuccessful: true")
    assert lab.check("steps: []").plans[0].skip_if_successful is True
    assert lab.check("skipIfSuccessful: false\nsteps: []").plans[0].skip_if_successful is False


@pytest.mark.parametrize("own", ["precondition", "preconditions"])
def test_gotcha_064_conditions_replace_and_texts_append(lab: Lab, own: str) -> None:
    lab.base("""
        preconditions: ["false"]
        env: [{A: base}, {B: base}]
        params: [P=base, Q=base]
        tags: [base]
        """)
    ran = lab.run(f"""
        {own}: ["true"]
        env: [{{B: own}}]
        params: [Q=own]
        tags: [own]
        steps: ["echo $A $B $P $Q"]
        """)
    assert ran.out() == "base own base own\n"
    assert ran.view.plan.tags == ("base", "own")
