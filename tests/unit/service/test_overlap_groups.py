"""`overlap.group`: DAGs that never start by themselves belong to it as well."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagu_core.app.accepting import is_held
from dagu_core.app.requests import StartRequest
from dagu_core.base.errors import AlreadyRunning
from tests.unit.service.lab import lab

GROUP = "overlap: {policy: queue, group: deploy, includeManual: true}"
EVERY = 'schedule: "* * * * *"\n'


def test_a_start_by_schedule_meets_a_run_of_a_dag_without_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path) as one:
            one.write("east", EVERY + GROUP)
            one.write("west", GROUP)
            one.write("alone", EVERY)
            reign = await one.pass_at(30)
            assert sorted(reign.definitions.plans) == ["alone", "east"]
            assert {plan.name for plan in reign.definitions.counted} == {"alone", "east", "west"}
            by_hand = await one.app.runs.enqueue(StartRequest("west", run_id="r1"))
            await one.pass_at(60)
            (east,) = await one.runs("east")
            assert is_held(east) and not is_held(by_hand)
            await one.end("r1")
            assert await one.let_go() == [east.ref.run_id]

    asyncio.run(main())


@pytest.mark.parametrize("base", [False, True])
def test_starts_by_hand_of_two_dags_take_turns(tmp_path: Path, base: bool) -> None:
    async def main() -> None:
        async with lab(tmp_path) as one:
            for name in ("east", "west"):
                one.write(name, "" if base else GROUP)
            one.write("broken", "overlap: [")
            if base:
                one.app.settings.paths.base_config.write_text(GROUP)
            await one.app.runs.enqueue(StartRequest("east", run_id="r1"))
            second = await one.app.runs.enqueue(StartRequest("west", run_id="r2"))
            assert is_held(second)
            with pytest.raises(AlreadyRunning, match="run east:r1 is active"):
                await one.app.runs.start(StartRequest("west", run_id="r3"))

    asyncio.run(main())
