"""What is wrong with files that were there before the scheduler: told soon, not once they are due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dagu_core.service.definitions import Definitions
from dagu_core.service.scheduler import Scheduler, candidate
from tests.unit.service.lab import Lab, lab

BROKEN = "steps: [{name: a, command: b, dependz: c}]"
DAILY = "schedule: '0 1 * * *'"


def run(root: Path, work: Callable[[Lab], Awaitable[None]]) -> None:
    async def main() -> None:
        async with lab(root) as one:
            await work(one)

    asyncio.run(main())


def checked(found: Definitions) -> None:
    while found.has_unchecked:
        found.check_some(0.001)


def test_it_is_told_once_with_the_name_of_the_dag_and_the_schedule_stays(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        found = Definitions(one.app, lambda dag, text: one.said.append(f"{dag}: {text}"))
        path = one.write("a", f"name: alpha\n{DAILY}", BROKEN)
        one.write("b", DAILY)
        one.write("c", "description: never by itself", BROKEN)
        assert found.refresh().changed == {"alpha", "b"} and one.said == []
        checked(found)
        found.refresh()
        checked(found)
        assert len(one.said) == 1 and one.said[0].startswith("alpha: ") and "dependz" in one.said[0]
        assert list(found.problems) == ["a.yaml"] and set(found.plans) == {"alpha", "b"}
        path.write_text(f"name: alpha\n{DAILY}\nsteps: []\n")
        assert found.refresh([path]).changed == {"alpha"} and found.problems == {}

    run(tmp_path, work)


def test_a_change_of_the_base_has_them_checked_anew(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        found = Definitions(one.app, lambda dag, text: one.said.append(f"{dag}: {text}"))
        one.write("a", DAILY)
        found.refresh()
        checked(found)
        assert one.said == [] and not found.has_unchecked
        found.base.write_text("handlerOn: {exit: {command: b, dependz: c}}\n")
        found.refresh([found.base])
        checked(found)
        assert len(one.said) == 1 and "dependz" in one.said[0]

    run(tmp_path, work)


def test_files_that_go_meanwhile_are_no_mistake(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        found = Definitions(one.app, lambda dag, text: one.said.append(text))
        path = one.write("a", DAILY)
        found.refresh()
        path.unlink()
        found.refresh([path])
        checked(found)
        assert one.said == [] and found.problems == {}

    run(tmp_path, work)


def test_a_single_pass_tells_it(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        for name in "abc":
            one.write(name, DAILY, BROKEN)
        await one.pass_at(0)
        assert len(one.said) == 3
        (told,) = await one.decided("b")
        assert (told.kind, told.reason) == ("refused", "definition") and "dependz" in told.detail

    run(tmp_path, work)


def test_one_that_leads_tells_it_in_the_log_on_the_health_page_and_in_why(tmp_path: Path) -> None:
    async def told(one: Lab, scheduler: Scheduler) -> None:
        while not await one.decided("a"):
            await asyncio.sleep(0.02)
        assert any("dependz" in each for each in one.said)
        assert list(scheduler.health()["problems"]) == ["a.yaml"]

    async def work(one: Lab) -> None:
        one.write("a", DAILY, BROKEN)
        async with candidate(one.app, one.said.append) as scheduler:
            stop = asyncio.Event()
            serving = asyncio.create_task(scheduler.serve(stop))
            async with asyncio.timeout(20):
                await told(one, scheduler)
                stop.set()
                await serving

    run(tmp_path, work)


@pytest.mark.parametrize("text", [DAILY, "schedule: nonsense"])
def test_files_that_were_just_written_are_checked_at_once(tmp_path: Path, text: str) -> None:
    async def work(one: Lab) -> None:
        found = Definitions(one.app, lambda dag, text: one.said.append(text))
        path = one.write("a", text, BROKEN)
        found.refresh([path])
        assert len(one.said) == 1 and not found.has_unchecked

    run(tmp_path, work)
