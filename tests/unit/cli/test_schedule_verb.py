"""`dagu schedule` against a real app in a home of its own; only the clock and the plugins are ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagu_core.app.app import App
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run
from dagu_core.cli.verbs.schedule import _user
from dagu_core.contracts.host import PluginHost
from dagu_core.testing.store_contract import ManualClock
from tests.unit.cli.asked import Capture, Dagu
from tests.unit.schedule.toys import Plugin, instant

DAG = """\
timezone: Europe/Berlin
schedule:
  start: [daily 02:30, TZ=UTC daily 12:00]
  stop: daily 23:00
  exclude: {days: SUN}
steps: [echo a]
"""


@pytest.fixture
def dagu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dagu:
    for name in ("DAGU_HOME", "TZ", "DAGU_TZ"):
        monkeypatch.delenv(name, raising=False)
    host = PluginHost.load(plugins=[Plugin()], discover=False)
    clock = ManualClock(instant("2026-06-05 20:00"))

    def work(self: Invocation, ask: Callable[[App], Any]) -> Any:
        async def body() -> Any:
            async with App.open(self.settings, host=host, clock=clock) as app:
                return await ask(app)

        return asyncio.run(body())

    monkeypatch.setattr(Invocation, "run", work)
    return lambda *words: run(list(words), Invocation(home=str(tmp_path)))


def test_a_preview_shows_what_comes_and_what_does_not(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text(DAG)
    assert dagu("schedule", "preview", "d", "--count", "7") == 0
    assert capsys.readouterr().out.splitlines() == [
        "TIME                       ACTION  ENTRY               NOTE",
        "2026-06-05T23:00:00+02:00  stop    daily 23:00",
        "2026-06-06T02:30:00+02:00  start   daily 02:30",
        "2026-06-06T14:00:00+02:00  start   TZ=UTC daily 12:00",
        "2026-06-06T23:00:00+02:00  stop    daily 23:00",
        "2026-06-07T02:30:00+02:00  start   daily 02:30         skipped: excluded: SUN",
        "2026-06-07T14:00:00+02:00  start   TZ=UTC daily 12:00  skipped: excluded: SUN",
        "2026-06-07T23:00:00+02:00  stop    daily 23:00",
    ]


def test_a_preview_of_a_stretch_of_time_holds_both_ends(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text(DAG)
    words = ("--from", "2026-06-06T02:30", "--to", "2026-06-06T21:00:00Z", "--json")
    assert dagu("schedule", "preview", "d", *words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "name": "d",
        "timezone": "Europe/Berlin",
        "suspended": False,
        "hasMore": False,
        "slots": [
            {"due": at, "at": at, "action": action, "entries": [entry]}
            for at, action, entry in (
                ("2026-06-06T02:30:00+02:00", "start", "daily 02:30"),
                ("2026-06-06T14:00:00+02:00", "start", "TZ=UTC daily 12:00"),
                ("2026-06-06T23:00:00+02:00", "stop", "daily 23:00"),
            )
        ],
    }


def test_a_date_is_midnight_in_the_zone_of_the_dag(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text("timezone: Europe/Berlin\nschedule: daily 00:00\nsteps: []\n")
    assert dagu("schedule", "preview", "d", "--from", "2026-06-10", "--to", "2026-06-11", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [slot["due"][:10] for slot in found["slots"]] == ["2026-06-10", "2026-06-11"]


def test_a_preview_says_that_there_is_more(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text(DAG)
    assert dagu("schedule", "preview", "d") == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 11 and "There is more" in shown.err


def test_the_settings_give_the_zone(dagu: Dagu, dags: Path, tmp_path: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text("schedule: daily 09:00\nsteps: []\n")
    (tmp_path / "config.yaml").write_text("tz: Asia/Tokyo\n")
    assert dagu("schedule", "preview", "d", "--count", "1") == 0
    assert "2026-06-06T09:00:00+09:00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nope",), 3, "there is no DAG 'nope'"),
        (("d", "--from", "noon"), 2, "'noon' is not a time"),
        (("d", "--count", "0"), 2, "0 is not in the range"),
        (("broken",), 1, "D999 'daily nine' names no time"),
        (("cron",), 3, "there is no schedule kind `cron`"),
    ],
)
def test_what_cannot_be_previewed(
    words: tuple[str, ...], code: int, message: str, dagu: Dagu, dags: Path, capsys: Capture
) -> None:
    (dags / "d.yaml").write_text(DAG)
    (dags / "broken.yaml").write_text("schedule: daily nine\nsteps: []\n")
    (dags / "cron.yaml").write_text("schedule: 0 9 * * *\nsteps: []\n")
    assert dagu("schedule", "preview", *words) == code
    assert message in capsys.readouterr().err


def test_nothing_to_preview(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text("steps: []\n")
    (dags / "over.yaml").write_text("schedule: daily 09:00\nendDate: 2020-01-01\nsteps: []\n")
    assert dagu("schedule", "preview", "d") == 0
    assert dagu("schedule", "preview", "over") == 0
    assert capsys.readouterr().out == "d has no schedule\nNothing is due\n"


def test_suspend_and_resume(dagu: Dagu, dags: Path, tmp_path: Path, capsys: Capture) -> None:
    (dags / "a b.yaml").write_text(DAG.replace("timezone", "name: d\ntimezone"))
    flag = tmp_path / "suspend" / "a-b.suspend"
    assert dagu("schedule", "suspend", "a b", "--reason", "too loud") == 0
    assert flag.exists()
    assert dagu("schedule", "suspend", "a b") == 0
    capsys.readouterr()
    assert dagu("schedule", "preview", "a b", "--count", "1") == 0
    shown = capsys.readouterr()
    assert "d is suspended" in shown.err and "(too loud)" in shown.err
    assert "2026-06-05T23:00:00+02:00" in shown.out
    assert dagu("schedule", "resume", "a b") == 0
    assert not flag.exists()
    assert dagu("schedule", "resume", "a b") == 0
    assert capsys.readouterr().out == "Resumed a b\na b was not suspended\n"


def test_a_flag_of_a_file_that_is_gone_can_be_taken_away(dagu: Dagu, tmp_path: Path, dags: Path) -> None:
    (tmp_path / "suspend").mkdir()
    (tmp_path / "suspend" / "old.suspend").touch()
    assert dagu("schedule", "resume", "old") == 0
    assert dagu("schedule", "resume", "old") == 3


def test_a_flag_of_another_tool_counts(dagu: Dagu, tmp_path: Path, dags: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text(DAG)
    (tmp_path / "suspend").mkdir()
    (tmp_path / "suspend" / "d.suspend").write_bytes(b"\xff")
    assert dagu("schedule", "list") == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("suspended")


def test_nothing_is_next_for_a_dag_that_is_suspended(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text(DAG)
    dagu("schedule", "suspend", "d", "--reason", "too loud")
    capsys.readouterr()
    assert dagu("schedule", "list") == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert "2026-" not in line and "suspended" in line and "(too loud)" in line
    assert dagu("schedule", "list", "--json") == 0
    (shape,) = json.loads(capsys.readouterr().out)
    assert shape["suspended"] is True and "next" not in shape
    dagu("schedule", "resume", "d")
    capsys.readouterr()
    assert dagu("schedule", "list") == 0
    assert "2026-06-05T23:00:00+02:00 stop" in capsys.readouterr().out


def test_links_that_lead_nowhere_are_told_beside_the_list(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "a.yaml").write_text(DAG)
    (dags / "gone.yaml").symlink_to("/nowhere/x.yaml")
    (dags / "round.yml").symlink_to(dags / "round.yml")
    (dags / "notes.txt").symlink_to("/nowhere")
    (dags / "alias.yaml").symlink_to(dags / "none.yaml")
    (dags / "none.yaml").write_text("steps: []\n")
    assert dagu("schedule", "list", "--json") == 0
    shown = capsys.readouterr()
    assert [one["name"] for one in json.loads(shown.out)] == ["a"]
    assert shown.err.splitlines() == [
        "Warning: gone.yaml is a link that leads nowhere, to /nowhere/x.yaml",
        f"Warning: round.yml is a link that leads nowhere, to {dags / 'round.yml'}",
    ]


def test_the_list(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "a.yaml").write_text(DAG)
    (dags / "b.yaml").write_text("timezone: Europe/Berlin\nschedule: {start: {beat: 60}}\nsteps: []\n")
    (dags / "none.yaml").write_text("steps: []\n")
    assert dagu("schedule", "list") == 0
    shown = [line.split("  ") for line in capsys.readouterr().out.splitlines()[1:]]
    assert [[word.strip() for word in line if word] for line in shown] == [
        [
            "a",
            "a.yaml",
            "daily 02:30; TZ=UTC daily 12:00; stop daily 23:00",
            "2026-06-05T23:00:00+02:00 stop",
            "active",
        ],
        ["b", "b.yaml", "beat: 60", "2026-06-05T20:01:00+02:00 start", "active"],
    ]


def test_the_list_tells_what_is_broken(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "bad.yaml").write_text("schedule: daily nine\nsteps: []\n")
    (dags / "cron.yaml").write_text("schedule: 0 9 * * *\nsteps: []\n")
    assert dagu("schedule", "list", "--json") == 1
    bad, cron = json.loads(capsys.readouterr().out)
    assert bad["name"] == "bad" and "names no time" in bad["problem"]
    assert cron["schedule"] == {"start": ["0 9 * * *"]}
    assert "pip install dagu-cron" in cron["problem"]


def test_nobody_is_scheduled(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    assert dagu("schedule", "list") == 0
    assert capsys.readouterr().out == "No DAG is scheduled\n"


def test_a_suspension_may_have_an_end(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text(DAG)
    assert dagu("schedule", "suspend", "d", "--until", "2h", "--reason", "maintenance") == 0
    capsys.readouterr()
    dagu("schedule", "list")
    told = f"suspended by {_user()} until 2026-06-05T22:00:00+02:00 (maintenance)"
    assert told in capsys.readouterr().out
    dagu("schedule", "list", "--json")
    (found,) = json.loads(capsys.readouterr().out)
    assert found["suspended"] and found["suspension"]["until"] == "2026-06-05T22:00:00+02:00"


@pytest.mark.parametrize("until", ["soon", "-1h", "2026-06-05T19:00:00+02:00"])
def test_an_end_that_is_none(dagu: Dagu, dags: Path, capsys: Capture, until: str) -> None:
    (dags / "d.yaml").write_text(DAG)
    assert dagu("schedule", "suspend", "d", "--until", until) == 2
    assert "--until" in (said := capsys.readouterr().err) or "not a time" in said


@pytest.mark.parametrize("until", ["", "soon", "-2h", "0s", "2020-01-01", "99999999d", "10000-01-01"])
def test_an_end_that_makes_no_sense(dagu: Dagu, dags: Path, capsys: Capture, until: str) -> None:
    (dags / "d.yaml").write_text(DAG)
    assert dagu("schedule", "suspend", "d", f"--until={until}") == 2
    assert f"--until: {until!r} is " in capsys.readouterr().err
    assert dagu("schedule", "list") == 0
    assert "suspended" not in capsys.readouterr().out


def test_the_end_of_a_suspension_is_told_and_changed(dagu: Dagu, dags: Path, capsys: Capture) -> None:
    (dags / "d.yaml").write_text(DAG)
    assert dagu("schedule", "suspend", "d", "--until=2099-01-01T00:00:00Z", "--reason=loud") == 0
    assert capsys.readouterr().out.startswith("Suspended d until 20")
    assert dagu("schedule", "suspend", "d", "--until=2099-01-02T00:00:00Z", "--reason=loud") == 0
    assert capsys.readouterr().out.startswith("d was suspended already; now it is until 20")
    assert dagu("why", "d", "--json") == 0
    (reason,) = json.loads(capsys.readouterr().out)
    assert (reason["status"], reason["code"]) == ("suspended", "suspended")
    assert reason["message"].endswith("until 2099-01-02T01:00:00+01:00 (loud)")
    assert dagu("schedule", "preview", "d", "--json") == 0
    told = json.loads(capsys.readouterr().out)["suspension"]
    assert (told["reason"], told["until"]) == ("loud", "2099-01-02T01:00:00+01:00")
