"""Where holidays come from: the data of the package `holidays`, and tables."""

from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dagu_calendar.files import Holiday, day_of
from dagu_core import Invalid, Unavailable

_YEARS = re.compile(r"(\d{4})(?:\s*-\s*(\d{4}))?")
_ENGLISH = "en_US"
_MOST_BYTES = 20_000_000
_MOST_DAYS = 20_000
_MOST_YEARS = 100
_DATE_HEADINGS = ("date", "day", "start", "start date", "from")
_END_HEADINGS = ("end", "end date", "until", "to")
_NAME_HEADINGS = ("name", "summary", "holiday", "subject", "title", "description")


def years_of(text: str) -> range:
    """`2026` or `2026-2030` as years. Raises Invalid."""
    match = _YEARS.fullmatch(text.strip())
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not 1 <= last - first + 1 <= _MOST_YEARS:
        raise Invalid(f"{text[:40]!r} is no range of years such as 2026-2030")
    return range(first, last + 1)


def of_country(
    country: str, subdivision: str, years: range, language: str = "", categories: Sequence[str] = ()
) -> list[Holiday]:
    """The holidays of a country, or a part of it; the public ones unless `categories` are given.

    Names are in `language`, else English where it is known: what the machine speaks must not
    decide about a file. Raises Invalid for places, languages and categories nobody knows.
    """
    import holidays

    code, known = country.upper(), holidays.list_supported_countries()
    if code not in known:
        hint = "give its code of two letters, such as DE"
        raise Invalid(f"no holidays are known of {country[:40]!r}", hint=hint)
    parts = {part.upper(): part for part in known[code]}
    if subdivision and subdivision.upper() not in parts:
        hint = f"known are {', '.join(known[code])}" if parts else "it is not divided"
        raise Invalid(f"{code} has no part {subdivision[:40]!r}", hint=hint)
    about = holidays.country_holidays(code)
    languages = about.supported_languages or (about.default_language,)
    language = language or (_ENGLISH if _ENGLISH in languages else str(about.default_language or ""))
    for noun, given, choice in (
        ("language", [language] if language else [], languages),
        ("category", categories, about.supported_categories),
    ):
        if wrong := [each for each in given if each not in choice]:
            hint = f"known are {', '.join(str(each) for each in choice)}"
            raise Invalid(f"{code} has no {noun} {wrong[0][:40]!r}", hint=hint)
    found = holidays.country_holidays(
        code,
        subdiv=parts[subdivision.upper()] if subdivision else None,
        years=years,
        expand=False,
        language=language or None,
        categories=tuple(categories) or None,
    )
    source = "holidays " + "-".join(filter(None, (code, subdivision.upper())))
    return [Holiday(date=day.isoformat(), name=name, source=source) for day, name in sorted(found.items())]


def read_text(path: Path) -> str:
    """The text of a file that is to be imported. Raises Invalid and Unavailable."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise Invalid(f"{path.name}: too large to be imported")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def of_table(path: Path) -> list[Holiday]:
    """The days of a .csv file: columns `date`, `name`, and `end` (included) where days go on.

    Without headings the first column is the date and the second the name. Raises Invalid with
    the row that is wrong.
    """
    text = read_text(path)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    headings = [cell.lower() for cell in rows[0]] if rows else []
    date, end, name = (
        next((headings.index(word) for word in words if word in headings), None)
        for words in (_DATE_HEADINGS, _END_HEADINGS, _NAME_HEADINGS)
    )
    begin = 1
    if date is None:
        date, end, name, begin = 0, None, 1, 0
    found: list[Holiday] = []
    for number, row in enumerate(rows[begin:], begin + 1):
        if not any(row):
            continue
        try:
            first = day_of(_cell(row, date))
            last = day_of(_cell(row, end)) if _cell(row, end) else first
        except ValueError as error:
            raise Invalid(f"{path.name}: row {number}: {error}") from None
        found += spread(first, last, _cell(row, name), f"csv {path.name}")
    return found


def spread(first: datetime.date, last: datetime.date, name: str, source: str) -> Iterator[Holiday]:
    """A holiday for each of the days. Raises Invalid for too many of them, or none."""
    if not 0 <= (last - first).days < 366:
        raise Invalid(f"{name[:40]!r} from {first} to {last}: expected 1 to 366 days")
    for number in range((last - first).days + 1):
        day = first + datetime.timedelta(days=number)
        yield Holiday(date=day.isoformat(), name=name, source=source)


def checked_count(found: Sequence[Holiday], path: Path) -> None:
    """Raises Invalid for more days than a calendar can sensibly have."""
    if len(found) > _MOST_DAYS:
        raise Invalid(f"{path.name}: more than {_MOST_DAYS} days")


def _cell(row: Sequence[str], index: int | None) -> str:
    return row[index] if index is not None and index < len(row) else ""
