"""What a retry puts back, and what it leaves."""

from __future__ import annotations

from dagu_core.model.plan.policies import HandlerKind
from dagu_core.model.run.events import (
    RunReset,
    RunStarted,
    StopRequested,
)
from tests.unit.engine.simulation import BAD, GOOD, Simulation, make_plan


def test_a_retry_resets_its_steps_and_the_handlers() -> None:
    plan = make_plan([{}, {"depends": (0,)}], {HandlerKind.EXIT: {}})
    simulation = Simulation(plan, lambda node, number: BAD if node.name == "s1" else GOOD)
    simulation.finish()
    assert simulation.status == "failed"
    simulation.tell(RunStarted(simulation.now, "a2"), RunReset(simulation.now, ("s1",)))
    assert simulation.statuses == {"s0": "succeeded", "s1": "not_started", "onExit": "not_started"}
    simulation.outcome = lambda node, number: GOOD
    simulation.finish()
    assert set(simulation.statuses.values()) == {"succeeded"} and simulation.status == "succeeded"


def test_a_retry_of_chosen_steps_keeps_their_order() -> None:
    plan = make_plan([{}, {"depends": (0,)}, {"depends": (1,)}, {"depends": (2,)}])
    simulation = Simulation(plan, lambda node, number: BAD if node.index == 3 else GOOD)
    simulation.finish()
    simulation.tell(RunStarted(simulation.now, "a2"), RunReset(simulation.now, ("s1", "s2"), only=True))
    simulation.settle()
    assert simulation.running == [(1, 1)], "s2 waits for s1, which is tried again as well"
    simulation.finish()
    assert simulation.statuses["s3"] == "failed" and simulation.status == "failed"


def test_what_was_not_asked_for_stays_when_a_retry_times_out() -> None:
    plan = make_plan([{}, {"depends": (0,)}], timeout=10)
    simulation = Simulation(plan)
    simulation.settle()
    simulation.tell(StopRequested(simulation.now, "user"))
    simulation.finish()
    simulation.tell(RunStarted(simulation.now, "a2"), RunReset(simulation.now, ("s0",), only=True))
    simulation.settle()
    simulation.now += 11
    simulation.finish()
    assert simulation.statuses == {"s0": "aborted", "s1": "not_started"}
    assert simulation.status == "failed"
