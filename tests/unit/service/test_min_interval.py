"""`scheduler.minInterval`: what comes closer is not done by itself, and can be started by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagu_core.app.requests import StartRequest
from dagu_core.base.errors import Invalid
from tests.unit.service.lab import lab

LIMIT = {"DAGU_SCHEDULER_MIN_INTERVAL": "30s"}


def test_a_schedule_that_is_too_fast_is_told_once_and_not_done(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, **LIMIT) as one:
            one.write("fast", 'schedule: ["*/10 * * * * *", "0 9 * * *"]')
            one.write("slow", 'schedule: "* * * * *"')
            for seconds in (0, 59, 61, 122):
                await one.pass_at(seconds)
            assert await one.ids("fast") == [] and len(await one.ids("slow")) == 1
            told = "schedule '*/10 * * * * *' comes every 10 s, the settings allow 30 s"
            assert told in (await one.decided("fast"))[0].detail
            assert told in one.app.schedules.obstacle("fast")
            listed = {each.name: each.problem for each in await one.app.schedules.scheduled()}
            assert told in listed["fast"] and listed["slow"] == ""
            with pytest.raises(Invalid, match="every 10 s"):
                await one.app.schedules.preview("fast")
            by_hand = await one.app.runs.enqueue(StartRequest("fast"))
            assert by_hand.ref.dag == "fast"

    asyncio.run(main())
