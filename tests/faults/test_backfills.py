"""Two backfills of the same days and a scheduler that is killed: each day is run once."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.faults.chaos import Home, kill, within
from tests.faults.test_scheduler_leaders import QUIET, stop_all

pytestmark = pytest.mark.timeout(150)
DAYS = ("--from", "2026-01-01", "--to", "2026-01-12")


def create(home: Home, *more: str) -> str:
    ran = home.cli("backfill", "create", "daily", *DAYS, "--json", "-y", *more)
    assert ran.code == 0, ran.err
    return str(json.loads(ran.out)["id"])


def shown(home: Home, id: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(home.cli("backfill", "show", id, "--json").out)
    return found


def test_two_backfills_of_the_same_days_run_each_day_once_though_the_scheduler_dies(home: Home) -> None:
    text = 'schedule: "0 9 * * *"\nmaxActiveRuns: 4\nsteps: [mark start]\n'
    folder = home.path / "dags"
    folder.mkdir(parents=True)
    (folder / "daily.yaml").write_text(text)
    ids = [create(home, "--max-active", "2"), create(home, "--max-active", "3", "--order", "desc")]
    service = home.begin("start-all", env=QUIET)
    within(20, lambda: len(home.ledger.steps()) >= 3)
    kill(service)
    again = home.begin("start-all", env=QUIET)
    within(60, lambda: all(shown(home, id)["state"] == "done" for id in ids))
    stop_all(home, [again])
    both = [shown(home, id) for id in ids]
    assert [(one["total"], one["refused"]) for one in both] == [(12, 0)] * 2
    assert sum(one["made"] for one in both) == 12 == sum(one["existing"] for one in both)  # type: ignore[misc]
    runs = home.runs(dag="daily")
    assert len(runs) == 12 and {run.status.label for run in runs} == {"succeeded"}
    days = Counter(run.ref.run_id.rpartition("-")[2] for run in runs)
    assert len(days) == 12 and set(days.values()) == {1}
    slots = both[0]["slots"]
    assert isinstance(slots, list) and {slot["outcome"] for slot in slots} <= {"made", "exists"}
