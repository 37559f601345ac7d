"""What a schedule makes of its entries: one slot an instant, in order, with the reason of each skip."""

from __future__ import annotations

import math
from itertools import islice

import pytest
from msgspec.structs import replace

from dagu_core import Invalid, NotFound, PluginError
from dagu_core.model.plan.schedule import NO_SCHEDULE, Schedule, ScheduleEntry
from dagu_core.schedule.planner import Planner
from tests.unit.schedule.toys import CATALOG, beat, daily, instant, local, planner, shown


def test_the_first_bound_is_out_and_the_last_one_in() -> None:
    plan = planner(daily("09:00"))
    assert shown(plan, "2026-06-01 09:00", "2026-06-03 09:00") == ["start 06-02 09:00", "start 06-03 09:00"]


def test_entries_are_merged_in_order() -> None:
    plan = planner(daily("09:00"), daily("08:00", action="stop"), daily("10:00", action="restart"))
    assert shown(plan, "2026-06-01 00:00", "2026-06-02 08:30") == [
        "stop 06-01 08:00",
        "start 06-01 09:00",
        "restart 06-01 10:00",
        "stop 06-02 08:00",
    ]


def test_T07_two_entries_for_one_instant_are_one_start() -> None:
    first, second = daily("09:00", "12:00", queue="a"), daily("09:00", queue="b")
    slots = list(planner(first, second).slots(instant("2026-06-01 00:00"), instant("2026-06-02 00:00")))
    assert [(local(slot.due), slot.entries) for slot in slots] == [
        ("06-01 09:00", (first, second)),
        ("06-01 12:00", (first,)),
    ]


def test_a_stop_comes_before_a_start_of_the_same_instant() -> None:
    entries = [daily("09:00"), daily("09:00", action="restart"), daily("09:00", action="stop")]
    assert shown(planner(*entries), "2026-06-01 00:00", "2026-06-02 00:00") == [
        "stop 06-01 09:00",
        "restart 06-01 09:00",
        "start 06-01 09:00",
    ]


def test_each_entry_has_its_zone() -> None:
    plan = planner(daily("09:00", timezone="Asia/Tokyo"), daily("09:00"))
    assert shown(plan, "2026-06-01 00:00", "2026-06-02 00:00") == ["start 06-01 02:00", "start 06-01 09:00"]
    without = Planner(Schedule((daily("09:00"),)), CATALOG, zone="UTC")
    first = without.next(instant("2026-06-01 00:00"))
    assert first is not None and local(first.due) == "06-01 11:00"


def test_a_skip_of_the_trigger_gives_way_to_a_fire() -> None:
    dark = ScheduleEntry("start", "times", {"times": ["09:00", "10:00"], "dark": ["2026-06-01"]})
    plan = planner(dark, daily("09:00"))
    slots = list(plan.slots(instant("2026-06-01 00:00"), instant("2026-06-02 00:00")))
    assert [(local(slot.due), slot.skipped) for slot in slots] == [
        ("06-01 09:00", ""),
        ("06-01 10:00", "dark on 2026-06-01"),
    ]


def test_the_validity_holds_both_dates() -> None:
    plan = planner(daily("00:00", "12:00"), start_date="2026-06-02", end_date="2026-06-03")
    assert shown(plan, "2026-05-01 00:00", "2027-01-01 00:00") == [
        "start 06-02 00:00",
        "start 06-02 12:00",
        "start 06-03 00:00",
        "start 06-03 12:00",
    ]
    assert plan.next(instant("2026-06-03 12:00")) is None


def test_slots_are_made_as_they_are_taken() -> None:
    for plan in (planner(beat(1)), planner(beat(1), beat(7)), planner(beat(1), closed={"dates": []})):
        assert [slot.due for slot in islice(plan.slots(100.0, math.inf), 3)] == [101.0, 102.0, 103.0]
    shifting = planner(beat(600), closed={"dates": [], "then": "next"})
    assert [slot.due for slot in islice(shifting.slots(0.0, math.inf), 2)] == [600.0, 1200.0]


def test_what_comes_to_an_end_ends() -> None:
    for closed in (None, {"dates": ["1970-01-02"]}):
        plan = planner(beat(10, most=35.0), closed=closed)
        assert [slot.due for slot in plan.slots(0.0, math.inf)] == [10.0, 20.0, 30.0]
        assert plan.next(30.0) is None


def test_nothing_has_no_slots() -> None:
    assert Planner(NO_SCHEDULE, CATALOG, zone="").next(0.0) is None


def test_jitter_delays_each_dag_by_its_own_and_always_the_same() -> None:
    entry = daily("09:00", jitter=3600.0)
    window = instant("2026-06-01 08:00"), instant("2026-06-01 12:00")
    by_name = {name: list(planner(entry, name=name).slots(*window)) for name in ("a", "b", "c")}
    assert all(len(slots) == 1 and local(slots[0].due) == "06-01 09:00" for slots in by_name.values())
    delays = {slots[0].at - slots[0].due for slots in by_name.values()}
    assert len(delays) == 3 and all(0 <= delay <= 3600 for delay in delays)
    assert by_name["a"] == list(planner(entry, name="a").slots(*window))


def test_jitter_keeps_the_order_and_the_bounds_of_what_is_to_be_done() -> None:
    plan = planner(replace(beat(60), jitter=600.0), name="x")
    slots = list(plan.slots(100_000.0, 110_000.0))
    assert [slot.at for slot in slots] == sorted(slot.at for slot in slots)
    assert all(100_000 < slot.at <= 110_000 for slot in slots)
    cut = [*plan.slots(100_000.0, 104_321.0), *plan.slots(104_321.0, 110_000.0)]
    assert cut == slots


def test_a_planner_asked_piece_by_piece_says_the_same() -> None:
    dates = ["2026-06-03", "2026-06-04", "2026-06-05"]
    exclusions = planner(daily("05:00"), closed={"dates": dates, "then": "next"})
    whole = list(exclusions.slots(instant("2026-06-01 00:00"), instant("2026-06-10 00:00")))
    at, found = instant("2026-06-01 00:00"), []
    while (slot := exclusions.next(at)) is not None and slot.at <= instant("2026-06-10 00:00"):
        found.append(slot)
        at = slot.at
    assert found == whole


def test_every_counts_from_when_the_entry_was_first_seen() -> None:
    entry = beat(100)
    plan = Planner(Schedule((entry,)), CATALOG, zone="", seen={entry.fingerprint: 1_007.0})
    first = plan.next(1_007.0)
    assert first is not None and first.due == 1_107.0
    assert not plan.backfillable(entry)


def test_the_previous_instant() -> None:
    plan = planner(daily("09:00"), daily("08:00", action="stop"), closed={"dates": ["2026-06-02"]})
    assert plan.previous_due("start", instant("2026-06-01 09:00")) == instant("2026-05-31 09:00")
    assert plan.previous_due("start", instant("2026-06-03 09:00")) == instant("2026-06-01 09:00")
    assert plan.previous_due("stop", instant("2026-06-03 09:00")) == instant("2026-06-03 08:00")
    assert plan.previous_due("restart", instant("2026-06-03 09:00")) is None


def test_a_kind_that_is_not_installed_is_refused_with_its_package() -> None:
    with pytest.raises(NotFound) as caught:
        planner(ScheduleEntry("start", "cron", {"expression": "0 9 * * *"}))
    assert caught.value.hint == "install it with: pip install dagu-cron"


def test_data_that_is_wrong_is_refused() -> None:
    with pytest.raises(Invalid, match="daily"):
        planner(replace(daily("09:00"), config={"tims": []}))
    with pytest.raises(Invalid, match="Nowhere"):
        planner(daily("09:00"), timezone="Nowhere/X")


def test_a_trigger_that_stands_still_is_stopped() -> None:
    with pytest.raises(PluginError, match="stuck"):
        planner(ScheduleEntry("start", "stuck")).next(5.0)
