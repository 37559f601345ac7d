"""`scheduler --once`, `backfill` and what `why` and `schedule list` tell of starts that were not made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dagu_core.app.moments import StandingClock, instant_of
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

Dagu = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dagu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dagu:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "daily.yaml").write_text("schedule: '0 9 * * *'\nsteps: ['true']\n")
    for name, value in {"DAGU_HOME": str(tmp_path), "DAGU_TZ": "UTC", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)

    def call(*words: str, at: str = "") -> tuple[int, str, str]:
        invocation = Invocation()
        if at:
            invocation.clock = StandingClock(instant_of(at))
        code = run(list(words), invocation)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_a_pass_tells_what_it_did(dagu: Dagu) -> None:
    assert dagu("scheduler", "--once", "--now", "2026-03-02T08:59:50Z")[:2] == (0, "Nothing is due\n")
    code, out, _ = dagu("scheduler", "--once", "--now", "2026-03-02T09:00:00Z", "--json")
    assert code == 0
    row = {"dag": "daily", "runId": "sched-20260302T090000Z", "outcome": "queued"}
    assert json.loads(out) == [row]
    code, out, _ = dagu("scheduler", "--once", "--now", "2026-03-03T09:00:00Z")
    assert out == ("daily:sched-20260303T090000Z: skipped (run daily:sched-20260302T090000Z is active)\n")
    dagu("scheduler", "--once", "--now", "2026-03-06T08:00:00Z")
    code, out, _ = dagu("why", "daily")
    assert code == 0 and "2 starts were missed" in out and "fires.missed" in out and "overlap" in out
    _, out, _ = dagu("why", "daily", "--json")
    assert [each["code"] for each in json.loads(out)] == ["queued", "fires.missed", "overlap"]


def test_who_made_a_run_begin_and_for_when_is_shown_and_searched(dagu: Dagu) -> None:
    dagu("scheduler", "--once", "--now", "2026-03-02T08:59:50Z")
    dagu("scheduler", "--once", "--now", "2026-03-02T09:00:00Z")
    assert dagu("start", "-q", "-r", "by-hand", "daily")[0] == 0
    scheduled = "sched-20260302T090000Z"
    told = {"triggerType": "schedule", "scheduleTime": "2026-03-02T09:00:00Z"}
    run = json.loads(dagu("status", "daily", "-r", scheduled, "--json")[1])["run"]
    assert told.items() <= run.items() and run["trigger"] == {"type": "schedule", "entry": "0 9 * * *"}
    line = "\nBegun by: schedule 0 9 * * *, due 2026-03-02T09:00:00Z\n"
    for verb in ("status", "why"):
        assert line in dagu(verb, "daily", "-r", scheduled)[1]
        assert "Begun by" not in dagu(verb, "daily", "-r", "by-hand")[1]
    both = json.loads(dagu("history", "--json", "--from", "2026-01-01")[1])
    assert {one["dagRunId"]: one["triggerType"] for one in both} == {
        scheduled: "schedule",
        "by-hand": "manual",
    }
    for asked, found in (("schedule", [scheduled]), ("manual", ["by-hand"]), ("schedule:0 9", [scheduled])):
        runs = json.loads(dagu("history", "--json", "--from", "2026-01-01", "--trigger", asked)[1])
        assert [one["dagRunId"] for one in runs] == found
    assert json.loads(dagu("history", "--json", "--trigger", "schedule:0 8")[1]) == []


def test_a_pass_tells_what_it_did_not_do(dagu: Dagu, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    free = "schedule: {start: '0 9 * * *', exclude: [{dates: [2026-03-02]}]}\nsteps: ['true']\n"
    (dags / "daily.yaml").write_text(free)
    (dags / "lost.yaml").write_text("schedule: '0 9 * * *'\nqueue: zz\nsteps: ['true']\n")
    (tmp_path / "config.yaml").write_text("queues: {strict: true, config: [{name: main}]}\n")
    assert dagu("scheduler", "--once", "--now", "2026-03-01T10:00:00Z")[1] == "Nothing is due\n"
    code, out, _ = dagu("scheduler", "--once", "--now", "2026-03-02T09:00:00Z")
    assert code == 0 and sorted(out.splitlines()) == [
        "daily at 2026-03-02T09:00:00Z: skipped (excluded: 2026-03-02)",
        "lost at 2026-03-02T09:00:00Z: refused (DAG lost: unknown queue 'zz', known: main)",
    ]
    (dags / "daily.yaml").unlink()
    _, out, _ = dagu("scheduler", "--once", "--now", "2026-03-03T09:00:00Z", "--json")
    (row,) = json.loads(out)
    assert (row["dag"], row["outcome"], row["due"]) == ("lost", "refused", "2026-03-03T09:00:00Z")
    assert "unknown queue 'zz'" in row["message"] and row["code"]
    _, out, _ = dagu("scheduler", "--once", "--now", "2026-03-06T08:00:00Z")
    assert out.startswith("lost at 2026-03-05T09:00:00Z: missed (2 starts were missed, from ")


def test_a_catch_up_that_was_cut_is_shown_with_the_dag_for_a_week(dagu: Dagu, tmp_path: Path) -> None:
    text = "schedule: '0 * * * *'\ncatchUp: {window: 12h, maxRuns: 2}\nsteps: ['true']\n"
    (tmp_path / "dags" / "daily.yaml").write_text(text)
    dagu("scheduler", "--once", "--now", "2026-03-02T00:30:00Z")
    dagu("scheduler", "--once", "--now", "2026-03-02T06:30:00Z")
    cut = (
        "4 starts were missed, from 2026-03-02T01:00:00Z to 2026-03-02T04:00:00Z (over the limit of catch-up)"
    )
    _, out, _ = dagu("status", "daily", at="2026-03-08T00:00:00Z")
    assert out.endswith(f"\nCatch-up was cut: {cut}\n")
    _, out, _ = dagu("status", "daily", "--json", at="2026-03-08T00:00:00Z")
    told = {"at": "2026-03-02T06:30:00Z", "due": "2026-03-02T04:00:00Z", "message": cut}
    assert json.loads(out)["catchup"] == {"truncated": told}
    run_id = json.loads(out)["run"]["dagRunId"]
    for words, at in (((), "2026-03-10T00:00:00Z"), (("-r", run_id), "2026-03-08T00:00:00Z")):
        assert "Catch-up" not in dagu("status", "daily", *words, at=at)[1]
        assert "catchup" not in json.loads(dagu("status", "daily", "--json", *words, at=at)[1])


def test_a_time_that_is_none_and_one_without_once(dagu: Dagu) -> None:
    code, _, err = dagu("scheduler", "--once", "--now", "yesterday")
    assert code == 2 and "'yesterday' is not a time" in err
    code, _, err = dagu("scheduler", "--now", "2026-03-02")
    assert code == 2 and "--once" in err


def test_a_second_scheduler_does_no_pass(dagu: Dagu, tmp_path: Path) -> None:
    import asyncio

    from dagu_core.app.app import App
    from dagu_core.base.settings import Settings

    async def lead() -> None:
        async with App.open(Settings.load(environ={"DAGU_HOME": str(tmp_path)}), discover=False) as app:
            await app.store.acquire("scheduler", "somebody", 60)

    asyncio.run(lead())
    code, _, err = dagu("scheduler", "--once")
    assert code == 4 and "another scheduler leads" in err


def test_a_backfill_from_the_first_look_to_the_end(dagu: Dagu) -> None:
    month = ("--from", "2026-01-01", "--to", "2026-01-31")
    code, out, _ = dagu("backfill", "create", "daily", *month, "--dry-run")
    assert code == 0 and out.splitlines()[0] == "2026-01-01T09:00:00Z" and out.splitlines()[-1] == "31 runs"
    assert dagu("backfill", "list")[1] == "There are no backfills\n"
    code, _, err = dagu("backfill", "create", "daily", *month, "--max-runs", "30")
    assert code == 1 and "31 runs are more than the 30 allowed" in err
    _, out, _ = dagu("backfill", "create", "daily", *month, "--json", "-y")
    made = json.loads(out)
    assert (made["state"], made["total"], made["pinned"]) == ("running", 31, True)
    code, out, _ = dagu("backfill", "pause", made["id"])
    assert code == 0 and "paused" in out
    assert "goes on" in dagu("backfill", "resume", made["id"])[1]
    assert "31 not_started" in dagu("backfill", "show", made["id"])[1]
    assert "is cancelled" in dagu("backfill", "cancel", made["id"])[1]
    assert dagu("backfill", "pause", made["id"])[0] == 4
    assert dagu("backfill", "show", "00000000")[0] == 3
    code, _, err = dagu("backfill", "retry-failed", made["id"])
    assert code == 1 and "has failed" in err
    assert made["id"] in dagu("backfill", "list", "daily")[1]


def test_steps_that_are_no_durations(dagu: Dagu) -> None:
    code, _, err = dagu(
        "backfill", "create", "daily", "--from", "2026-01-01", "--to", "2026-01-02", "--step", "x"
    )
    assert code == 2 and "--step" in err
