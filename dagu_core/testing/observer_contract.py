"""`ObserverContract`: inherit it, say what your observer has seen, and it is proven."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import ClassVar, get_args

from dagu_core.contracts.observer import Observer
from dagu_core.contracts.part import Part
from dagu_core.model.run import events
from dagu_core.model.run.events import ChildRef, ConditionResult, Event, Outcome
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus, StepStatus
from dagu_core.testing.harness import offering, run_step
from dagu_core.testing.part_suite import PartSuite

REF = RunRef("observed", "r")
#: one event of every kind there is
EVERY_EVENT: tuple[Event, ...] = (
    events.RunStarted(1.0, "a1", (("NAME", "value"),), "run.log"),
    events.RunReset(2.0, ("step",), reason="retry"),
    events.RunRecovered(3.0, "e1", 1),
    events.ConditionsChecked(4.0, (ConditionResult("true"),)),
    events.AttemptStarted(5.0, "step", 1, "out", "err"),
    events.AttemptStopping(6.0, "step", "stop"),
    events.AttemptEnded(7.0, "step", 1, Outcome(exit_code=3, message="it failed")),
    events.ChildStarted(8.0, "step", ChildRef("child", "c1")),
    events.StepSettled(9.0, "step", StepStatus.SKIPPED, "condition"),
    events.StopRequested(10.0, "me"),
    events.RunTimedOut(11.0),
    events.RunFailed(12.0, "it broke"),
    events.Noted(13.0, "code", "ünïcödé", "step"),
    events.RunEnded(14.0, RunStatus.FAILED),
)
assert {type(each) for each in EVERY_EVENT} == set(get_args(Event))


class ObserverContract(PartSuite):
    """What every observer must keep."""

    observer: ClassVar[type[Observer]]
    #: OS environment of the engine
    environ: ClassVar[Mapping[str, str]] = {}

    @property
    def part(self) -> type[Part]:
        return self.observer

    def seen(self) -> Sequence[str] | None:
        """The names of the events that have come through so far (`RunStarted`), in order; those it
        does not care for may be missing."""
        raise NotImplementedError

    def test_a_run_is_observed_in_order(self) -> None:
        before = len(self.seen() or ())
        told: list[str] = []
        result = run_step(
            {"command": "true"},
            plugins=[offering(self.observer, _listener(told))],
            environ=self.environ,
        )
        news = list(self.seen() or ())[before:]
        assert news, "nothing of the run came through"
        rest = iter(told)
        assert all(name in rest for name in news), f"{news} is not in the order of {told}"
        assert (result.status, result.left) == ("succeeded", ())

    def test_it_takes_every_kind_of_event(self) -> None:
        async def work(observer: Observer) -> None:
            for event in EVERY_EVENT:
                await observer.observe(REF, event)

        self._opened(work)

    def test_it_may_be_closed_without_an_event(self) -> None:
        async def work(observer: Observer) -> None:
            pass

        self._opened(work)

    def _opened(self, work: object) -> None:
        assert callable(work)
        before = set(threading.enumerate())

        async def main() -> None:
            observer = self.observer()
            await observer.open()
            await work(observer)
            async with asyncio.timeout(30):
                await observer.close()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks are left: {left}"

        asyncio.run(main())
        left = [each.name for each in threading.enumerate() if each not in before and not each.daemon]
        assert left == [], "threads are left"


def _listener(told: list[str]) -> type[Observer]:
    async def observe(self: Observer, ref: RunRef, event: Event) -> None:
        told.append(type(event).__name__)

    space = {"name": "contract_witness", "observe": observe, "__doc__": "Knows what was told."}
    return type("Witness", (Observer,), space)
