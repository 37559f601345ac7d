"""A suspension with an end: nothing is started before it, and everything after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

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


def test_who_asks_is_told_until_when(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path) as one:
            one.write("tick", 'schedule: "* * * * *"\ntimezone: Europe/Berlin')
            one.write("free", "")
            for dag in ("tick", "free"):
                one.app.schedules.suspend(dag, "loud", "alice", NOON + 90)
            told = "suspended by alice until 2026-03-02T13:01:30+01:00 (loud)"
            assert one.app.schedules.standing("tick") == [("suspended", "suspended", told)]
            assert one.app.schedules.standing("free") == [], "there is nothing to suspend"
            one.clock.at = NOON + 90
            assert one.app.schedules.standing("tick") == []

    asyncio.run(main())


@pytest.mark.parametrize("until", ["1e300", "Infinity", "true", '"soon"', "null", "NaN"])
def test_an_end_nobody_can_read_is_none(tmp_path: Path, until: str) -> None:
    async def main() -> None:
        async with lab(tmp_path) as one:
            path = one.write("tick", 'schedule: "* * * * *"')
            one.app.schedules.suspend("tick")
            (flag,) = one.app.settings.paths.suspend.iterdir()
            flag.write_text(f'{{"by": "alice", "until": {until}}}')
            suspension = one.app.schedules.suspension(str(path))
            assert suspension is not None and suspension.sentence() == "suspended by alice"

    asyncio.run(main())
