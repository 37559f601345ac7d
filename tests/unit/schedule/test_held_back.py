"""Exclusions and calendars: what is skipped, deferred, moved, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dagu_core import ClockScope, Config, Tick
from dagu_core.model.plan.schedule import Exclusion
from dagu_core.schedule.exclusions import Exclusions
from dagu_core.schedule.lanes import Clockwork
from tests.unit.schedule.toys import BERLIN, Times, TimesConfig, beat, daily, instant, local, planner, shown

NIGHTS = Exclusion("22:00-06:00 SAT, SUN", between=(22 * 3600, 6 * 3600), days=frozenset({5, 6}))
CHRISTMAS = Exclusion("2026-12-24..2026-12-26", dates=(("2026-12-24", "2026-12-26"),))


def test_a_window_belongs_to_the_day_it_starts_on() -> None:
    plan = planner(daily("05:59", "06:00", "21:59", "22:00"), exclusions=(NIGHTS,))
    # 2026-06-05 is a Friday
    found = shown(plan, "2026-06-05 21:00", "2026-06-08 07:00")
    assert found == [
        "start 06-05 21:59",
        "start 06-05 22:00",
        "start 06-06 05:59",
        "start 06-06 06:00",
        "start 06-06 21:59",
        "[start 06-06 22:00]",
        "[start 06-07 05:59]",
        "start 06-07 06:00",
        "start 06-07 21:59",
        "[start 06-07 22:00]",
        "[start 06-08 05:59]",
        "start 06-08 06:00",
    ]


def test_a_skip_tells_its_reason() -> None:
    slot = planner(daily("23:00"), exclusions=(NIGHTS,)).next(instant("2026-06-06 12:00"))
    assert slot is not None and slot.skipped == "excluded: 22:00-06:00 SAT, SUN"


def test_deferred_starts_are_one_at_the_end_of_the_window() -> None:
    plan = planner(beat(600), exclusions=(NIGHTS,), on_excluded="defer")
    found = shown(plan, "2026-06-06 21:45", "2026-06-07 06:15")
    assert found == ["start 06-06 21:50", "start 06-07 06:00", "start 06-07 06:10"]


@pytest.mark.parametrize("after", ["2026-06-06 21:00", "2026-06-06 22:30", "2026-06-07 05:00"])
def test_a_deferred_start_is_met_from_within_the_window(after: str) -> None:
    plan = planner(daily("22:10"), exclusions=(NIGHTS,), on_excluded="defer")
    slot = plan.next(instant(after))
    assert slot is not None
    assert (local(slot.due), slot.skipped) == ("06-07 06:00", "")
    assert slot.note == "deferred: excluded: 22:00-06:00 SAT, SUN (2026-06-06 22:10:00)"


def test_windows_that_touch_are_one() -> None:
    morning = Exclusion("06:00-08:00", between=(6 * 3600, 8 * 3600))
    plan = planner(daily("23:00"), exclusions=(NIGHTS, morning), on_excluded="defer")
    assert shown(plan, "2026-06-07 07:00", "2026-06-07 12:00") == ["start 06-07 08:00"]


def test_what_is_excluded_for_ever_is_skipped_and_not_waited_for() -> None:
    always = Exclusion("00:00-00:00", between=(0, 0))
    plan = planner(daily("09:00"), exclusions=(always,), on_excluded="defer")
    assert shown(plan, "2026-06-01 00:00", "2026-06-02 00:00") == ["[start 06-01 09:00]"]


def test_dates_are_excluded_with_both_ends() -> None:
    plan = planner(daily("00:00", "23:59"), exclusions=(CHRISTMAS,))
    assert shown(plan, "2026-12-23 23:00", "2026-12-27 01:00") == [
        "start 12-23 23:59",
        "[start 12-24 00:00]",
        "[start 12-24 23:59]",
        "[start 12-25 00:00]",
        "[start 12-25 23:59]",
        "[start 12-26 00:00]",
        "[start 12-26 23:59]",
        "start 12-27 00:00",
    ]


def test_the_minutes_a_trigger_names_are_excluded() -> None:
    noon = Exclusion("daily 12:00", kind="times", config={"times": ["12:00"]})
    plan = planner(beat(30), exclusions=(noon,))
    assert shown(plan, "2026-06-01 11:59", "2026-06-01 12:01") == [
        "start 06-01 11:59",
        "[start 06-01 12:00]",
        "[start 06-01 12:00]",
        "start 06-01 12:01",
    ]


def test_a_window_in_the_hour_that_comes_twice_holds_for_both() -> None:
    window = Exclusion("02:00-02:30", between=(2 * 3600, 2 * 3600 + 1800))
    plan = planner(beat(900), exclusions=(window,))
    slots = list(plan.slots(instant("2026-10-25 01:50"), instant("2026-10-25 03:00")))
    assert [bool(slot.skipped) for slot in slots] == [True, True, False, False] * 2 + [False]


def test_stops_are_never_held_back_and_restarts_by_exclusions_only() -> None:
    stop, restart = daily("23:00", action="stop"), daily("23:00", action="restart")
    everything: dict[str, Any] = {"closed": {"dates": ["2026-06-06"]}}
    assert shown(planner(stop, restart, **everything), "2026-06-06 22:00", "2026-06-07 00:00") == [
        "stop 06-06 23:00",
        "restart 06-06 23:00",
    ]
    plan = planner(stop, restart, exclusions=(NIGHTS,), **everything)
    assert shown(plan, "2026-06-06 22:00", "2026-06-07 00:00") == [
        "stop 06-06 23:00",
        "[restart 06-06 23:00]",
    ]


HOLIDAYS = ["2026-12-25", "2026-12-26", "2026-12-27"]


def test_a_calendar_skips_with_its_reason() -> None:
    plan = planner(daily("01:00"), closed={"dates": HOLIDAYS})
    slots = list(plan.slots(instant("2026-12-24 00:00"), instant("2026-12-29 00:00")))
    assert [slot.skipped for slot in slots] == [
        "",
        "closed on 2026-12-25",
        "closed on 2026-12-26",
        "closed on 2026-12-27",
        "",
    ]


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ("next", ["start 12-24 01:00", "start 12-28 01:00"]),
        ("previous", ["start 12-24 01:00", "start 12-28 01:00"]),
    ],
)
def test_shifted_starts_merge_with_those_that_are_there(then: str, expected: list[str]) -> None:
    plan = planner(daily("01:00"), closed={"dates": HOLIDAYS, "then": then})
    assert shown(plan, "2026-12-24 00:00", "2026-12-29 00:00") == expected


def test_a_start_shifted_to_the_day_before_is_known_in_time() -> None:
    day = "2026-06-05"
    once = planner(daily("12:00"), closed={"dates": [day], "then": "previous"}, start_date=day, end_date=day)
    slot = once.next(instant("2026-06-01 00:00"))
    assert slot is not None and local(slot.due) == "06-04 12:00"
    assert slot.note == "shifted: closed on 2026-06-05 (2026-06-05 12:00:00)"


@pytest.mark.parametrize("after", ["2026-12-24 02:00", "2026-12-26 12:00", "2026-12-28 00:59"])
def test_a_start_shifted_onwards_is_met_from_within_the_holidays(after: str) -> None:
    plan = planner(daily("01:00"), closed={"dates": HOLIDAYS, "then": "next"}, start_date="2026-12-25")
    slot = plan.next(instant(after))
    assert slot is not None and local(slot.due) == "12-28 01:00"
    assert "closed on 2026-12-25" in slot.note


def test_a_shift_onto_an_excluded_instant_is_skipped_with_both_reasons() -> None:
    monday = Exclusion("2026-12-28", dates=(("2026-12-28", "2026-12-28"),))
    closed = {"dates": HOLIDAYS, "then": "next"}
    plan = planner(daily("01:00"), closed=closed, exclusions=(monday,), start_date="2026-12-27")
    slot = plan.next(instant("2026-12-20 00:00"))
    assert slot is not None and local(slot.due) == "12-27 01:00"
    assert slot.skipped == "shifted: closed on 2026-12-27 (2026-12-27 01:00:00); excluded: 2026-12-28"


def test_a_shift_beyond_the_validity_is_skipped() -> None:
    closed = {"dates": HOLIDAYS, "then": "next"}
    plan = planner(daily("01:00"), closed=closed, start_date="2026-12-27", end_date="2026-12-27")
    slots = list(plan.slots(instant("2026-12-20 00:00"), instant("2027-01-01 00:00")))
    assert [(local(slot.due), slot.skipped) for slot in slots] == [("12-27 01:00", "moved beyond endDate")]


def test_a_calendar_that_cannot_judge_lets_nothing_pass() -> None:
    wrong: list[dict[str, Any]] = [{"dates": [], "broken": True}, {"dtes": []}]
    for closed in wrong:
        slot = planner(daily("09:00"), closed=closed).next(instant("2026-06-01 00:00"))
        assert slot is not None and slot.skipped.startswith("closed: ")


def test_a_restart_on_a_closed_day_does_not_cut_off_what_is_shifted_over_it() -> None:
    closed = {"dates": ["2026-06-03", "2026-06-04", "2026-06-05"], "then": "previous"}
    restart = daily("12:00", action="restart")
    plan = planner(daily("11:00", "13:00"), restart, daily("14:00", jitter=7200.0), closed=closed)
    found = list(plan.slots(instant("2026-06-01 00:00"), instant("2026-06-08 00:00")))
    assert [slot.at for slot in found] == sorted(slot.at for slot in found)
    assert len({(slot.due, slot.action) for slot in found}) == len(found)


class Counted(Times):
    """Tells from where it was walked along."""

    def __init__(self) -> None:
        self.walks: list[float] = []

    def ticks(self, config: Config, scope: ClockScope, after: float) -> Iterator[Tick]:
        self.walks.append(after)
        return super().ticks(config, scope, after)


def exclusions(clock: Counted) -> Exclusions:
    """Some of each sort."""
    work = Clockwork(clock, TimesConfig(times=["02:30", "12:00", "12:01"], dark=[]), ClockScope(BERLIN))
    return Exclusions((NIGHTS, CHRISTMAS, Exclusion("at times", kind="times")), BERLIN, lambda _: work)


@pytest.mark.parametrize("day", ["2026-03-27", "2026-10-23", "2026-12-23"])
def test_what_is_remembered_is_what_is_there(day: str) -> None:
    """Over both changes of the clock, and over dates."""
    clock = Counted()
    asked, begin = exclusions(clock), instant(f"{day} 00:00")
    instants = [begin + 97 * number for number in range(4000)]
    answers = [asked.window_at(at) for at in instants]
    assert len(clock.walks) <= 2
    assert answers == [exclusions(Counted()).window_at(at) for at in instants]
    assert answers[::-1] == [asked.window_at(at) for at in reversed(instants)]
    assert len(set(map(str, answers))) > 4
