"""`backfill create --step`: the beat is held back by what holds back starts."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import Field

import dagu_core
from dagu_core import ClockScope, ScheduleFilter, Verdict
from dagu_core import Config as Model
from dagu_core.app.backfill_slots import BackfillRequest, Instant
from tests.unit.service.lab import lab

DAY = 86_400.0


class ClosedConfig(Model):
    """A day that is free."""

    day: str = Field(description="The date.")
    then: str = Field("skip", description="What happens to its starts.")


class Closed(ScheduleFilter):
    """Closed for a day."""

    name = "closed"
    Config = ClosedConfig

    def verdict(self, config: Model, scope: ClockScope, at: float) -> Verdict:
        assert isinstance(config, ClosedConfig)
        if f"{datetime.fromtimestamp(at, scope.zone):%Y-%m-%d}" != config.day:
            return Verdict()
        return Verdict(config.then, "closed", at + DAY)  # type: ignore[arg-type]


class ClosedPlugin:
    @dagu_core.hookimpl
    def dagu_register_schedule_filters(self) -> list[type[ScheduleFilter]]:
        return [Closed]


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def stepped(
    root: Path, text: str, first: str, last: str, step: float = DAY, *, ignore: bool = False
) -> list[Instant]:
    """What a backfill of a DAG with these lines covers."""

    async def main() -> list[Instant]:
        async with lab(root, plugins=[ClosedPlugin()]) as one:
            one.write("plain", text)
            request = BackfillRequest("plain", at(first), at(last), step=step, ignore_calendar=ignore)
            return (await one.app.backfills.preview(request))[1]

    return asyncio.run(main())


def days(found: list[Instant]) -> list[int]:
    return [int(f"{datetime.fromtimestamp(each.due):%d}") for each in found]


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("description: always", [5, 6, 7, 8]),
        ("closed: {day: 2026-01-06}", [5, 7, 8]),
        ("closed: {day: 2026-01-06, then: shift}", [5, 7, 8]),
        ("startDate: 2026-01-07", [7, 8]),
        ("endDate: 2026-01-06", [5, 6]),
        ("schedule: {exclude: {dates: [2026-01-07]}}", [5, 6, 8]),
        ("schedule: {start: '0 9 * * *', exclude: {dates: [2026-01-07]}}", [5, 6, 8]),
    ],
)
def test_days_that_are_taken_out(tmp_path: Path, text: str, expected: list[int]) -> None:
    found = stepped(tmp_path, text, "2026-01-05T00:00Z", "2026-01-08T23:59Z")
    assert days(found) == expected
    assert [each.end - each.due for each in found] == [DAY] * len(expected)


def test_the_calendar_can_be_ignored(tmp_path: Path) -> None:
    text = "closed: {day: 2026-01-06}"
    assert days(stepped(tmp_path, text, "2026-01-05T00:00Z", "2026-01-07T00:00Z", ignore=True)) == [5, 6, 7]


def test_hours_are_hours_and_days_are_days_of_the_calendar(tmp_path: Path) -> None:
    text = "timezone: Europe/Berlin"
    one, two = "2026-03-01T00:00+01:00", "2026-03-02T12:00+01:00"
    assert len(stepped(tmp_path, text, one, two, 5 * 3600.0)) == 8
    found = stepped(tmp_path, text, "2025-10-25T00:00+02:00", "2025-10-27T23:00+01:00")
    assert [each.end - each.due for each in found] == [DAY, DAY + 3600, DAY]
    assert [each.due for each in found[1:]] == [each.end for each in found[:-1]]
