"""`dagu calendar` and the scheduler, as processes on a home of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import dagu_calendar.plugin
import dagu_cron.plugin
from dagu_calendar.verb import command
from dagu_core import DaguError, Invalid, InvalidDefinition, NotFound, Settings, Unavailable, UsageError
from dagu_core.app.dags import Dags
from dagu_core.contracts.host import PluginHost

Run = Callable[..., subprocess.CompletedProcess[str]]
Write = Callable[[str, str], Path]


@pytest.fixture
def dagu(tmp_path: Path) -> Run:
    """Runs the command line with `tmp_path` as home."""
    env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    env |= {"DAGU_HOME": str(tmp_path), "HOME": str(tmp_path), "TZ": "UTC"}

    def run(
        *words: str, code: int = 0, stdin: int | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "dagu_core", *words]
        done = subprocess.run(
            command, env=env | more, stdin=stdin, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    return run


def dag(tmp_path: Path, calendar: str) -> None:
    (tmp_path / "dags").mkdir(exist_ok=True)
    text = f"timezone: Europe/Berlin\nschedule: 0 1 * * *\ncalendar: {calendar}\nsteps: ['true']\n"
    (tmp_path / "dags" / "nightly.yaml").write_text(text)


def test_from_the_import_to_the_scheduler(dagu: Run, tmp_path: Path) -> None:
    words = ("calendar", "import", "--country", "DE", "--subdiv", "BY", "--years", "2026-2030")
    assert dagu(*words).stdout.startswith("de-by: 60 added, 0 removed, 0 kept")
    assert dagu(*words).stdout.startswith("de-by: 0 added, 0 removed, 60 kept")
    (row,) = json.loads(dagu("calendar", "list", "--json").stdout)
    assert row == {"name": "de-by", "holidays": 60, "validUntil": "2030-12-31", "timezone": "", "problem": ""}

    dag(tmp_path, "{name: de-by, days: business-days, onHoliday: next-business-day}")
    preview = dagu("schedule", "preview", "nightly", "--from", "2026-12-24", "--to", "2026-12-29", "--json")
    assert [each["at"][:10] for each in json.loads(preview.stdout)["slots"]] == ["2026-12-24", "2026-12-28"]

    dag(tmp_path, "de-by")
    assert "Nothing is due" in dagu("scheduler", "--once", "--now", "2026-12-23T12:00:00+01:00").stdout
    assert "nightly" in dagu("scheduler", "--once", "--now", "2026-12-24T01:00:10+01:00").stdout
    told = dagu("scheduler", "--once", "--now", "2026-12-25T01:00:10+01:00").stdout
    assert told == "nightly at 2026-12-25T00:00:00Z: skipped (Christmas Day (de-by))\n"
    assert "Christmas Day (de-by)" in dagu("why", "nightly").stdout

    assert "Removed" in dagu("calendar", "rm", "de-by", "--yes").stdout
    assert "error D140 calendar: unknown calendar 'de-by'" in dagu("validate", "nightly", code=1).stderr
    told = dagu("scheduler", "--once", "--now", "2026-12-28T01:00:10+01:00").stdout
    assert "nightly at 2026-12-28T00:00:00Z: skipped (" in told and "unknown calendar 'de-by'" in told
    assert "unknown calendar 'de-by'" in dagu("why", "nightly").stdout


def test_a_start_nobody_knows_the_day_of_is_made_with_a_warning_that_is_kept(
    dagu: Run, write: Write, tmp_path: Path
) -> None:
    write("short", "validUntil: 2026-12-31\n")
    dag(tmp_path, "short")
    assert "Nothing is due" in dagu("scheduler", "--once", "--now", "2026-12-31T12:00:00+01:00").stdout
    made, told = dagu("scheduler", "--once", "--now", "2027-01-01T01:00:10+01:00").stdout.splitlines()
    warning = "calendar short is known until 2026-12-31, not for 2027-01-01"
    assert (made, told) == ("nightly:sched-20270101T000000Z: queued", f"nightly: warned ({warning})")
    (event,) = json.loads(dagu("events", "--kind", "warned", "--json").stdout)
    assert (event["dag"], event["message"], event["count"]) == ("nightly", warning, 1)
    assert warning in dagu("why", "nightly").stdout
    for choice in ("skip", "fail"):
        dag(tmp_path, f"{{name: short, onUnknown: {choice}}}")
        dagu("scheduler", "--once", "--now", "2027-01-01T12:00:00+01:00")
    (told,) = dagu("scheduler", "--once", "--now", "2027-01-02T01:00:10+01:00").stdout.splitlines()
    assert told.startswith("nightly at 2027-01-02T00:00:00Z: skipped (calendar short is known until")
    assert len(json.loads(dagu("events", "--kind", "warned", "--json").stdout)) == 1


def test_show_check_and_what_is_wrong(dagu: Run, write: Write) -> None:
    write("base", "timezone: Europe/Berlin\nholidays: [{date: 2026-12-25, name: Christmas}]\n")
    write("x", "extends: base\nweekends: [FRI]\nworkdays: [2026-12-25]\nvalidUntil: 2026-12-31\n")
    write("broken", "holidays: [2026-99-99]\n")
    shown = json.loads(dagu("calendar", "show", "base", "--json").stdout)
    assert shown["days"] == [
        {"date": "2026-12-25", "weekday": "Fri", "kind": "holiday", "name": "Christmas", "calendar": "base"}
    ]
    assert (shown["timezone"], shown["weekends"]) == ("Europe/Berlin", ["SAT", "SUN"])
    assert "2026-12-25  Fri  workday" in dagu("calendar", "show", "x", "--year", "2026").stdout
    told = json.loads(dagu("calendar", "check", "2026-12-25", "base", "x", "--json").stdout)
    assert [(each["calendar"], each["told"]) for each in told] == [
        ("base", "Christmas (base)"),
        ("x", "business day, by exception (x)"),
        ("base, x", "business day, by exception (base, x)"),
    ]
    assert "known until 2026-12-31 only" in dagu("calendar", "check", "2027-01-01", "x").stdout
    assert "must be a date such as" in dagu("calendar", "list").stdout
    assert "must be a date such as" in dagu("calendar", "show", "broken", code=1).stderr


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("show", "nope"), NotFound),
        (("check", "2026-12-25", "nope"), NotFound),
        (("check", "tomorrow"), UsageError),
        (("rm", "nope", "-y"), NotFound),
        (("show", "../../etc"), Invalid),
        (("import",), UsageError),
        (("import", "x.ics", "--country", "DE"), UsageError),
        (("import", "missing.ics"), Unavailable),
        (("import", "x.txt"), Invalid),
        (("import", "--country", "XX"), Invalid),
        (("import", "--country", "DE", "--years", "1"), Invalid),
        (("import", "--country", "DE", "--name", "../x"), Invalid),
    ],
)
def test_a_call_that_is_wrong(tmp_path: Path, words: tuple[str, ...], error: type[DaguError]) -> None:
    invocation = SimpleNamespace(settings=Settings.load(environ={"DAGU_HOME": str(tmp_path)}))
    with pytest.raises(error):
        command.main(list(words), standalone_mode=False, obj=invocation)
    assert list(tmp_path.iterdir()) == []


def test_files_are_imported_under_their_own_name(dagu: Run, tmp_path: Path) -> None:
    table = tmp_path / "Our Days.csv"
    table.write_text("2026-12-24,Party\n")
    assert dagu("calendar", "import", str(table)).stdout.startswith("our-days: 1 added")
    assert dagu("calendar", "import", str(table), "--name", "own").stdout.startswith("own: 1 added")
    table.write_text("")
    assert "no days were found" in dagu("calendar", "import", str(table), code=1).stderr


def test_an_edit_that_is_wrong_is_not_written(dagu: Run, write: Write, tmp_path: Path) -> None:
    path = write("x", "holidays: [2026-01-01]\n")
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("#!/bin/sh\necho 'holidays: [2026-01-02]' > \"$1\"\n")
    bad.write_text("#!/bin/sh\necho 'holidays: 7' > \"$1\"\n")
    for script in (good, bad):
        script.chmod(0o755)
    assert "holidays" in dagu("calendar", "edit", "x", code=1, EDITOR=str(bad)).stderr
    assert path.read_text() == "holidays: [2026-01-01]\n"
    assert "Wrote" in dagu("calendar", "edit", "x", EDITOR=str(good)).stdout
    assert path.read_text() == "holidays: [2026-01-02]\n"
    assert "Nothing was changed" in dagu("calendar", "edit", "x", EDITOR="true").stdout


def test_an_edit_needs_an_editor_or_a_terminal(dagu: Run, write: Write) -> None:
    write("x", "holidays: [2026-01-01]\n")
    told = dagu("calendar", "edit", "x", code=1, EDITOR="", stdin=subprocess.DEVNULL).stderr
    assert "there is no terminal" in told and "EDITOR" in told


@pytest.mark.parametrize("ahead", [59, 61, -1])
def test_an_end_that_is_near_is_a_warning(write: Write, tmp_path: Path, ahead: int) -> None:
    end = datetime.now(UTC).date() + timedelta(days=ahead)
    write("short", f"validUntil: {end}\n")
    found = checked(tmp_path, "{name: short, onUnknown: skip}")
    verb = "ends" if ahead > 0 else "ended"
    expected = [] if ahead > 60 else [(3, "warning", "D141", f"calendar: short {verb} on {end}")]
    assert [(each.place.line, each.severity, each.code, each.message) for each in found] == expected
    assert all("nothing starts (onUnknown: skip)" in each.hint for each in found)


def test_a_calendar_nobody_knows_is_an_error_of_the_file(write: Write, tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition, match=r"3:1: error D140 calendar: unknown calendar 'nope'"):
        checked(tmp_path, "nope")
    write("nope", "extends: nope\n")
    with pytest.raises(InvalidDefinition, match="D140 calendar: calendars extend each other"):
        checked(tmp_path, "nope")


def checked(home: Path, calendar: str) -> tuple[object, ...]:
    settings = Settings.load(environ={"DAGU_HOME": str(home)})
    plugins = [dagu_calendar.plugin, dagu_cron.plugin]
    dags = Dags(
        settings.paths.dags,
        settings.paths.base_config,
        PluginHost.of(settings, plugins=plugins, discover=False),
    )
    return dags.check(f"steps: [a b]\nschedule: 0 1 * * *\ncalendar: {calendar}\n").warnings
