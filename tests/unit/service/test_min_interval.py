"""`scheduler.minInterval`: a line that comes closer is not done by itself; all others are."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagu_core.app.backfill_slots import BackfillRequest
from dagu_core.app.requests import StartRequest
from dagu_core.base.errors import UsageError
from tests.unit.service.lab import NOON, lab

LIMIT = {"DAGU_SCHEDULER_MIN_INTERVAL": "30s"}
TOLD = "schedule '*/10 * * * * *' comes every 10 s, the settings allow 30 s: nothing is done by it"
FAST = 'schedule: ["*/10 * * * * *"]'


def test_a_line_that_is_too_fast_is_told_once_and_not_done(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, **LIMIT) as one:
            one.write("fast", 'schedule: ["*/10 * * * * *", "*/2 * * * *"]\ncatchupWindow: 1h')
            one.write("slow", 'schedule: "* * * * *"')
            for seconds in (0, 59, 61, 122):
                await one.pass_at(seconds)
            assert await one.ids("fast") == ["sched-20260302T120200Z"] and len(await one.ids("slow")) == 1
            (decided,) = {(each.kind, each.reason, each.detail) for each in await one.decided("fast")}
            assert decided == ("refused", "schedule", f"{TOLD}; see scheduler.minInterval")
            assert [text for text in one.said if TOLD in text]
            by_hand = await one.app.runs.enqueue(StartRequest("fast"))
            assert by_hand.ref.dag == "fast"

    asyncio.run(main())


def test_whoever_asks_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, **LIMIT) as one:
            one.write("fast", FAST)
            one.write("mixed", 'schedule: ["*/10 * * * * *", "0 9 * * *"]')
            one.write("slow", 'schedule: "* * * * *"')
            schedules = one.app.schedules
            listed = {each.name: each for each in await schedules.scheduled()}
            for name, slots in (("fast", 0), ("mixed", 1)):
                assert TOLD in schedules.obstacle(name) and TOLD in listed[name].problem
                assert [status for status, *_ in schedules.standing(name)] == ["broken"]
                assert (listed[name].next is not None) is bool(slots)
                preview = await schedules.preview(name, until=NOON + 86_400)
                assert len(preview.slots) == slots and TOLD in preview.left_out[0]
            assert (
                listed["slow"].problem
                == schedules.obstacle("slow")
                == ""
                == "".join((await schedules.preview("slow")).left_out)
            )
            with pytest.raises(UsageError, match="comes every 10 s"):
                await one.app.backfills.preview(BackfillRequest("fast", NOON - 3600, NOON))

    asyncio.run(main())
