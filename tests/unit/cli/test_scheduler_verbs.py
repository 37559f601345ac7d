"""`scheduler --once`, `backfill` and what `why` and `schedule list` tell of starts that were not made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

Dagu = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dagu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dagu:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "daily.yaml").write_text("schedule: '0 9 * * *'\nsteps: ['true']\n")
    for name, value in {"DAGU_HOME": str(tmp_path), "DAGU_TZ": "UTC", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)

    def call(*words: str) -> tuple[int, str, str]:
        code = run(list(words), Invocation())
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
