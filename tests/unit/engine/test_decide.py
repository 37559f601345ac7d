"""What to do next, and with which status a run ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dagu_core.model.plan.policies import Condition, ContinueOn, HandlerKind, Repeat, RepeatMode, Retry
from dagu_core.model.run.decide import CheckConditions, Decision, EndRun, StartAttempt, StopAttempt, decide
from dagu_core.model.run.events import Outcome, RunFailed, StopRequested
from dagu_core.model.run.index import new_run
from dagu_core.model.run.run import RunSummary
from dagu_core.model.run.verdict import handler_for, verdict
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.engine.simulation import BAD, GOOD, REF, STOPPED, Simulation, chain, make_plan

SKIPPED = Outcome(exit_code=None, ended="skipped")
PARTIAL = Outcome(status=StepStatus.PARTIALLY_SUCCEEDED)
REJECTED = Outcome(exit_code=1, status=StepStatus.REJECTED)
OK = ContinueOn(failed=True)
MARKED = ContinueOn(failed=True, mark_success=True)
HANDLERS: dict[HandlerKind, dict[str, Any]] = {
    kind: {} for kind in (HandlerKind.SUCCESS, HandlerKind.FAILURE, HandlerKind.ABORT, HandlerKind.EXIT)
}


def ran(outcomes: Sequence[Outcome], rules: ContinueOn) -> Simulation:
    """Independent steps with these outcomes, and all handlers."""
    plan = make_plan([{"continue_on": rules} for _ in outcomes], HANDLERS)
    simulation = Simulation(plan, lambda node, _: GOOD if node.handler else outcomes[node.index])
    simulation.finish()
    return simulation


def called(simulation: Simulation) -> list[str]:
    return [
        node.name
        for node in simulation.plan.nodes
        if node.handler and simulation.run.steps[node.index].attempts
    ]


@pytest.mark.parametrize(
    ("outcomes", "rules", "status", "handler"),
    [
        ([], OK, "succeeded", "onSuccess"),
        ([GOOD, GOOD], ContinueOn(), "succeeded", "onSuccess"),
        ([GOOD, SKIPPED], ContinueOn(), "succeeded", "onSuccess"),
        ([SKIPPED, SKIPPED], ContinueOn(), "succeeded", "onSuccess"),
        ([BAD, GOOD], OK, "partially_succeeded", "onSuccess"),
        ([BAD], OK, "failed", "onFailure"),
        ([BAD, BAD], OK, "failed", "onFailure"),
        ([BAD, SKIPPED], OK, "failed", "onFailure"),
        ([BAD], MARKED, "succeeded", "onSuccess"),
        ([BAD, GOOD], MARKED, "succeeded", "onSuccess"),
        ([PARTIAL], ContinueOn(), "partially_succeeded", "onSuccess"),
        ([PARTIAL, GOOD], ContinueOn(), "partially_succeeded", "onSuccess"),
        ([PARTIAL, BAD], ContinueOn(), "failed", "onFailure"),
        ([PARTIAL, BAD], OK, "partially_succeeded", "onSuccess"),
        ([BAD, GOOD], ContinueOn(), "failed", "onFailure"),
        ([REJECTED, GOOD], ContinueOn(), "rejected", "onFailure"),
        ([REJECTED, BAD], ContinueOn(), "rejected", "onFailure"),
    ],
)
def test_the_status_of_a_run_and_its_handlers(
    outcomes: list[Outcome], rules: ContinueOn, status: str, handler: str
) -> None:
    simulation = ran(outcomes, rules)
    assert simulation.status == status
    assert called(simulation) == [handler, "onExit"]
    assert simulation.starts[-2:] == [handler, "onExit"]


@pytest.mark.parametrize("status", [status for status in RunStatus if status.is_over])
def test_every_end_has_its_handler(status: RunStatus) -> None:
    expected = {"succeeded": "onSuccess", "partially_succeeded": "onSuccess", "aborted": "onCancel"}
    assert handler_for(status).value == expected.get(status.label, "onFailure")


@pytest.mark.parametrize(
    ("kind", "outcomes", "rules", "status"),
    [
        (HandlerKind.SUCCESS, [GOOD], ContinueOn(), "failed"),
        (HandlerKind.EXIT, [GOOD], ContinueOn(), "failed"),
        (HandlerKind.SUCCESS, [GOOD, BAD], OK, "partially_succeeded"),
        (HandlerKind.FAILURE, [BAD], ContinueOn(), "failed"),
    ],
)
def test_a_failing_handler(
    kind: HandlerKind, outcomes: list[Outcome], rules: ContinueOn, status: str
) -> None:
    plan = make_plan([{"continue_on": rules} for _ in outcomes], HANDLERS)
    simulation = Simulation(
        plan,
        lambda node, _: (
            outcomes[node.index] if node.handler is None else BAD if node.handler is kind else GOOD
        ),
    )
    simulation.finish()
    assert simulation.status == status
    assert called(simulation)[-1] == "onExit"


@pytest.mark.parametrize(("outcome", "status", "steps"), [(BAD, "aborted", 0), (SKIPPED, "succeeded", 2)])
def test_init_goes_first(outcome: Outcome, status: str, steps: int) -> None:
    plan = make_plan([{}, {}], {HandlerKind.INIT: {}, **HANDLERS})
    simulation = Simulation(plan, lambda node, _: outcome if node.handler is HandlerKind.INIT else GOOD)
    simulation.settle()
    assert simulation.running == [(2, 1)]
    simulation.finish()
    assert simulation.status == status
    assert sum(step.attempts for step in simulation.run.steps[:2]) == steps
    assert called(simulation)[1:] == ["onCancel" if status == "aborted" else "onSuccess", "onExit"]


def test_an_unmet_precondition_aborts() -> None:
    plan = make_plan([{}], {HandlerKind.INIT: {}, **HANDLERS}, preconditions=(Condition("false"),))
    run = new_run(plan, RunSummary(REF, RunStatus.RUNNING))
    assert decide(plan, run, 0) == Decision((CheckConditions(),))
    simulation = Simulation(plan, conditions_met=False)
    simulation.finish()
    assert (simulation.status, simulation.statuses["s0"]) == ("aborted", "not_started")
    assert called(simulation) == ["onCancel", "onExit"]


def test_a_stop_runs_the_handlers_and_leaves_the_rest_unstarted() -> None:
    simulation = Simulation(make_plan([{"continue_on": OK}, {"depends": (0,)}], HANDLERS))
    simulation.settle()
    simulation.tell(StopRequested(simulation.now, "user"))
    assert decide(simulation.plan, simulation.run, simulation.now).actions == (StopAttempt(0, "stop"),)
    simulation.finish()
    assert simulation.status == "aborted"
    assert simulation.statuses["s0"] == "aborted" and simulation.statuses["s1"] == "not_started"
    assert called(simulation) == ["onCancel", "onExit"]


def test_a_second_stop_asks_nobody_twice_unless_it_forces() -> None:
    simulation = Simulation(make_plan([{}, {"repeat": Repeat(RepeatMode.WHILE)}], HANDLERS))
    simulation.settle()
    for _ in range(2):
        simulation.tell(StopRequested(simulation.now, "user"))
        actions = decide(simulation.plan, simulation.run, simulation.now).actions
        simulation.settle()
    assert actions == ()
    simulation.tell(StopRequested(simulation.now, "user", force=True))
    actions = decide(simulation.plan, simulation.run, simulation.now).actions
    assert set(actions) == {StopAttempt(0, "stop"), StopAttempt(1, "stop")}
    simulation.finish()
    assert called(simulation) == [], "force leaves out the handlers"


def test_a_stop_after_everything_succeeded_changes_nothing() -> None:
    simulation = Simulation(make_plan([{"repeat": Repeat(RepeatMode.WHILE)}], HANDLERS))
    simulation.settle()
    simulation.tell(StopRequested(simulation.now, "user"))
    simulation.settle()
    assert simulation.running == [(0, 1)] and not simulation.stopping
    simulation.end(0, GOOD)
    simulation.finish()
    assert (simulation.status, called(simulation)) == ("succeeded", ["onSuccess", "onExit"])


def test_a_timeout_fails_the_run_and_its_handlers_have_time() -> None:
    plan = make_plan([{}, {"depends": (0,)}], HANDLERS, timeout=10)
    simulation = Simulation(plan)
    simulation.settle()
    assert simulation.wake_at == 1010
    simulation.now = 1010
    simulation.settle()
    simulation.end(0, STOPPED)
    simulation.now += 1000
    simulation.finish()
    assert simulation.statuses["s0"] == simulation.statuses["s1"] == "aborted"
    assert simulation.run.steps[1].reason == "run_timed_out"
    assert (simulation.status, called(simulation)) == ("failed", ["onFailure", "onExit"])


def test_a_timeout_ends_retries_that_wait() -> None:
    plan = make_plan([{"retry": Retry(limit=9, interval=100)}], timeout=10)
    simulation = Simulation(plan, lambda node, number: BAD)
    simulation.finish()
    assert (simulation.now, simulation.statuses, simulation.status) == (1010, {"s0": "aborted"}, "failed")


def test_a_failed_initialisation_starts_nothing() -> None:
    simulation = Simulation(make_plan([{}], HANDLERS))
    simulation.tell(RunFailed(simulation.now, "no such secret"))
    assert decide(simulation.plan, simulation.run, 0).actions == (EndRun(RunStatus.FAILED),)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_never_more_steps_at_once_than_slots(slots: int) -> None:
    plan = make_plan([{} for _ in range(7)], max_active_steps=slots)
    simulation = Simulation(plan)
    simulation.finish()
    assert simulation.most_at_once == slots
    assert simulation.starts == [f"s{n}" for n in range(7)]


def test_a_step_that_waits_for_its_retry_holds_no_slot() -> None:
    plan = make_plan([{"retry": Retry(limit=1, interval=50)}, {}], max_active_steps=1)
    simulation = Simulation(plan, lambda node, number: BAD if node.index == 0 and number == 1 else GOOD)
    simulation.settle()
    simulation.end(0)
    simulation.settle()
    assert simulation.running == [(1, 1)]
    simulation.finish()
    assert simulation.status == "succeeded"


def test_delay_is_before_the_first_step_only() -> None:
    simulation = Simulation(chain(2, delay=30))
    simulation.settle()
    assert (simulation.running, simulation.wake_at) == ([], 1030)
    simulation.finish()
    assert [step.started_at for step in simulation.run.steps] == [1030, 1031]


def test_stagger_is_between_all_starts() -> None:
    simulation = Simulation(make_plan([{}, {}, {}], step_stagger=10))
    simulation.finish()
    assert [step.started_at for step in simulation.run.steps] == [1000, 1010, 1020]


def test_a_handler_has_its_retries() -> None:
    plan = make_plan([{}], {HandlerKind.EXIT: {"retry": Retry(limit=2, interval=5)}})
    simulation = Simulation(plan, lambda node, number: BAD if node.handler and number < 3 else GOOD)
    simulation.finish()
    assert (simulation.status, simulation.run.steps[1].attempts) == ("succeeded", 3)


def test_nothing_is_decided_for_a_run_that_is_not_running() -> None:
    plan = chain(1)
    for status in RunStatus:
        run = new_run(plan, RunSummary(REF, status))
        expected = Decision((StartAttempt(0, 1),)) if status is RunStatus.RUNNING else Decision()
        assert decide(plan, run, 0) == expected


def test_the_verdict_of_a_run_in_progress_is_not_a_success() -> None:
    plan = chain(2)
    run = new_run(plan, RunSummary(REF, RunStatus.RUNNING))
    assert verdict(run) is RunStatus.ABORTED
