"""What events mean: the transitions of a step, and what its end means for others."""

from __future__ import annotations

from typing import Any

import pytest

from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.plan.policies import ContinueOn, HandlerKind, OnCrash, Repeat, RepeatMode, Retry
from dagu_core.model.run import reasons
from dagu_core.model.run.events import (
    AttemptEnded,
    AttemptStarted,
    AttemptStopping,
    ChildRef,
    ChildStarted,
    Noted,
    Outcome,
    RunEnded,
    RunFailed,
    RunRecovered,
    RunReset,
    RunStarted,
    StopRequested,
)
from dagu_core.model.run.evolve import evolve
from dagu_core.model.run.index import new_run, restore
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.engine.simulation import BAD, GOOD, STOPPED, Simulation, chain, make_plan

SKIPPED = Outcome(exit_code=None, ended="skipped", message="condition was not met: exit status 1")
PARTIAL = Outcome(status=StepStatus.PARTIALLY_SUCCEEDED)
REJECTED = Outcome(exit_code=1, status=StepStatus.REJECTED)
TIMEOUT = Outcome(exit_code=124, ended="timeout", message="step timed out")
ERROR = Outcome(exit_code=1, ended="error", message="cannot")
LOST = Outcome(exit_code=None, ended="lost", message="lost")


def first_step(outcome: Outcome, **rules: Any) -> Simulation:
    """A chain of two whose first step ended so, everything decided that follows at once."""
    simulation = Simulation(make_plan([rules, {"depends": (0,)}]))
    simulation.settle()
    simulation.end(0, outcome)
    simulation.settle()
    return simulation


@pytest.mark.parametrize(
    ("outcome", "rules", "status", "reason", "next_status"),
    [
        (GOOD, {}, "succeeded", "", "running"),
        (PARTIAL, {}, "partially_succeeded", "", "running"),
        (BAD, {}, "failed", "exit_code", "aborted"),
        (ERROR, {}, "failed", "error", "aborted"),
        (TIMEOUT, {}, "failed", "step_timed_out", "aborted"),
        (LOST, {}, "failed", "lost", "aborted"),
        (SKIPPED, {}, "skipped", "precondition_unmet", "skipped"),
        (STOPPED, {}, "aborted", "", "aborted"),
        (REJECTED, {}, "rejected", "exit_code", "aborted"),
        (BAD, {"continue_on": ContinueOn(failed=True)}, "failed", "exit_code", "running"),
        (BAD, {"continue_on": ContinueOn(skipped=True)}, "failed", "exit_code", "aborted"),
        (SKIPPED, {"continue_on": ContinueOn(skipped=True)}, "skipped", "precondition_unmet", "running"),
        (SKIPPED, {"continue_on": ContinueOn(failed=True)}, "skipped", "precondition_unmet", "skipped"),
        (BAD, {"continue_on": ContinueOn(exit_codes=(1,))}, "failed", "exit_code", "running"),
        (BAD, {"continue_on": ContinueOn(exit_codes=(2,))}, "failed", "exit_code", "aborted"),
        (TIMEOUT, {"continue_on": ContinueOn(exit_codes=(124,))}, "failed", "step_timed_out", "running"),
        (Outcome(137), {"continue_on": ContinueOn(exit_codes=(-1,))}, "failed", "exit_code", "running"),
        (Outcome(128), {"continue_on": ContinueOn(exit_codes=(-1,))}, "failed", "exit_code", "aborted"),
        (LOST, {"continue_on": ContinueOn(exit_codes=(-1,))}, "failed", "lost", "aborted"),
        (Outcome(143), {"retry": Retry(limit=1, exit_codes=(-1,))}, "running", "", "not_started"),
        (BAD, {"continue_on": ContinueOn(output=("x",))}, "failed", "exit_code", "aborted"),
        (
            Outcome(1, output_matched=True),
            {"continue_on": ContinueOn(output=("x",))},
            "failed",
            "exit_code",
            "running",
        ),
        (
            BAD,
            {"continue_on": ContinueOn(failed=True, mark_success=True)},
            "succeeded",
            "exit_code",
            "running",
        ),
        (BAD, {"continue_on": ContinueOn(mark_success=True)}, "failed", "exit_code", "aborted"),
        (STOPPED, {"continue_on": ContinueOn(failed=True, mark_success=True)}, "aborted", "", "aborted"),
        (REJECTED, {"continue_on": ContinueOn(failed=True)}, "rejected", "exit_code", "aborted"),
        (BAD, {"retry": Retry(limit=1)}, "running", "", "not_started"),
        (BAD, {"retry": Retry(limit=1, interval=5)}, "retrying", "retry_wait", "not_started"),
        (BAD, {"retry": Retry(limit=1, exit_codes=(2,))}, "failed", "exit_code", "aborted"),
        (TIMEOUT, {"retry": Retry(limit=1)}, "failed", "step_timed_out", "aborted"),
        (LOST, {"retry": Retry(limit=1)}, "failed", "lost", "aborted"),
        (LOST, {"on_crash": OnCrash.RETRY}, "running", "", "not_started"),
        (GOOD, {"repeat": Repeat(RepeatMode.WHILE, interval=5)}, "running", "repeat_wait", "not_started"),
        (BAD, {"repeat": Repeat(RepeatMode.WHILE, interval=5)}, "failed", "exit_code", "aborted"),
    ],
)
def test_an_ended_attempt(
    outcome: Outcome, rules: dict[str, Any], status: str, reason: str, next_status: str
) -> None:
    simulation = first_step(outcome, **rules)
    assert simulation.statuses == {"s0": status, "s1": next_status}
    assert simulation.run.steps[0].reason == reason


def test_upstream_reasons_are_told() -> None:
    for outcome, reason in [
        (BAD, "upstream_failed"),
        (SKIPPED, "upstream_skipped"),
        (STOPPED, "upstream_aborted"),
    ]:
        after = first_step(outcome).run.steps[1]
        assert (after.reason, after.error) == (reason, f"upstream {reason.partition('_')[2]}: s0")


def test_the_first_blocking_predecessor_decides() -> None:
    simulation = Simulation(make_plan([{}, {}, {"depends": (0, 1)}]))
    simulation.settle()
    simulation.end(1, SKIPPED)
    simulation.settle()
    assert simulation.statuses == {"s0": "running", "s1": "skipped", "s2": "skipped"}
    simulation.end(0, BAD)
    simulation.settle()
    assert simulation.statuses["s2"] == "skipped"


def test_times_and_counters_of_retries() -> None:
    plan = make_plan([{"retry": Retry(limit=5, interval=1, backoff=2, max_interval=3)}])
    simulation = Simulation(plan, lambda node, number: GOOD if number == 5 else BAD)
    run = simulation.finish()
    step = run.steps[0]
    assert (step.attempts, step.retry_count, step.done_count, step.exit_code) == (5, 4, 1, 0)
    waits = [
        after.at - before.at
        for before, after in zip(simulation.events, simulation.events[1:], strict=False)
        if isinstance(before, AttemptEnded) and isinstance(after, AttemptStarted)
    ]
    assert waits == [1, 2, 3, 3]
    assert step.started_at == 1000.0 and step.finished_at == (step.retried_at or 0) + 1


def test_a_lost_attempt_is_tried_again_only_so_often() -> None:
    simulation = Simulation(make_plan([{"on_crash": OnCrash.RETRY}]), lambda node, number: LOST)
    assert simulation.finish().steps[0].attempts == 4
    assert simulation.statuses["s0"] == "failed"


@pytest.mark.parametrize(
    ("mode", "codes", "exits", "executions", "status"),
    [
        (RepeatMode.WHILE, (), [0, 0, 1], 3, "failed"),
        (RepeatMode.UNTIL, (), [1, 1, 0], 3, "succeeded"),
        (RepeatMode.WHILE, (1,), [1, 1, 0], 3, "succeeded"),
        (RepeatMode.WHILE, (1,), [1, 1, 1, 1], 4, "failed"),
        (RepeatMode.UNTIL, (3,), [0, 3], 2, "failed"),
    ],
)
def test_repetitions(
    mode: RepeatMode, codes: tuple[int, ...], exits: list[int], executions: int, status: str
) -> None:
    plan = make_plan([{"repeat": Repeat(mode, exit_codes=codes, limit=4)}])
    simulation = Simulation(plan, lambda node, number: Outcome(exits[number - 1]))
    assert simulation.finish().steps[0].done_count == executions
    assert simulation.statuses["s0"] == status


def test_each_round_of_a_repeating_step_has_its_own_children() -> None:
    simulation = Simulation(make_plan([{"repeat": Repeat(RepeatMode.WHILE, limit=2)}]))
    for run_id in ("a", "b"):
        simulation.settle()
        simulation.tell(
            ChildStarted(0, "s0", ChildRef("child", run_id)), ChildStarted(0, "s0", ChildRef("child", run_id))
        )
        simulation.end(0)
        simulation.now += 1
    step = simulation.finish().steps[0]
    assert [child.run_id for child in step.children_repeated] == ["a"]
    assert [child.run_id for child in step.children] == ["b"]


@pytest.mark.parametrize(
    ("rules", "outcome", "status", "reason"),
    [
        ({"retry": Retry(limit=1, interval=60)}, BAD, "aborted", "stopped_in_retry_wait"),
        ({"repeat": Repeat(RepeatMode.WHILE, interval=60)}, GOOD, "succeeded", ""),
        ({"repeat": Repeat(RepeatMode.UNTIL, interval=60)}, BAD, "failed", "exit_code"),
    ],
)
def test_a_stop_wakes_what_waits(rules: dict[str, Any], outcome: Outcome, status: str, reason: str) -> None:
    simulation = first_step(outcome, **rules)
    simulation.tell(StopRequested(simulation.now, "user"))
    assert (simulation.statuses["s0"], simulation.run.steps[0].reason) == (status, reason)
    simulation.finish()
    assert not simulation.run.sleeping


def test_a_failed_initialisation_leaves_nothing_waiting() -> None:
    simulation = first_step(BAD, retry=Retry(limit=1, interval=60))
    simulation.tell(RunFailed(simulation.now, "recovery limit reached", "recovery_limit"))
    simulation.finish()
    assert simulation.statuses == {"s0": "aborted", "s1": "not_started"}
    assert (simulation.status, simulation.run.summary.reason) == ("failed", "recovery_limit")


def test_a_step_that_was_told_to_stop_is_aborted_whatever_it_exits_with() -> None:
    simulation = Simulation(make_plan([{"retry": Retry(limit=9)}]))
    simulation.settle()
    simulation.tell(StopRequested(simulation.now, "user"))
    simulation.settle()
    simulation.end(0, GOOD)
    simulation.finish()
    assert (simulation.statuses, simulation.status) == ({"s0": "aborted"}, "aborted")
    assert simulation.run.steps[0].reason == reasons.STOPPED


def test_a_retried_step_that_is_skipped_again_starts_nobody() -> None:
    tolerant = {"depends": (0,), "continue_on": ContinueOn(skipped=True)}
    simulation = Simulation(make_plan([{}, tolerant, {"depends": (0, 1)}]))
    simulation.settle()
    simulation.end(0, SKIPPED)
    simulation.finish()
    simulation.tell(RunStarted(simulation.now, "a2"), RunReset(simulation.now, ("s1", "s2")))
    simulation.finish()
    assert set(simulation.statuses.values()) == {"skipped"}
    assert [step.attempts for step in simulation.run.steps] == [1, 0, 0]


def test_small_events() -> None:
    simulation = Simulation(chain(1))
    simulation.tell(Noted(0, "x", "y"), RunRecovered(0, "e2", 2))
    assert simulation.run.summary.recoveries == 2
    simulation.tell(RunEnded(5, RunStatus.FAILED))
    assert (simulation.run.is_over, simulation.run.summary.finished_at) == (True, 5)


def test_a_step_being_stopped_is_told_again_after_a_crash() -> None:
    simulation = Simulation(make_plan([{}], timeout=10))
    simulation.settle()
    simulation.now += 10
    simulation.settle()
    run = restore(simulation.plan, simulation.run.summary, {"s0": simulation.run.steps[0]})
    assert run.to_stop == {0: "run_timeout"}


@pytest.mark.parametrize(("asked", "told"), [(2.5, {}), (4.0, {1: "stop"})])
def test_a_second_stop_ends_only_handlers_it_can_have_meant(asked: float, told: dict[int, str]) -> None:
    plan = Plan(
        "d",
        (PlannedStep(0, "a"), PlannedStep(1, "onCancel", handler=HandlerKind.ABORT)),
        1,
    )
    run = new_run(plan, RunSummary(RunRef("d", "r")))
    for event in (
        RunStarted(0.0, "x"),
        AttemptStarted(1.0, "a", 1),
        StopRequested(2.0, "user"),
        AttemptStopping(2.0, "a", "stop"),
        AttemptEnded(3.0, "a", 1, Outcome(exit_code=None, ended="stopped")),
        AttemptStarted(3.0, "onCancel", 1),
        StopRequested(asked, "user"),
    ):
        evolve(plan, run, event)
    assert run.to_stop == told
    evolve(plan, run, StopRequested(5.0, "user", force=True))
    assert run.to_stop == {1: "stop"}
