"""What FTP servers say about their folders: MLSD facts, and the lines of LIST in two dialects."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dagu_ftp.tree import Entry, Kind

_UNIX = re.compile(
    r"(?P<kind>[-dlbcps])(?P<bits>[-rwxsStT]{9})[.+@]?\s+\d+\s+\S+\s+(?:\S+\s+)?"
    r"(?P<size>\d+)(?:,\s*\d+)?\s+(?P<month>[A-Za-z]{3})\s+(?P<day>\d{1,2})\s+"
    r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{2})|(?P<year>\d{4})) (?P<name>.+)"
)
_DOS = re.compile(
    r"(?P<month>\d\d)-(?P<day>\d\d)-(?P<year>\d{2,4})\s+(?P<hour>\d\d):(?P<minute>\d\d)(?P<half>[AP]M)?\s+"
    r"(?:(?P<folder><DIR>)|(?P<size>[\d,]+)) +(?P<name>.+)",
    re.IGNORECASE,
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_FACT_KINDS: dict[str, Kind] = {"file": "file", "dir": "folder"}


def fact_entry(line: str) -> Entry | None:
    """The entry of one line of MLSD; None for the folder itself and the one above it."""
    text, _, name = line.partition(" ")
    facts = {key.lower(): value for key, _, value in (each.partition("=") for each in text.split(";"))}
    kind = facts.get("type", "").lower()
    if kind in ("cdir", "pdir") or not name:
        return None
    mode = facts.get("unix.mode", "").removeprefix("0o")
    return Entry(
        name,
        "link" if "link" in kind else _FACT_KINDS.get(kind, "other"),
        int(facts["size"]) if facts.get("size", "").isdigit() else None,
        moment(facts.get("modify", "")),
        mode=int(mode, 8) & 0o7777 if re.fullmatch("[0-7]+", mode) else None,
    )


def line_entry(line: str, now: float) -> Entry | None:
    """The entry of one line of LIST; None for what is no entry. Its time is rough: servers write
    minutes or days, and hours of their own zone."""
    if found := _UNIX.fullmatch(line):
        return _unix_entry(found, now)
    if found := _DOS.fullmatch(line):
        year = int(found["year"]) + (2000 if len(found["year"]) == 2 else 0)
        hour = int(found["hour"]) % 12 + 12 * (found["half"].upper() == "PM") if found["half"] else None
        return Entry(
            found["name"],
            "folder" if found["folder"] else "file",
            None if found["folder"] else int(found["size"].replace(",", "")),
            _time(
                year,
                int(found["month"]),
                int(found["day"]),
                int(found["hour"]) if hour is None else hour,
                int(found["minute"]),
            ),
            is_exact=False,
        )
    return None


def _unix_entry(found: re.Match[str], now: float) -> Entry | None:
    name, letter = found["name"], found["kind"]
    if letter == "l":
        name = name.partition(" -> ")[0]
    if name in (".", ".."):
        return None
    kinds: dict[str, Kind] = {"-": "file", "d": "folder", "l": "link"}
    return Entry(
        name,
        kinds.get(letter, "other"),
        int(found["size"]) if letter == "-" else None,
        _unix_time(found, now),
        is_exact=False,
        mode=sum(1 << 8 - at for at, bit in enumerate(found["bits"]) if bit not in "-ST"),
    )


def _unix_time(found: re.Match[str], now: float) -> float | None:
    if found["month"].lower() not in _MONTHS:
        return None
    month, day = _MONTHS.index(found["month"].lower()) + 1, int(found["day"])
    if found["year"]:
        return _time(int(found["year"]), month, day, 0, 0)
    # Without a year it is the last such day; one more day because of the server's zone.
    latest = datetime.fromtimestamp(now, UTC) + timedelta(days=1)
    at = _time(latest.year, month, day, int(found["hour"]), int(found["minute"]))
    if at is None or at > latest.timestamp():
        at = _time(latest.year - 1, month, day, int(found["hour"]), int(found["minute"]))
    return at


def _time(year: int, month: int, day: int, hour: int, minute: int) -> float | None:
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def moment(text: str) -> float | None:
    """The time of an MLSD fact or of MDTM (`YYYYMMDDHHMMSS`, always UTC) in epoch seconds."""
    digits = text.strip().partition(".")[0]
    if not re.fullmatch(r"\d{14}", digits):
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def stamp(modified: float) -> str:
    """A time as MFMT and MDTM want it."""
    return datetime.fromtimestamp(modified, UTC).strftime("%Y%m%d%H%M%S")
