"""Properties of all runs: they end, say why, can be folded again, go on after a crash; and no
event costs more than what it touches."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from copy import deepcopy
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagu_core.model.plan.plan import Plan
from dagu_core.model.plan.policies import (
    Condition,
    ContinueOn,
    HandlerKind,
    OnCrash,
    Repeat,
    RepeatMode,
    Retry,
)
from dagu_core.model.run import codec, decide, evolve, index, reasons, verdict
from dagu_core.model.run.events import Outcome, RunFailed, RunReset, RunStarted, StopRequested
from dagu_core.model.run.index import keep_marks, restore
from dagu_core.model.status import StepStatus
from tests.unit.engine.simulation import BAD, GOOD, Simulation, chain, make_plan, picture

FULL = os.environ.get("DAGU_FULL") == "1"
many = settings(max_examples=5000 if FULL else 200, deadline=None)

OUTCOMES = st.sampled_from(
    [
        GOOD,
        GOOD,
        GOOD,
        BAD,
        Outcome(2),
        Outcome(1, output_matched=True),
        Outcome(124, ended="timeout"),
        Outcome(1, ended="error"),
        Outcome(None, ended="lost"),
        Outcome(None, ended="skipped"),
        Outcome(0, status=StepStatus.PARTIALLY_SUCCEEDED),
        Outcome(1, status=StepStatus.REJECTED),
        Outcome(0, repeat_met=True),
        Outcome(0, repeat_met=False),
    ]
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "continue_on": st.builds(
            ContinueOn,
            failed=st.booleans(),
            skipped=st.booleans(),
            exit_codes=st.sampled_from([(), (2,), (124,)]),
            output=st.sampled_from([(), ("x",)]),
            mark_success=st.booleans(),
        ),
        "retry": st.builds(
            Retry,
            limit=st.integers(0, 3),
            interval=st.sampled_from([0.0, 1.0, 30.0]),
            backoff=st.sampled_from([1.0, 2.0]),
            exit_codes=st.sampled_from([(), (2,)]),
        ),
        "repeat": st.builds(
            Repeat,
            mode=st.sampled_from(RepeatMode),
            condition=st.sampled_from([None, Condition("x")]),
            exit_codes=st.sampled_from([(), (1, 2)]),
            limit=st.integers(1, 3),
            interval=st.sampled_from([0.0, 2.0, 30.0]),
        ),
        "on_crash": st.sampled_from(OnCrash),
    },
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps: list[dict[str, Any]] = []
    for n in range(draw(st.integers(0, 8))):
        before = draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else set()
        steps.append({**draw(RULES), "depends": tuple(sorted(before))})
    return make_plan(
        steps,
        {kind: draw(RULES) for kind in draw(st.sets(st.sampled_from(HandlerKind)))},
        max_active_steps=draw(st.sampled_from([0, 1, 2])),
        timeout=draw(st.sampled_from([0.0, 5.0, 40.0])),
        delay=draw(st.sampled_from([0.0, 3.0])),
        step_stagger=draw(st.sampled_from([0.0, 0.0, 2.0])),
        preconditions=draw(st.sampled_from([(), (), (Condition("x"),)])),
    )


class Drawn(Simulation):
    """A simulation whose every choice is drawn; sometimes somebody stops it, or it crashes."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        super().__init__(
            data.draw(plans()),
            lambda node, number: data.draw(OUTCOMES, label=f"{node.name}.{number}"),
            conditions_met=data.draw(st.booleans()),
        )

    def pick(self, count: int) -> int:
        what = self.data.draw(st.sampled_from(["", "", "", "", "", "stop", "force", "fail", "crash", "late"]))
        if what in ("stop", "force"):
            self.tell(StopRequested(self.now, "user", force=what == "force"))
            self.settle()
        elif what == "fail":
            self.tell(RunFailed(self.now, "given up", reasons.RECOVERY_LIMIT))
            self.settle()
        elif what == "crash":
            self.crash()
            self.settle()
        elif what == "late":
            self.now += 10
        return self.data.draw(st.integers(0, count - 1))

    def crash(self) -> None:
        """Go on from the rows a store would hold; the index must come out as it was."""
        keep_marks(self.run)
        rows = {
            node.name: codec.decode_step(codec.encode_step(self.run.steps[node.index]))
            for node in self.plan.nodes
        }
        summary = codec.decode_summary(codec.encode_summary(self.run.summary))
        before = picture(self.run)
        self.run = restore(self.plan, summary, rows)
        after = picture(self.run)
        # Those that are being stopped are told so again: nobody knows whether they heard it.
        del before["to_stop"], after["to_stop"]
        changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
        assert changed == {}


def check_reasons(simulation: Simulation) -> None:
    """Every step is over, or the run says why it never began; every bad end has a known reason."""
    run = simulation.run
    for node in simulation.plan.steps:
        step = run.steps[node.index]
        assert not step.running and step.wake_at is None
        if step.status.is_success:
            continue
        if step.status is StepStatus.NOT_STARTED:
            assert run.cancelled or run.failed, f"{node.name} was forgotten"
        else:
            assert step.status.is_over
            assert step.reason in reasons.SENTENCES, (node.name, step)
    assert not (run.active or run.sleeping or run.to_stop)


@many
@given(st.data())
def test_every_run_ends_and_says_why(data: st.DataObject) -> None:
    simulation = Drawn(data)
    simulation.finish(simulation.pick, limit=2000)
    check_reasons(simulation)


@many
@given(st.data())
def test_folding_the_events_again_gives_the_same_run(data: st.DataObject) -> None:
    simulation = Drawn(data)
    simulation.crash = lambda: None  # type: ignore[method-assign]
    simulation.finish(simulation.pick, limit=2000)
    again = simulation.fold()
    assert picture(again) == picture(simulation.run)
    assert again.steps == simulation.run.steps and again.summary == simulation.run.summary


@many
@given(st.data())
def test_a_retry_of_any_run_ends(data: st.DataObject) -> None:
    simulation = Drawn(data)
    simulation.finish(simulation.pick, limit=2000)
    names = [node.name for node in simulation.plan.steps]
    chosen = tuple(name for name in names if data.draw(st.booleans()))
    reset = RunReset(simulation.now, chosen, only=data.draw(st.booleans()))
    untouched = {
        name: deepcopy(simulation.run.steps[simulation.plan.by_name[name]]) for name in {*names} - {*chosen}
    }
    simulation.tell(RunStarted(simulation.now, "a2"), reset)
    simulation.finish(simulation.pick, limit=2000)
    for name in untouched if reset.only else ():
        assert simulation.run.steps[simulation.plan.by_name[name]] == untouched[name], name


def _lines(work: Callable[[], object]) -> int:
    """How many lines of the pure core run during `work`."""
    files = {module.__file__ for module in (decide, evolve, index, verdict)}
    counted = 0

    def count(frame: FrameType, event: str, _: object) -> Any:
        nonlocal counted
        counted += event == "line"
        return count

    def enter(frame: FrameType, event: str, _: object) -> Any:
        return count if frame.f_code.co_filename in files else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        work()
    finally:
        sys.settrace(before)
    return counted


def _wide(size: int) -> Plan:
    return make_plan([{} for _ in range(size)], max_active_steps=8)


def _failing(size: int) -> Plan:
    return make_plan([{"depends": (0,) if n else ()} for n in range(size)])


def _late(size: int) -> Simulation:
    simulation = Simulation(make_plan([{} for _ in range(size)], timeout=10))
    simulation.settle()
    simulation.now += 11
    return simulation


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(lambda size: Simulation(chain(size)), id="chain"),
        pytest.param(lambda size: Simulation(_wide(size)), id="wide"),
        pytest.param(lambda size: Simulation(_failing(size), lambda node, number: BAD), id="doomed"),
        pytest.param(_late, id="timeout"),
    ],
)
def test_twice_the_steps_cost_twice_the_work(begin: Callable[[int], Simulation]) -> None:
    size = 500
    costs = []
    for steps in (size, 2 * size):
        simulation = begin(steps)
        costs.append(_lines(simulation.finish))
    assert costs[0] > 5 * size, "nothing was counted"
    assert costs[1] < 2.1 * costs[0]


def test_a_chain_of_2000_and_of_4000() -> None:
    short, long = (_lines(Simulation(chain(size)).finish) for size in (2000, 4000))
    assert long < 2.01 * short


def test_an_event_in_the_middle_costs_the_same_in_any_chain() -> None:
    costs = set()
    for size in (100, 3000):
        simulation = Simulation(chain(size))

        def end(index: int, one: Simulation = simulation) -> None:
            one.settle()
            one.end(index)

        for n in range(50):
            end(n)
        costs.add(_lines(lambda: end(50)))
    assert len(costs) == 1
