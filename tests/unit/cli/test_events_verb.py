"""`dagu events`: decisions of all DAGs, newest last, filtered, as a table and as JSON."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from dagu_core.app.app import App
from dagu_core.app.decisions import record, tally
from dagu_core.app.moments import StandingClock, instant_of
from dagu_core.base.settings import Settings
from tests.unit.cli.asked import InHome


@pytest.fixture(autouse=True)
def decided(dags: Path, tmp_path: Path) -> None:
    """Three decisions were made: on the first of three days, the second and the third."""
    for dag in ("copy", "calm"):
        (dags / f"{dag}.yaml").write_text("steps: ['true']\n")

    async def decide() -> None:
        clock = StandingClock(instant_of("2026-03-01T08:00:00Z"))
        settings = Settings.load(environ={"DAGU_HOME": str(tmp_path)})
        async with App.open(settings, discover=False, clock=clock) as app:
            fire = "create /in/1.csv 3f"
            await record(app, "copy", "skipped", "overlap", "run copy:r1 is active", due=clock.at, fire=fire)
            clock.at = instant_of("2026-03-02T08:00:00Z")
            await record(app, "gone", "missed", "fires.missed", "2 starts were missed", due=clock.at - 3600)
            clock.at = instant_of("2026-03-03T08:00:00Z")
            await tally(app, "copy", "removed", "retention", "run removed", 3)

    asyncio.run(decide())


def test_a_table_over_all_dags_newest_last(in_home: InHome) -> None:
    code, out, _ = in_home("events")
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in out.splitlines()]
    assert rows == [
        ["AT", "DAG", "WHAT", "DUE", "WHY", "CODE"],
        ["2026-03-01T08:00:00Z", "copy", "skipped", "2026-03-01T08:00:00Z",
         "create /in/1.csv 3f: run copy:r1 is active", "overlap"],
        ["2026-03-02T08:00:00Z", "gone", "missed", "2026-03-02T07:00:00Z",
         "2 starts were missed", "fires.missed"],
        ["2026-03-03T08:00:00Z", "copy", "removed", "-", "3 × run removed", "retention"],
    ]  # fmt: skip
    assert code == 0


def test_json_leaves_out_what_is_not_known(in_home: InHome) -> None:
    _, out, _ = in_home("events", "copy", "--json")
    first, last = json.loads(out)
    assert first == {
        "dag": "copy",
        "kind": "skipped",
        "code": "overlap",
        "message": "create /in/1.csv 3f: run copy:r1 is active",
        "at": "2026-03-01T08:00:00Z",
        "due": "2026-03-01T08:00:00Z",
        "fire": "create /in/1.csv 3f",
        "count": 1,
    }
    assert last.keys() == {"dag", "kind", "code", "message", "at", "count"} and last["count"] == 3


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("", ["skipped", "missed", "removed"]),
        ("copy", ["skipped", "removed"]),
        ("copy.yaml", ["skipped", "removed"]),
        ("gone", ["missed"]),
        ("--kind Missed,skipped", ["skipped", "missed"]),
        ("--from 2026-03-02", ["missed", "removed"]),
        ("--to 2026-03-02", ["skipped", "missed"]),
        ("--from 2026-03-02T08:00:01Z --to 2026-03-03T08:00:00Z", ["removed"]),
        ("--limit 2", ["missed", "removed"]),
        ("gone --kind skipped", []),
        ("calm", []),
    ],
)
def test_filters(in_home: InHome, words: str, kinds: list[str]) -> None:
    code, out, _ = in_home("events", "--json", *words.split())
    assert code == 0 and [each["kind"] for each in json.loads(out)] == kinds


def test_nothing_is_no_mistake_and_a_dag_nobody_knows_is_one(in_home: InHome) -> None:
    assert in_home("events", "calm") == (0, "No events found\n", "")
    code, out, err = in_home("events", "nope")
    assert (code, out) == (3, "") and "there is no DAG 'nope'" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--kind skiped", "'skiped' is no kind of decision"),
        ("--from yesterday", "'yesterday' is not a time"),
        ("--limit 0", "0 is not in the range"),
        ("--limit 10001", "10001 is not in the range"),
    ],
)
def test_what_cannot_be_read_is_refused(in_home: InHome, words: str, told: str) -> None:
    code, out, err = in_home("events", *words.split())
    assert (code, out) == (2, "") and told in err
