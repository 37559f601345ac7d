"""How late a start may be made: a property of the lines that name it, and of a setting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dagu_core.app.accepting import cause_of
from dagu_core.base.errors import Invalid
from dagu_core.base.settings import Settings
from tests.unit.service.lab import NOON, Lab, lab

BOTH = 'schedule: ["1 12 * * *", {at: "2026-03-02T12:01:40Z"}]'


def run(root: Path, work: Callable[[Lab], Awaitable[None]], **environ: str) -> None:
    async def main() -> None:
        async with lab(root, **environ) as one:
            await work(one)

    asyncio.run(main())


def passes(root: Path, schedule: str, *seconds: float, **environ: str) -> tuple[list[str], list[str]]:
    """The ids of the runs, and what was decided, after passes so many seconds after noon."""
    found: tuple[list[str], list[str]] = ([], [])

    async def work(one: Lab) -> None:
        one.write("tick", schedule)
        for each in seconds:
            await one.pass_at(each)
        found[0].extend(await one.ids())
        found[1].extend(each.detail for each in await one.decided("tick"))

    run(root, work, **environ)
    return found


@pytest.mark.parametrize("schedule", ['schedule: "1 12 * * *"', BOTH])
def test_a_line_without_seconds_waits_a_minute_whatever_stands_beside_it(
    tmp_path: Path, schedule: str
) -> None:
    assert passes(tmp_path, schedule, 10, 80) == (["sched-20260302T120100Z"], [])


def test_a_single_instant_waits_a_minute(tmp_path: Path) -> None:
    made = passes(tmp_path, f"{BOTH}\noverlapPolicy: allow", 10, 70, 159)
    assert made == (["sched-20260302T120100Z", "sched-20260302T120140Z"], [])


@pytest.mark.parametrize("line", ["30 1 12 * * *", "*/5 1 12 * * *", "@every 30s"])
def test_lines_with_seconds_wait_five_seconds(tmp_path: Path, line: str) -> None:
    ids, told = passes(tmp_path, f'schedule: "{line}"', 10, 140)
    assert len(ids) <= 1 and "missed" in told[0]


def test_every_two_minutes_is_no_line_with_seconds(tmp_path: Path) -> None:
    ids, told = passes(tmp_path, 'schedule: "@every 2m"', 0, 150)
    assert (len(ids), told) == (1, [])


def test_of_one_dag_each_line_waits_as_long_as_it_may(tmp_path: Path) -> None:
    text = 'schedule: ["* * * * *", "30,58 * * * * *"]\ncatchUp: {mode: all, window: 1h}'

    async def work(one: Lab) -> None:
        one.write("tick", text)
        await one.pass_at(1)
        await one.pass_at(122)  # 30 and 58, and 90 of the second line are too late, 118 is not
        runs = await one.runs()
        facts = {(cause_of(each).due or 0) - NOON: cause_of(each).type for each in runs}
        assert facts == {30: "catchup", 58: "catchup", 60: "catchup", 90: "catchup", 118: "schedule"} | {
            120: "schedule"
        }

    run(tmp_path, work)


def test_what_was_missed_between_two_starts_is_told_once(tmp_path: Path) -> None:
    text = 'schedule: ["* * * * *", "30 * * * * *"]'
    ids, told = passes(tmp_path, text, 1, 100, 101)
    assert ids == ["sched-20260302T120100Z"]
    assert told == [
        "2 starts were missed, from 2026-03-02T12:00:30Z to 2026-03-02T12:01:30Z",
    ]


@pytest.mark.parametrize(("line", "late"), [("1 12 * * *", 71), ("0 1 12 * * *", 71)])
def test_the_settings_say_how_late_a_start_may_be(tmp_path: Path, line: str, late: float) -> None:
    strict, patient = {"DAGU_SCHEDULER_MISFIRE_THRESHOLD": "10s"}, {"DAGU_SCHEDULER_MISFIRE_THRESHOLD": "12s"}
    assert passes(tmp_path / "strict", f'schedule: "{line}"', 10, late, **strict)[0] == []
    assert passes(tmp_path / "patient", f'schedule: "{line}"', 10, late, **patient)[0] != []


@pytest.mark.parametrize("wrong", ["0s", "-1s", "soon"])
def test_a_threshold_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid, match="misfireThreshold"):
        Settings.load(environ={"HOME": "/nowhere", "DAGU_SCHEDULER_MISFIRE_THRESHOLD": wrong}).scheduler  # noqa: B018
