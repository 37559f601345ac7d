"""Which queue and priority a run gets: explicit, then schedule line or trigger, then DAG, then base.yaml."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagu_core import Fire
from dagu_core.app.requests import StartRequest
from dagu_core.model.run.run import QUEUE_OVERRIDDEN, RunSummary
from dagu_core.service.firing import Firing
from dagu_core.service.trigger_crew import TriggerCrew
from tests.unit.service.lab import NOON, Lab, lab
from tests.unit.service.test_trigger_crew import Bell, BellPlugin

BASE = "queue: of_base\n"
ENTRY = "{expression: '* * * * *', queue: of_line, priority: high}"


def stands(run: RunSummary) -> tuple[str, int, bool]:
    return run.queue, run.priority, QUEUE_OVERRIDDEN in run.extra


async def due_at_noon(one: Lab, text: str) -> RunSummary:
    one.write("d", text)
    await one.pass_at(-30)
    await one.pass_at(0)
    (run,) = await one.runs()
    return run


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        (f"queue: of_dag\nschedule: [{ENTRY}]", BASE, ("of_line", 7, True)),
        ("queue: of_dag\nschedule: '* * * * *'", BASE, ("of_dag", 5, False)),
        ("schedule: '* * * * *'", BASE, ("of_base", 5, False)),
        ("schedule: '* * * * *'", "", ("d", 5, False)),
        (f"disableQueue: true\nschedule: [{ENTRY}]", BASE, ("of_line", 7, True)),
        (f"schedule: {{start: {ENTRY.replace('queue: of_line, ', '')}}}", BASE, ("of_base", 7, False)),
    ],
)
def test_the_line_of_a_schedule(
    tmp_path: Path, text: str, base: str, expected: tuple[str, int, bool]
) -> None:
    async def main() -> None:
        async with lab(tmp_path) as one:
            if base:
                (tmp_path / "base.yaml").write_text(base)
            assert stands(await due_at_noon(one, text)) == expected

    asyncio.run(main())


@pytest.mark.parametrize(("more", "expected"), [("", ("of_dag", 3)), (", priority: 9", ("of_dag", 9))])
def test_a_run_that_is_caught_up_is_low_unless_the_line_says_otherwise(
    tmp_path: Path, more: str, expected: tuple[str, int]
) -> None:
    async def main() -> None:
        async with lab(tmp_path) as one:
            line = f"{{expression: '0 * * * *'{more}}}"
            one.write("d", f"queue: of_dag\ncatchupWindow: 6h\nschedule: [{line}]")
            await one.pass_at(60)
            await one.pass_at(3900)
            (run,) = await one.runs()
            assert (run.queue, run.priority) == expected

    asyncio.run(main())


@pytest.mark.parametrize(
    ("more", "expected"),
    [("", ("of_dag", 5, False)), (", queue: of_trigger, priority: low", ("of_trigger", 3, True))],
)
def test_a_trigger(tmp_path: Path, more: str, expected: tuple[str, int, bool]) -> None:
    async def sure() -> None:
        """The one that leads."""

    async def main() -> None:
        async with lab(tmp_path, plugins=[BellPlugin()]) as one:
            Bell.rung, Bell.begun = asyncio.Queue(), []
            one.write("d", f"queue: of_dag\ntriggers: [{{type: bell, bell: big{more}}}]")
            reign = await one.pass_at(0)
            plans = list(reign.definitions.plans.values())
            came = asyncio.Event()
            firing = Firing(one.app, lambda: plans, sure, lambda arrival: None)
            crew = TriggerCrew(one.app, firing, lambda arrival: came.set())
            await crew.update(plans)
            Bell.rung.put_nowait(Fire(NOON, "a"))
            async with asyncio.timeout(5):
                await came.wait()
            await crew.close()
            (run,) = await one.runs()
            assert stands(run) == expected

    asyncio.run(main())


def test_who_asks_by_hand_is_heard_first(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path) as one:
            first = await due_at_noon(one, f"queue: of_dag\nschedule: [{ENTRY}]")
            again = StartRequest("d", from_run_id=first.ref.run_id)
            asked = StartRequest("d", from_run_id=first.ref.run_id, queue="mine", priority=0)
            found = [stands(await one.app.runs.enqueue(each)) for each in (again, asked)]
            assert [each[:2] for each in found] == [("of_line", 7), ("mine", 0)]
            assert stands(await one.app.runs.enqueue(StartRequest("d", queue="mine")))[:2] == ("mine", 5)

    asyncio.run(main())
