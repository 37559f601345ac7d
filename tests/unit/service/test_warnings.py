"""Starts that are made although a filter has its doubts: the doubt is kept, counted by the day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

import dagu_core
from dagu_core import ClockScope, ScheduleFilter, Verdict
from dagu_core import Config as Model
from dagu_core.app.backfill_slots import BackfillRequest
from dagu_core.service.backfills import BackfillLoop
from tests.unit.service.lab import NOON, Lab, lab

DOUBT = "nobody knows what day it is"
MINUTELY = 'schedule: "* * * * *"\ndoubt: {kind: allow}\n'


class DoubtConfig(Model):
    """What it says to all instants."""

    kind: str = Field(description="The verdict.")


class Doubt(ScheduleFilter):
    """Knows nothing, and says so."""

    name = "doubt"
    Config = DoubtConfig

    def shifts(self, config: Model) -> bool:
        return isinstance(config, DoubtConfig) and config.kind == "shift"

    def verdict(self, config: Model, scope: ClockScope, at: float) -> Verdict:
        assert isinstance(config, DoubtConfig)
        if config.kind == "shift":
            return Verdict("shift", "later", at + 60, DOUBT)
        return Verdict("skip" if config.kind == "skip" else "allow", warning=DOUBT)


class DoubtPlugin:
    @dagu_core.hookimpl
    def dagu_register_schedule_filters(self) -> list[type[ScheduleFilter]]:
        return [Doubt]


def run(root: Path, work: Callable[[Lab], Awaitable[None]]) -> None:
    async def main() -> None:
        async with lab(root, plugins=[DoubtPlugin()]) as one:
            await work(one)

    asyncio.run(main())


async def warned(one: Lab) -> list[tuple[str, int]]:
    return [(each.detail, each.count) for each in await one.decided("tick") if each.kind == "warned"]


def test_starts_are_made_and_their_warnings_counted(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "overlapPolicy: queue")
        await one.pass_at(30)
        for minute in (1, 2):
            reign = await one.pass_at(60 * minute)
            arrival, decision = reign.outcomes
            assert arrival.outcome in ("queued", "held")  # type: ignore[union-attr]
            assert (decision.kind, decision.detail) == ("warned", DOUBT)  # type: ignore[union-attr]
        assert await warned(one) == [(DOUBT, 2)]
        one.clock.at = NOON - 60
        assert (await one.pass_at(60)).outcomes == []  # what was made is not warned of again
        assert await warned(one) == [(DOUBT, 2)]

    run(tmp_path, work)


@pytest.mark.parametrize(("kind", "told"), [("skip", "skipped"), ("shift", "warned")])
def test_what_is_moved_warns_and_what_is_not_started_does_not(tmp_path: Path, kind: str, told: str) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", f"schedule: '0 12 * * *'\ndoubt: {{kind: {kind}}}\n")
        await one.pass_at(-30)
        await one.pass_at(0 if kind == "skip" else 60)
        assert {each.kind for each in await one.decided("tick")} == {told}

    run(tmp_path, work)


def test_a_start_that_meets_a_run_and_is_skipped_warns_of_nothing(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY)
        await one.pass_at(30)
        await one.pass_at(60)
        await one.pass_at(120)
        assert [each.kind for each in await one.decided("tick")] == ["warned", "skipped"]
        assert await warned(one) == [(DOUBT, 1)]

    run(tmp_path, work)


def test_so_do_those_that_are_caught_up(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY + "catchupWindow: 6h")
        await one.pass_at(30)
        await one.pass_at(4 * 60 + 30)
        assert len(await one.ids()) == 4 and await warned(one) == [(DOUBT, 4)]

    run(tmp_path, work)


def test_and_those_of_a_backfill(tmp_path: Path) -> None:
    async def sure() -> None:
        """The one that leads."""

    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY)
        made = await one.app.backfills.create(BackfillRequest("tick", NOON - 120, NOON, max_active=9))
        while (await one.app.backfills.get(made.id)).settled < 3:
            await BackfillLoop(one.app, sure).step()
        assert await warned(one) == [(f"backfill {made.id}: {DOUBT}", 3)]

    run(tmp_path, work)


def test_the_preview_notes_it(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        one.write("tick", MINUTELY)
        found: Any = await one.app.schedules.preview("tick", after=NOON, count=1)
        assert [(each.note, each.warning, each.skipped) for each in found.slots] == [(DOUBT, DOUBT, "")]

    run(tmp_path, work)
