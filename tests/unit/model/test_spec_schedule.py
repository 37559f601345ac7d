"""`schedule` and the keys beside it: every form, every mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from dagu_core.model.plan.schedule import CatchUp, Exclusion, Overlap, ScheduleEntry, TriggerEntry
from dagu_core.model.spec.schema import dag_schema
from tests.unit.model.schedule_words import BARE, WORDS, plan, told


def cron(line: str, action: str = "start", **more: Any) -> ScheduleEntry:
    return ScheduleEntry(action, "cron", {"expression": line}, line, **more)


def times(*hours: str, action: str = "start", **more: Any) -> ScheduleEntry:
    return ScheduleEntry(action, "times", {"times": list(hours)}, f"daily {' '.join(hours)}", **more)


@pytest.mark.parametrize(("schedule", "entries"), [
    ("''", ()),
    ("[]", ()),
    ("{}", ()),
    ("null", ()),
    ("0 1 * * *", (cron("0 1 * * *"),)),
    ("' 0 1 * * * '", (cron("0 1 * * *"),)),
    ("[0 1 * * *, null, '', 0 2 * * *]", (cron("0 1 * * *"), cron("0 2 * * *"))),
    ("{start: 0 1 * * *, stop: [0 2 * * *], restart: 0 3 * * *}",
     (cron("0 1 * * *"), cron("0 2 * * *", "stop"), cron("0 3 * * *", "restart"))),
    ("{Start: 0 1 * * *}", (cron("0 1 * * *"),)),
    ("daily 09:00 10:00", (times("09:00", "10:00"),)),
    ("{stop: daily 09:00}", (times("09:00", action="stop"),)),
    ("CRON_TZ=Asia/Tokyo 0 9 * * *",
     (replace(cron("0 9 * * *", timezone="Asia/Tokyo"), text="CRON_TZ=Asia/Tokyo 0 9 * * *"),)),
    ("TZ=UTC daily 09:00", (replace(times("09:00", timezone="UTC"), text="TZ=UTC daily 09:00"),)),
    ("[{expression: daily 09:00, timezone: Asia/Tokyo, jitter: 30s, queue: q}]",
     (times("09:00", timezone="Asia/Tokyo", jitter=30.0, queue="q"),)),
    ("[{expression: daily 09:00, params: {MODE: jp, N: 1.10}}]",
     (times("09:00", params={"MODE": "jp", "N": "1.10"}),)),
    ("{start: {times: ['09:00']}}", (replace(times("09:00"), text="times: [09:00]"),)),
    ("{start: {kind: times, times: ['09:00']}}", (replace(times("09:00"), text="times: [09:00]"),)),
    ("{start: {at: '2026-12-01T08:00:30+01:00'}}",
     (ScheduleEntry("start", "at", {"at": "2026-12-01T08:00:30+01:00"}, "at: 2026-12-01T08:00:30+01:00"),)),
    ("{start: [{at: 2026-12-01}, daily 09:00]}",
     (ScheduleEntry("start", "at", {"at": "2026-12-01"}, "at: 2026-12-01"), times("09:00"))),
])  # fmt: skip
def test_entries(schedule: str, entries: tuple[ScheduleEntry, ...]) -> None:
    assert plan(f"schedule: {schedule}").schedule.entries == entries


def test_the_lines_of_plain_cron_are_shown_as_they_are_written() -> None:
    schedule = plan("schedule: {start: [0 1 * * *, TZ=UTC 0 2 * * *], stop: 0 3 * * *}").schedule
    assert schedule.texts == {"start": ("0 1 * * *", "TZ=UTC 0 2 * * *"), "stop": ("0 3 * * *",)}
    assert schedule
    assert not plan("").schedule and plan("").schedule.texts == {}


def test_an_entry_is_known_again_by_what_decides_about_its_instants() -> None:
    first, same = times("09:00"), times("09:00", queue="q", jitter=5.0, params={"A": "1"})
    assert first.fingerprint == same.fingerprint
    others = [
        times("09:01"),
        times("09:00", action="stop"),
        times("09:00", timezone="UTC"),
        cron("0 9 * * *"),
    ]
    assert len({each.fingerprint for each in (first, *others)}) == 5


@pytest.mark.parametrize(("text", "exclusion"), [
    ("{between: '22:00-06:00', days: [SAT, SUN]}",
     Exclusion("22:00-06:00 SAT, SUN", between=(79200, 21600), days=frozenset({5, 6}))),
    ("{between: 9:00-9:00:30}", Exclusion("09:00-09:00:30", between=(32400, 32430))),
    ("{between: 12:00-24:00}", Exclusion("12:00-00:00", between=(43200, 0))),
    ("{days: FRI-MON}", Exclusion("MON, FRI, SAT, SUN", between=(0, 0), days=frozenset({0, 4, 5, 6}))),
    ("{dates: 2026-12-24}", Exclusion("2026-12-24", dates=(("2026-12-24", "2026-12-24"),))),
    ("{dates: [2026-12-24, 2026-12-27..2026-12-31]}",
     Exclusion("2026-12-24, 2026-12-27..2026-12-31",
               dates=(("2026-12-24", "2026-12-24"), ("2026-12-27", "2026-12-31")))),
    ("{cron: '* 12 * * *'}", Exclusion("cron * 12 * * *", kind="cron", config={"expression": "* 12 * * *"})),
])  # fmt: skip
def test_exclusions(text: str, exclusion: Exclusion) -> None:
    for written in (text, f"[{text}]"):
        assert plan(f"schedule: {{exclude: {written}}}").schedule.exclusions == (exclusion,)


@pytest.mark.parametrize(("text", "attribute", "value"), [
    ("timezone: Europe/Berlin", "timezone", "Europe/Berlin"),
    ("startDate: 2026-01-01\nend_date: 2026-01-01", "start_date", "2026-01-01"),
    ("endDate: '2026-12-31'", "end_date", "2026-12-31"),
    ("schedule: {onExcluded: defer}", "on_excluded", "defer"),
    ("schedule: {location: {lat: 59.91, lon: 10}}", "location",
     {"lat": 59.91, "lon": 10.0, "elevation": 0.0}),
    ("schedule: {location: {latitude: 1, longitude: 2, elevation: 3}}", "location",
     {"lat": 1.0, "lon": 2.0, "elevation": 3.0}),
    ("", "overlap", Overlap()),
    ("overlapPolicy: skip", "overlap", Overlap(explicit=True)),
    ("overlap_policy: all", "overlap", Overlap("queue", explicit=True)),
    ("overlap: {policy: latest, maxQueued: 2, group: 'deploy-${ENV}', includeManual: true}", "overlap",
     Overlap("latest", 2, "deploy-${ENV}", True, explicit=True)),
    ("", "catch_up", CatchUp()),
    ("catchupWindow: 6h", "catch_up", CatchUp("all", 21600.0)),
    ("catchup_window: 1d12h", "catch_up", CatchUp("all", 129600.0)),
    ("catchUp: {}", "catch_up", CatchUp("all")),
    ("catchUp: {mode: recent, window: 1h, maxRuns: 5, delay: 5s, onUnsuspend: true, reverse: true}",
     "catch_up", CatchUp("latest", 3600.0, 5, 5.0, True, True)),
    ("catchUp: {mode: one}\ncatchupWindow: 2h", "catch_up", CatchUp("latest", 7200.0)),
    ("fileTrigger: {watch: a, events: [create]}", "triggers",
     (TriggerEntry("file", {"watch": "a", "events": ["create"]}, "file a"),)),
    ("triggers: [{type: file, watch: [a, b], params: {P: '${X}'}}]", "triggers",
     (TriggerEntry("file", {"watch": ["a", "b"], "params": {"P": "${X}"}}, "file a, b"),)),
    ("triggers: {type: file, watch: a}\nfileTrigger: b", "triggers",
     (TriggerEntry("file", {"watch": "a"}, "file a"), TriggerEntry("file", {"watch": "b"}, "file b"))),
])  # fmt: skip
def test_keys_beside_it(text: str, attribute: str, value: object) -> None:
    assert getattr(plan(text).schedule, attribute) == value


MISTAKES: list[tuple[str, str, str]] = [
    # (text with ‸ where the problem is told, code, part of the message)
    ("schedule: ‸daily nine", "D999", "names no time"),
    ("schedule: [‸daily nine, daily 09:00]", "D999", "names no time"),
    ("schedule: {stop: ‸daily nine}", "D999", "names no time"),
    ("schedule: {start: {expression: ‸daily nine}}", "D999", "names no time"),
    ("schedule: ‸CRON_TZ=Nowhere/X 0 9 * * *", "D071", "unknown time zone 'Nowhere/X'"),
    ("schedule: {start: {expression: daily 09:00, timezone: ‸Nowhere}}", "D071", "unknown time zone"),
    ("timezone: ‸Nowhere/X", "D071", "unknown time zone 'Nowhere/X'"),
    ("timezone: ‸/etc/passwd", "D071", "unknown time zone"),
    ("schedule: [‸5]", "D002", "must be a text or a mapping"),
    ("schedule: {start: [daily 09:00, ‸[a]]}", "D002", "must be a text or a mapping"),
    ("schedule: {start: ‸{}}", "D004", "a schedule entry says when"),
    ("schedule: {start: {‸foo: 1}}", "D003", "unknown key `foo` in schedule entry"),
    ("schedule: {start: {kind: ‸nope, times: []}}", "D005", "unknown kind of schedule `nope`"),
    ("schedule: {start: {times: ['09:00'], ‸beat: 5}}", "D003", "unknown key `beat`"),
    ("schedule: {start: {times: ‸nine}}", "D002", "must be a list"),
    ("schedule: {start: {at: ‸soon}}", "D071", "'soon' is no time"),
    ("schedule: {stop: ‸{at: 2026-01-01}}", "D071", "`at` can start a DAG, not stop it"),
    ("schedule: {start: {expression: daily 09:00, ‸at: x}}", "D012", "cannot stand beside `expression`"),
    ("schedule: {start: {expression: daily 09:00, jitter: ‸5}}", "D002", "length of time"),
    ("schedule: {start: {expression: daily 09:00, jitter: ‸0s}}", "D005", "greater than 0"),
    ("schedule: {location: {lat: ‸91, lon: 0}}", "D082", "from -90 to 90"),
    ("schedule: {location: {lat: 0, lon: ‸-181}}", "D082", "from -180 to 180"),
    ("schedule: {location: ‸{lat: 0}}", "D004", "`lon` is required"),
    ("schedule: {onExcluded: ‸wait}", "D005", "one of 'skip' or 'defer'"),
    ("schedule: {exclude: {between: ‸22-6}}", "D005", "must be a window"),
    ("schedule: {exclude: {between: ‸'09:61-10:00'}}", "D005", "must be a window"),
    ("schedule: {exclude: {between: ‸'09:00-25:00'}}", "D005", "must end at 24:00"),
    ("schedule: {exclude: {days: ‸SOMEDAY}}", "D005", "must be weekdays"),
    ("schedule: {exclude: {dates: ‸2026-02-30}}", "D005", "must be dates"),
    ("schedule: {exclude: {dates: ‸2026-12-31..2026-12-01}}", "D005", "must be dates"),
    ("schedule: {exclude: {cron: ‸daily nine}}", "D999", "names no time"),
    ("schedule: {exclude: ‸{}}", "D012", "an exclusion has one of"),
    ("schedule: {exclude: ‸{dates: 2026-01-01, days: MON}}", "D012", "an exclusion has one of"),
    ("catchUp: {maxRuns: ‸0}", "D005", "must be at least 1"),
    ("startDate: ‸2026-13-01", "D005", "must be a date"),
    ("startDate: ‸20260101", "D005", "must be a date"),
    ("startDate: 2026-02-01\nendDate: ‸2026-01-31", "D005", "is before `startDate`"),
    ("overlapPolicy: ‸wait", "D101", "must be one of skip, queue, latest, cancel, terminate, allow"),
    ("overlap: {policy: ‸wait}", "D101", "must be one of"),
    ("overlap: {maxQueued: ‸0}", "D005", "at least 1"),
    ("overlapPolicy: ‸skip\noverlap: {policy: queue}", "D012", "say the same"),
    ("catchupWindow: ‸0s", "D005", "greater than 0"),
    ("catchupWindow: ‸-1h", "D005", "greater than 0"),
    ("catchupWindow: ‸soon", "D005", "length of time"),
    ("catchUp: {mode: ‸some}", "D005", "one of none, latest, all"),
    ("catchUp: {window: 1h}\ncatchupWindow: ‸1h", "D012", "say the same"),
    ("catchUp: ‸{mode: none, window: 1h}", "D091", "no effect"),
    ("overlapPolicy: queue\nmaxActiveRuns: ‸-1", "D101", "no effect"),
    ("triggers: ‸5", "D002", "must be a list"),
    ("triggers: [‸5]", "D002", "must be a mapping"),
    ("triggers: [‸{watch: a}]", "D004", "needs a `type`"),
    ("triggers: [{type: ‸fil, watch: a}]", "D005", "unknown trigger type `fil`"),
    ("triggers: [{type: file, ‸wach: a, watch: b}]", "D003", "unknown key `wach`"),
    ("triggers: [‸{type: file}]", "D004", "`watch` is required"),
    ("fileTrigger: {watch: ‸5}", "D002", "must be"),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "code", "message"), MISTAKES)
def test_mistake(marked: str, code: str, message: str) -> None:
    before = marked[: marked.index("‸")]
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    found = told(marked.replace("‸", ""))
    assert any(line.startswith(f"{place} {code} ") and message in line for line in found), found


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        "timezone: X/Y\nschedule:\n  start: [daily nine, 5]\n  stop: {at: x}\n"
        "  exclude: {days: Q}\noverlapPolicy: z\n"
    )
    assert [each.split()[:2] for each in told(text)] == [
        ["1:11", "D071"],
        ["3:11", "D999"],
        ["3:23", "D002"],
        ["4:14", "D071"],
        ["5:19", "D005"],
        ["6:16", "D101"],
    ]


@pytest.mark.parametrize(("text", "package"), [
    ("schedule: ‸'@daily'", "dagu-cron"),
    ("schedule: ‸'@every 90s'", "dagu-cron"),
    ("schedule: ‸'*/5 * * * * *'", "dagu-cron"),
    ("schedule: {exclude: {cron: ‸'0 * * * * *'}}", "dagu-cron"),
    ("schedule: {start: {‸cron: 0 9 * * *}}", "dagu-cron"),
    ("schedule: {start: ‸'@sunset-30m'}", "dagu-sun"),
    ("schedule: {start: {‸sun: dusk}}", "dagu-sun"),
    ("schedule: {start: {kind: ‸sun}}", "dagu-sun"),
    ("triggers: [{type: ‸file, watch: a}]", "dagu-filewatch"),
    ("fileTrigger: ‸{watch: a}", "dagu-filewatch"),
])  # fmt: skip
def test_what_is_not_installed_is_named_with_its_package(text: str, package: str) -> None:
    column = text.index("‸") + 1
    found = [each for each in told(text.replace("‸", ""), BARE) if " D014 " in each]
    assert len(found) == 1 and found[0].startswith(f"1:{column} D014 ") and package in found[0]


def test_a_plugin_that_did_not_load_is_told_with_the_reason() -> None:
    broken = replace(BARE, broken={"dagu-cron": "ImportError: no croniter"})
    assert "which did not load: ImportError: no croniter" in told("schedule: '@daily'", broken)[0]


def test_plain_cron_stays_valid_where_nobody_schedules_it() -> None:
    assert plan("schedule: 0 9 * * MON-FRI", BARE).schedule.entries == (cron("0 9 * * MON-FRI"),)
    assert plan("schedule: {start: {expression: 0 9 * * 1, queue: q}}", BARE).schedule.entries == (
        cron("0 9 * * 1", queue="q"),
    )
    assert told("schedule: 0 9 * *", BARE) == [
        "1:11 D005 invalid schedule: expected exactly 5 fields, found 4"
    ]


BASE = (
    "timezone: Asia/Tokyo\nschedule: daily 01:00\noverlapPolicy: queue\ntriggers: [{type: file, watch: b}]\n"
)


@pytest.mark.parametrize(("text", "expected"), [
    ("", {"entries": (times("01:00"),), "overlap": Overlap("queue", explicit=True)}),
    ("schedule: []", {"entries": (times("01:00"),)}),
    ("schedule: daily 02:00", {"entries": (times("02:00"),), "timezone": "Asia/Tokyo"}),
    ("timezone: UTC\noverlapPolicy: skip", {"timezone": "UTC", "overlap": Overlap(explicit=True)}),
    ("triggers: {type: file, watch: x}", {"triggers": (TriggerEntry("file", {"watch": "x"}, "file x"),)}),
    ("triggers: []", {"triggers": (TriggerEntry("file", {"watch": "b"}, "file b"),)}),
])  # fmt: skip
def test_the_base_gives_what_the_document_leaves_out(text: str, expected: Mapping[str, object]) -> None:
    schedule = plan(text, base=BASE).schedule
    assert {key: getattr(schedule, key) for key in expected} == expected


GOOD = [
    {"schedule": "0 1 * * *"},
    {"schedule": ["0 1 * * *", {"expression": "0 1 * * *", "jitter": "5s"}]},
    {"schedule": {"start": {"at": "2026-01-01"}, "stop": ["0 1 * * *"], "exclude": [{"days": "MON"}]}},
    {"schedule": {"start": {"times": ["09:00"], "queue": "q"}, "on_excluded": "defer"}},
    {"triggers": [{"type": "file", "watch": "a"}], "fileTrigger": {"watch": ["a"]}},
    {
        "overlapPolicy": "all",
        "catchUp": {"mode": "one", "maxRuns": 3},
        "timezone": "UTC",
        "startDate": "2026-01-01",
    },
]
BAD = [
    {"schedule": {"begin": "0 1 * * *"}},
    {"schedule": [{"expression": "0 1 * * *", "nope": 1}]},
    {"triggers": [{"type": "nope"}]},
    {"triggers": [{"type": "file", "watch": "a", "nope": 1}]},
    {"overlapPolicy": "wait"},
]


@pytest.mark.parametrize(
    ("document", "is_valid"), [*((each, True) for each in GOOD), *((each, False) for each in BAD)]
)
def test_the_schema_knows_it(document: object, is_valid: bool) -> None:
    assert Draft202012Validator(dag_schema(WORDS)).is_valid(document) == is_valid
