"""`scheduler --once`, `backfill` and what `why` and `schedule list` tell of starts that were not made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.asked import InHome

pytestmark = pytest.mark.usefixtures("daily")


def test_a_pass_tells_what_it_did(in_home: InHome) -> None:
    assert in_home("scheduler", "--once", "--now", "2026-03-02T08:59:50Z")[:2] == (0, "Nothing is due\n")
    code, out, _ = in_home("scheduler", "--once", "--now", "2026-03-02T09:00:00Z", "--json")
    assert code == 0
    row = {"dag": "daily", "runId": "sched-20260302T090000Z", "outcome": "queued"}
    assert json.loads(out) == [row]
    code, out, _ = in_home("scheduler", "--once", "--now", "2026-03-03T09:00:00Z")
    assert out == ("daily:sched-20260303T090000Z: skipped (run daily:sched-20260302T090000Z is active)\n")
    in_home("scheduler", "--once", "--now", "2026-03-06T08:00:00Z")
    code, out, _ = in_home("why", "daily")
    assert code == 0 and "2 starts were missed" in out and "fires.missed" in out and "overlap" in out
    _, out, _ = in_home("why", "daily", "--json")
    assert [each["code"] for each in json.loads(out)] == ["queued", "fires.missed", "overlap"]


def test_who_made_a_run_begin_and_for_when_is_shown_and_searched(in_home: InHome) -> None:
    in_home("scheduler", "--once", "--now", "2026-03-02T08:59:50Z")
    in_home("scheduler", "--once", "--now", "2026-03-02T09:00:00Z")
    assert in_home("start", "-q", "-r", "by-hand", "daily")[0] == 0
    scheduled = "sched-20260302T090000Z"
    told = {"triggerType": "schedule", "scheduleTime": "2026-03-02T09:00:00Z"}
    run = json.loads(in_home("status", "daily", "-r", scheduled, "--json")[1])["run"]
    assert told.items() <= run.items() and run["trigger"] == {"type": "schedule", "entry": "0 9 * * *"}
    line = "\nBegun by: schedule 0 9 * * *, due 2026-03-02T09:00:00Z\n"
    for verb in ("status", "why"):
        assert line in in_home(verb, "daily", "-r", scheduled)[1]
        assert "Begun by" not in in_home(verb, "daily", "-r", "by-hand")[1]
    both = json.loads(in_home("history", "--json", "--from", "2026-01-01")[1])
    assert {one["dagRunId"]: one["triggerType"] for one in both} == {
        scheduled: "schedule",
        "by-hand": "manual",
    }
    for asked, found in (("schedule", [scheduled]), ("manual", ["by-hand"]), ("schedule:0 9", [scheduled])):
        runs = json.loads(in_home("history", "--json", "--from", "2026-01-01", "--trigger", asked)[1])
        assert [one["dagRunId"] for one in runs] == found
    assert json.loads(in_home("history", "--json", "--trigger", "schedule:0 8")[1]) == []


def test_a_pass_tells_what_it_did_not_do(in_home: InHome, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    free = "schedule: {start: '0 9 * * *', exclude: [{dates: [2026-03-02]}]}\nsteps: ['true']\n"
    (dags / "daily.yaml").write_text(free)
    (dags / "lost.yaml").write_text("schedule: '0 9 * * *'\nqueue: zz\nsteps: ['true']\n")
    (tmp_path / "config.yaml").write_text("queues: {strict: true, config: [{name: main}]}\n")
    assert in_home("scheduler", "--once", "--now", "2026-03-01T10:00:00Z")[1] == "Nothing is due\n"
    code, out, _ = in_home("scheduler", "--once", "--now", "2026-03-02T09:00:00Z")
    assert code == 0 and sorted(out.splitlines()) == [
        "daily at 2026-03-02T09:00:00Z: skipped (excluded: 2026-03-02)",
        "lost at 2026-03-02T09:00:00Z: refused (DAG lost: unknown queue 'zz', known: main)",
    ]
    (dags / "daily.yaml").unlink()
    _, out, _ = in_home("scheduler", "--once", "--now", "2026-03-03T09:00:00Z", "--json")
    (row,) = json.loads(out)
    assert (row["dag"], row["outcome"], row["due"]) == ("lost", "refused", "2026-03-03T09:00:00Z")
    assert "unknown queue 'zz'" in row["message"] and row["code"]
    _, out, _ = in_home("scheduler", "--once", "--now", "2026-03-06T08:00:00Z")
    assert out.startswith("lost at 2026-03-05T09:00:00Z: missed (2 starts were missed, from ")


def test_a_catch_up_that_was_cut_is_shown_with_the_dag_for_a_week(in_home: InHome, tmp_path: Path) -> None:
    text = "schedule: '0 * * * *'\ncatchUp: {window: 12h, maxRuns: 2}\nsteps: ['true']\n"
    (tmp_path / "dags" / "daily.yaml").write_text(text)
    in_home("scheduler", "--once", "--now", "2026-03-02T00:30:00Z")
    in_home("scheduler", "--once", "--now", "2026-03-02T06:30:00Z")
    cut = (
        "4 starts were missed, from 2026-03-02T01:00:00Z to 2026-03-02T04:00:00Z (over the limit of catch-up)"
    )
    _, out, _ = in_home("status", "daily", at="2026-03-08T00:00:00Z")
    assert out.endswith(f"\nCatch-up was cut: {cut}\n")
    _, out, _ = in_home("status", "daily", "--json", at="2026-03-08T00:00:00Z")
    told = {"at": "2026-03-02T06:30:00Z", "due": "2026-03-02T04:00:00Z", "message": cut}
    assert json.loads(out)["catchup"] == {"truncated": told}
    run_id = json.loads(out)["run"]["dagRunId"]
    for words, at in (((), "2026-03-10T00:00:00Z"), (("-r", run_id), "2026-03-08T00:00:00Z")):
        assert "Catch-up" not in in_home("status", "daily", *words, at=at)[1]
        assert "catchup" not in json.loads(in_home("status", "daily", "--json", *words, at=at)[1])


def test_a_time_that_is_none_and_one_without_once(in_home: InHome) -> None:
    code, _, err = in_home("scheduler", "--once", "--now", "yesterday")
    assert code == 2 and "'yesterday' is not a time" in err
    code, _, err = in_home("scheduler", "--now", "2026-03-02")
    assert code == 2 and "--once" in err


def test_a_second_scheduler_does_no_pass(in_home: InHome, tmp_path: Path) -> None:
    import asyncio

    from dagu_core.app.app import App
    from dagu_core.base.settings import Settings

    async def lead() -> None:
        async with App.open(Settings.load(environ={"DAGU_HOME": str(tmp_path)}), discover=False) as app:
            await app.store.acquire("scheduler", "somebody", 60)

    asyncio.run(lead())
    code, _, err = in_home("scheduler", "--once")
    assert code == 4 and "another scheduler leads" in err


def test_a_backfill_from_the_first_look_to_the_end(in_home: InHome) -> None:
    month = ("--from", "2026-01-01", "--to", "2026-01-31")
    code, out, _ = in_home("backfill", "create", "daily", *month, "--dry-run")
    assert code == 0 and out.splitlines()[0] == "2026-01-01T09:00:00Z" and out.splitlines()[-1] == "31 runs"
    assert in_home("backfill", "list")[1] == "There are no backfills\n"
    code, _, err = in_home("backfill", "create", "daily", *month, "--max-runs", "30")
    assert code == 1 and "31 runs are more than the 30 allowed" in err
    _, out, _ = in_home("backfill", "create", "daily", *month, "--json", "-y")
    made = json.loads(out)
    assert (made["state"], made["total"], made["pinned"]) == ("running", 31, True)
    code, out, _ = in_home("backfill", "pause", made["id"])
    assert code == 0 and "paused" in out
    assert "goes on" in in_home("backfill", "resume", made["id"])[1]
    assert "31 not_started" in in_home("backfill", "show", made["id"])[1]
    assert "is cancelled" in in_home("backfill", "cancel", made["id"])[1]
    assert in_home("backfill", "pause", made["id"])[0] == 4
    assert in_home("backfill", "show", "00000000")[0] == 3
    code, _, err = in_home("backfill", "retry-failed", made["id"])
    assert code == 1 and "has failed" in err
    assert made["id"] in in_home("backfill", "list", "daily")[1]


def test_steps_that_are_no_durations(in_home: InHome) -> None:
    code, _, err = in_home(
        "backfill", "create", "daily", "--from", "2026-01-01", "--to", "2026-01-02", "--step", "x"
    )
    assert code == 2 and "--step" in err
