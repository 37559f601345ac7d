"""`dagu calendar`: the calendars of this home."""

from __future__ import annotations

import datetime
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from dagu_calendar import edits, files
from dagu_calendar.days import Days, Library
from dagu_core import DaguError, Invalid, NotFound, SystemClock, UsageError

_json = click.option("--json", "in_json", is_flag=True, help="Print JSON.")


def _folder() -> Path:
    """The folder of the configuration file of this call."""
    folder = click.get_current_context().obj.settings.config_folder
    assert isinstance(folder, Path)
    return folder


@click.group("calendar", short_help="Import, list, show, check and remove calendars.")
def command() -> None:
    """Calendars of holidays and business days, which DAGs name under `calendar`."""


@command.command("import", short_help="Fill a calendar with holidays.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--country", default="", metavar="CODE", help="Take the public holidays of a country, e.g. DE.")
@click.option("--subdiv", default="", metavar="CODE", help="Those of a part of the country, e.g. BY.")
@click.option("--years", default="", metavar="YEARS", help="2026 or 2026-2030 (default: now and 4 more).")
@click.option("--language", default="", metavar="CODE", help="Language of the names (default: English).")
@click.option("--category", "categories", multiple=True, metavar="WORD", help="public, bank, catholic, ...")
@click.option("--name", default="", metavar="NAME", help="The calendar (default: made from the source).")
def import_(
    file: Path | None,
    country: str,
    subdiv: str,
    years: str,
    language: str,
    categories: Sequence[str],
    name: str,
) -> None:
    """Fill a calendar from the holidays of a country, or from FILE (.ics or .csv).

    Days that were written by hand stay, those of an earlier import of the same source are replaced.
    Nothing is fetched from anywhere.
    """
    from dagu_calendar.ics import of_events
    from dagu_calendar.imports import checked_count, of_country, of_table, years_of

    if bool(country) == bool(file):
        raise UsageError(
            "give either a file or --country", hint="dagu calendar import --country DE --subdiv BY"
        )
    span = years_of(years) if years else None
    until = ""
    if country:
        span = span or range(_today().year, _today().year + 5)
        found = of_country(country, subdiv, span, language, categories)
        until = f"{span.stop - 1}-12-31"
        name = name or "-".join(filter(None, (country, subdiv))).lower()
    else:
        assert file is not None
        kind = file.suffix.lower()
        if kind not in (".ics", ".csv"):
            raise Invalid(f"{file.name}: only .ics and .csv files can be imported")
        found = of_events(file, span) if kind == ".ics" else of_table(file)
        checked_count(found, file)
        name = name or re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")
    if not found:
        raise Invalid("no days were found", hint="of an .ics file only events of whole days count")
    done = edits.merge(_folder(), name, found, span, until)
    click.echo(f"{name}: {done.added} added, {done.removed} removed, {done.kept} kept ({done.path})")


@command.command("list", short_help="List the calendars.")
@_json
def list_(in_json: bool) -> None:
    """List the calendars, with what is wrong with some of them."""
    library = Library(_folder())
    rows = [_summary(library, name) for name in files.names_in(_folder())]
    if in_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = [
        (row["name"], str(row["holidays"]), row["validUntil"] or "-", row["timezone"] or "-", row["problem"])
        for row in rows
    ]
    _table(("NAME", "HOLIDAYS", "VALID UNTIL", "TIMEZONE", "PROBLEM"), table)


@command.command("show", short_help="Show the days of a calendar.")
@click.argument("name")
@click.option("--year", type=int, default=0, help="Only this year.")
@_json
def show(name: str, year: int, in_json: bool) -> None:
    """Show holidays and exceptional working days of a calendar, those it takes over included."""
    _require(name)
    days = Library(_folder()).days([name])
    rows = [
        (day.isoformat(), f"{day:%a}", "holiday" if days.is_holiday(day) else "workday", *_origin(days, day))
        for day in sorted(days.holidays.keys() | days.workdays)
        if year in (0, day.year)
    ]
    if in_json:
        keys = ("date", "weekday", "kind", "name", "calendar")
        shown = [dict(zip(keys, row, strict=True)) for row in rows]
        until = days.until.isoformat() if days.until else ""
        weekends = sorted(days.weekends) if days.weekends is not None else [5, 6]
        facts = {"timezone": days.timezone, "weekends": [files.WEEKDAYS[day] for day in weekends]}
        click.echo(json.dumps({"name": name, "validUntil": until, **facts, "days": shown}, indent=2))
        return
    _table(("DATE", "DAY", "KIND", "NAME", "CALENDAR"), rows)


@command.command("check", short_help="Tell what kind of day a date is.")
@click.argument("date")
@click.argument("names", nargs=-1)
@_json
def check(date: str, names: Sequence[str], in_json: bool) -> None:
    """Tell what kind of day a date is in each of the calendars (default: all), or in all as one."""
    try:
        day = files.day_of(date)
    except ValueError as error:
        raise UsageError(f"DATE {error}") from None
    library = Library(_folder())
    chosen = list(dict.fromkeys(names)) or files.names_in(_folder())
    for name in chosen:
        _require(name)
    groups = [[name] for name in chosen] + ([chosen] if len(names) > 1 else [])
    rows = []
    for group in groups:
        days = library.days(group)
        is_known = days.until is None or day <= days.until
        told = days.told(day) if is_known else f"{days.told(day)}; known until {days.until} only"
        row = {
            "calendar": ", ".join(group),
            "date": day.isoformat(),
            "businessDay": days.is_business_day(day),
        }
        rows.append(row | {"holiday": days.is_holiday(day), "known": is_known, "told": told})
    if in_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    _table(("CALENDAR", "DATE", "DAY"), [(str(r["calendar"]), str(r["date"]), str(r["told"])) for r in rows])


@command.command("edit", short_help="Change a calendar in your editor.")
@click.argument("name")
def edit(name: str) -> None:
    """Open a calendar in $EDITOR; what is wrong afterwards is not written."""
    if not (os.environ.get("VISUAL") or os.environ.get("EDITOR") or sys.stdin.isatty()):
        message = "there is no terminal, and $EDITOR names no editor"
        raise Invalid(message, hint="set EDITOR, or edit the file")
    path = files.path_of(_folder(), name)
    old = path.read_text("utf-8") if path.is_file() else "holidays:\n"
    text = click.edit(old, extension=".yaml")
    if text is None or text == old:
        click.echo("Nothing was changed")
        return
    files.parsed(path, text.encode())
    edits.write_text(path, text)
    click.echo(f"Wrote {path}")


@command.command("rm", short_help="Remove a calendar.")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def rm(name: str, yes: bool) -> None:
    """Remove a calendar. DAGs that name it start nothing by schedule any more."""
    _require(name)
    if not yes:
        try:
            yes = click.confirm(f"Remove the calendar {name}?", err=True)
        except click.Abort:
            yes = False
    click.echo(f"Removed {edits.remove(_folder(), name)}" if yes else "Nothing was removed")


def _summary(library: Library, name: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": name, "holidays": 0, "validUntil": "", "timezone": "", "problem": ""}
    try:
        days = library.days([name])
    except DaguError as error:
        return facts | {"problem": str(error)}
    until = days.until.isoformat() if days.until else ""
    count = sum(days.is_holiday(day) for day in days.holidays)
    return facts | {"holidays": count, "validUntil": until, "timezone": days.timezone}


def _origin(days: Days, day: datetime.date) -> tuple[str, str]:
    return days.holidays[day] if days.is_holiday(day) else ("", ", ".join(days.names))


def _require(name: str) -> None:
    if not files.path_of(_folder(), name).is_file():
        raise NotFound(f"there is no calendar {name!r}", hint="see `dagu calendar list`")


def _today() -> datetime.date:
    return datetime.datetime.fromtimestamp(SystemClock().now(), datetime.UTC).date()


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        cells = (cell.ljust(size) for cell, size in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
