"""A run without an engine: plans made by hand, actions carried out in no time at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.plan.policies import HandlerKind
from dagu_core.model.run.decide import (
    CheckConditions,
    EndRun,
    Settle,
    StartAttempt,
    StopAttempt,
    TimeOut,
    decide,
)
from dagu_core.model.run.events import (
    AttemptEnded,
    AttemptStarted,
    AttemptStopping,
    ConditionResult,
    ConditionsChecked,
    Event,
    Outcome,
    RunEnded,
    RunStarted,
    RunTimedOut,
    StepSettled,
)
from dagu_core.model.run.evolve import evolve
from dagu_core.model.run.index import new_run
from dagu_core.model.run.run import Run, RunRef, RunSummary

GOOD, BAD = Outcome(), Outcome(exit_code=1, message="exit status 1")
STOPPED = Outcome(exit_code=None, ended="stopped")
REF = RunRef("flow", "1")


def make_plan(
    steps: Sequence[Mapping[str, Any]],
    handlers: Mapping[HandlerKind, Mapping[str, Any]] | None = None,
    **fields: Any,
) -> Plan:
    """A plan of steps `s0`, `s1`, ... with these fields, and these handlers."""
    nodes = [PlannedStep(index=n, **{"name": f"s{n}", **step}) for n, step in enumerate(steps)]
    for kind, rules in (handlers or {}).items():
        nodes.append(PlannedStep(index=len(nodes), name=kind.value, handler=kind, **rules))
    return Plan("flow", tuple(nodes), len(steps), **fields)


def chain(length: int, **fields: Any) -> Plan:
    return make_plan([{"depends": (n - 1,) if n else ()} for n in range(length)], **fields)


class Simulation:
    """Drives a run as the engine does, with a clock of its own and outcomes from a function.

    `events` holds all that happened; `running` the attempts at work, as (node, number).
    """

    def __init__(
        self,
        plan: Plan,
        outcome: Callable[[PlannedStep, int], Outcome] = lambda node, number: GOOD,
        *,
        conditions_met: bool = True,
    ) -> None:
        self.plan, self.outcome, self.conditions_met = plan, outcome, conditions_met
        self.now = 1000.0
        self.run = new_run(plan, RunSummary(REF))
        self.events: list[Event] = []
        self.running: list[tuple[int, int]] = []
        self.stopping: set[int] = set()
        self.wake_at: float | None = None
        self.most_at_once = 0
        self.tell(RunStarted(self.now, "a1"))

    def tell(self, *events: Event) -> None:
        """Apply events, as if they came from outside."""
        for event in events:
            evolve(self.plan, self.run, event)
            self.events.append(event)

    def settle(self) -> None:
        """Carry out what is decided until nothing more is; deciding twice must say the same."""
        while True:
            decision = decide(self.plan, self.run, self.now)
            assert decide(self.plan, self.run, self.now) == decision, "asking again changed the answer"
            self.wake_at = decision.wake_at
            if not decision.actions:
                self.most_at_once = max(self.most_at_once, len(self.running))
                return
            for action in decision.actions:
                self.tell(self._done(action))

    def _done(self, action: Any) -> Event:
        match action:
            case CheckConditions():
                error = "" if self.conditions_met else "condition was not met"
                results = tuple(ConditionResult(c.condition, error=error) for c in self.plan.preconditions)
                return ConditionsChecked(self.now, results)
            case StartAttempt(index=index, number=number):
                assert index not in [each for each, _ in self.running], "started twice"
                self.running.append((index, number))
                return AttemptStarted(self.now, self.plan.nodes[index].name, number)
            case StopAttempt(index=index, why=why):
                self.stopping.add(index)
                return AttemptStopping(self.now, self.plan.nodes[index].name, why)
            case Settle(index=index, status=status, reason=reason, detail=detail):
                return StepSettled(self.now, self.plan.nodes[index].name, status, reason, detail)
            case TimeOut():
                return RunTimedOut(self.now)
            case EndRun(status=status):
                return RunEnded(self.now, status)
        raise AssertionError(action)

    def end(self, index: int, outcome: Outcome | None = None) -> None:
        """The running attempt of a node comes to its end."""
        number = next(number for each, number in self.running if each == index)
        self.running.remove((index, number))
        node = self.plan.nodes[index]
        if index in self.stopping:
            outcome = outcome or STOPPED
            self.stopping.discard(index)
        self.tell(AttemptEnded(self.now, node.name, number, outcome or self.outcome(node, number)))

    def finish(self, pick: Callable[[int], int] = lambda count: 0, *, limit: int = 100_000) -> Run:
        """To the end of the run; `pick` chooses which of so many running attempts ends next."""
        for _ in range(limit):
            self.settle()
            if self.run.is_over:
                return self.run
            if self.running:
                self.now += 1
                self.end(self.running[pick(len(self.running))][0])
            else:
                assert self.wake_at is not None, "the run waits for nothing"
                assert self.wake_at > self.now, "the run wakes for nothing"
                self.now = self.wake_at
        raise AssertionError("the run does not end")

    def fold(self) -> Run:
        """The same events applied to a new run."""
        return folded(self.plan, self.events)

    @property
    def starts(self) -> list[str]:
        """The names of the nodes in the order of their starts."""
        return [event.step for event in self.events if isinstance(event, AttemptStarted)]

    @property
    def statuses(self) -> dict[str, str]:
        return {node.name: self.run.steps[node.index].status.label for node in self.plan.nodes}

    @property
    def status(self) -> str:
        return self.run.summary.status.label


def folded(plan: Plan, events: Iterable[Event]) -> Run:
    run = new_run(plan, RunSummary(REF))
    for event in events:
        evolve(plan, run, event)
    return run


def picture(run: Run) -> dict[str, Any]:
    """Everything about a run that decides what happens next, in a comparable form."""
    names = [name for name in Run.__slots__ if name not in ("plan", "timers", "touched", "last_start")]
    shown = {name: deepcopy(getattr(run, name)) for name in names}
    shown["tally"] = {word: count for word, count in run.tally.items() if count}
    over = {index for index, step in enumerate(run.steps) if step.status.is_over}
    shown["ready"], shown["doomed"] = set(run.ready) - over, {each[0] for each in run.doomed} - over
    # Of a step that is over, doomed or not wanted nobody asks what it waited for.
    asked = set(range(run.plan.step_count) if run.only is None else run.only) - over - shown["doomed"]
    shown["blockers"] = {index: run.blockers[index] for index in asked}
    return shown
