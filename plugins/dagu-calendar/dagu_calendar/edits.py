"""Changes to calendar files: whole or not at all."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagu_calendar.files import CalendarFile, Holiday, names_in, path_of, read_file
from dagu_core import Conflict, DaguError, NotFound, Unavailable

_HEAD = "# A calendar of dagu. Days with a `source` come from an import and are replaced by the next one.\n"


@dataclass(frozen=True, slots=True)
class Merged:
    """What an import did to a calendar: days that came, went and stayed as they were."""

    path: Path
    added: int
    removed: int
    kept: int

    @property
    def changed(self) -> bool:
        """Whether the file was written."""
        return bool(self.added or self.removed)


def merge(folder: Path, name: str, found: Sequence[Holiday], years: range | None, until: str = "") -> Merged:
    """Put imported days into a calendar, made when there is none.

    Days of the same source (in `years` when they are given) are replaced; those written by hand
    and those of other sources stay and win. `until` moves `validUntil` ahead, never back. A file
    that says all of it already is not touched. Raises Invalid and Unavailable.
    """
    path = path_of(folder, name)
    try:
        old = read_file(path)
    except NotFound:
        old = CalendarFile.model_validate({})
    sources = {each.source for each in found}

    def is_replaced(each: Holiday) -> bool:
        return each.source in sources and (years is None or each.day.year in years)

    stays = [each for each in old.holidays if not is_replaced(each)]
    taken = {each.date for each in stays}
    fresh = {each.date: each for each in reversed(found) if each.date not in taken}
    before = {each.date: each for each in old.holidays if is_replaced(each)}
    both = {day for day, each in before.items() if fresh.get(day) == each}
    holidays = sorted([*stays, *fresh.values()], key=lambda each: each.date)
    last = max(old.valid_until, until) if until else old.valid_until
    merged = Merged(path, len(fresh) - len(both), len(before) - len(both), len(stays) + len(both))
    if merged.changed or last != old.valid_until or not path.exists():
        write_file(path, old.model_copy(update={"holidays": holidays, "valid_until": last}))
    return merged


def write_file(path: Path, file: CalendarFile) -> None:
    """Replace the file in one go. Raises Unavailable."""
    import yaml

    data: dict[str, Any] = {}
    if file.timezone:
        data["timezone"] = file.timezone
    if file.weekends is not None:
        data["weekends"] = file.weekends
    if file.valid_until:
        data["validUntil"] = datetime.date.fromisoformat(file.valid_until)
    if file.extends:
        data["extends"] = file.extends
    data["holidays"] = [_as_data(each) for each in file.holidays]
    if file.workdays:
        data["workdays"] = [datetime.date.fromisoformat(each) for each in file.workdays]
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)
    write_text(path, _HEAD + text)


def write_text(path: Path, text: str) -> None:
    """Replace the file in one go; a reader sees the old text or the new one. Raises Unavailable."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None


def remove(folder: Path, name: str) -> Path:
    """Remove a calendar. Raises NotFound, and Conflict while others extend it."""
    path = path_of(folder, name)
    users = []
    for other in names_in(folder):
        try:
            extends = read_file(path_of(folder, other)).extends
        except DaguError:
            continue
        users += [other] if name in extends and other != name else []
    if users:
        raise Conflict(f"calendar {name} is extended by {', '.join(users)}")
    try:
        path.unlink()
    except FileNotFoundError:
        raise NotFound(f"there is no calendar {name!r}") from None
    except OSError as error:
        raise Unavailable(f"cannot remove {path}: {error.strerror}") from None
    return path


def _as_data(each: Holiday) -> dict[str, Any]:
    data: dict[str, Any] = {"date": each.day}
    if each.name:
        data["name"] = each.name
    if each.source:
        data["source"] = each.source
    return data
