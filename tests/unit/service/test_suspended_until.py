"""A suspension with an end: nothing is started before it, and everything after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.unit.service.lab import NOON, lab


def test_it_ends_by_itself(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path) as one:
            one.write("tick", 'schedule: "* * * * *"')
            await one.pass_at(0)
            assert one.app.schedules.suspend("tick", until=NOON + 90)
            assert not one.app.schedules.suspend("tick")
            await one.pass_at(61)
            assert await one.ids() == []
            await one.pass_at(121)
            assert await one.ids() == ["sched-20260302T120200Z"]
            assert not one.app.schedules.resume("tick")
            assert one.app.schedules.suspend("tick") and one.app.schedules.resume("tick")

    asyncio.run(main())


def test_its_time_is_caught_up_where_the_file_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path) as one:
            one.write("tick", 'schedule: "* * * * *"\ncatchUp: {mode: all, window: 1h, onUnsuspend: true}')
            await one.pass_at(0)
            one.app.schedules.suspend("tick", until=NOON + 90)
            await one.pass_at(61)
            assert await one.ids() == []
            await one.pass_at(91)
            assert await one.ids() == ["sched-20260302T120100Z"]

    asyncio.run(main())
