"""Calendar files: `calendars/<name>.yaml` beside the configuration file."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, ValidationError, field_validator, model_validator

from dagu_calendar.config import checked_name
from dagu_core import Config, Invalid, NotFound, Unavailable

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
FOLDER = "calendars"
_SUFFIXES = (".yaml", ".yml")
#: a calendar of a century has less
_MOST_BYTES = 4_000_000
_DEEPEST = 10
Stamp = tuple[int, int, int]


def day_of(value: Any) -> datetime.date:
    """A date as YAML or a text gives it. Raises ValueError."""
    if type(value) is datetime.date:
        return value
    try:
        return datetime.date.fromisoformat(value.strip())
    except (AttributeError, ValueError):
        raise ValueError(f"must be a date such as 2026-12-24, not {str(value)[:40]!r}") from None


class Holiday(Config):
    """A day off. `source` says which import has brought it; none: it was written by hand."""

    date: str = Field(description="The day, such as 2026-12-24.")
    name: str = Field("", description="What people call it.")
    source: str = Field("", description="The import that brought it.")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return {"date": data} if isinstance(data, str | datetime.date) else data

    @field_validator("date", mode="before")
    @classmethod
    def _is_a_day(cls, value: Any) -> str:
        return day_of(value).isoformat()

    @property
    def day(self) -> datetime.date:
        """The day."""
        return day_of(self.date)


class CalendarFile(Config):
    """A calendar as it is written."""

    spellings: ClassVar[dict[str, str]] = {"weekend": "weekends"}

    timezone: str = Field("", description="The zone its days are in; that of the DAG when not given.")
    weekends: list[str] | None = Field(
        None, description="Weekdays off; SAT and SUN unless it or one it extends says so."
    )
    valid_until: str = Field("", description="The last day it knows; else the end of the last listed year.")
    extends: list[str] = Field([], description="Calendars whose days it takes over.")
    holidays: list[Holiday] = Field([], description="Days off.")
    workdays: list[str] = Field([], description="Days on which work is done, weekend and holiday or not.")

    @field_validator("extends", "weekends", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("extends")
    @classmethod
    def _names(cls, value: list[str]) -> list[str]:
        return [checked_name(each) for each in value]

    @field_validator("weekends")
    @classmethod
    def _weekdays(cls, value: list[str] | None) -> list[str] | None:
        words = [each.strip().upper()[:3] for each in value or []]
        if wrong := [word for word in words if word not in WEEKDAYS]:
            raise ValueError(f"{wrong[0]!r} is no weekday such as SAT")
        return None if value is None else words

    @field_validator("valid_until", mode="before")
    @classmethod
    def _last_day(cls, value: Any) -> str:
        return day_of(value).isoformat()

    @field_validator("workdays", mode="before")
    @classmethod
    def _days(cls, value: Any) -> Any:
        return [day_of(each).isoformat() for each in value] if isinstance(value, list) else value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(value).key if value else ""
        except (ValueError, OSError, KeyError):
            raise ValueError(f"unknown time zone {value[:60]!r}") from None


def path_of(folder: Path, name: str) -> Path:
    """Where the calendar is, or would be. `folder` is that of the configuration file."""
    try:
        checked_name(name)
    except ValueError as error:
        raise Invalid(str(error)) from None
    paths = [folder / FOLDER / f"{name}{suffix}" for suffix in _SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])


def names_in(folder: Path) -> list[str]:
    """The names of all calendars, in order."""
    try:
        files = [path for path in (folder / FOLDER).iterdir() if path.suffix in _SUFFIXES]
    except OSError:
        return []
    return sorted({path.stem for path in files if not path.name.startswith(".")})


def stamp_of(path: Path) -> Stamp | None:
    """Changes whenever the file does; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_file(path: Path) -> CalendarFile:
    """The calendar of a file. Raises NotFound, Invalid and Unavailable."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        hint = f"make {path}, or see `dagu calendar import --help`"
        raise NotFound(f"unknown calendar {path.stem!r}", hint=hint, code="D140") from None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise Invalid(f"{path}: too large for a calendar")
    return parsed(path, data)


def parsed(path: Path, data: bytes) -> CalendarFile:
    """The calendar in the content of the file. Raises Invalid."""
    try:
        return CalendarFile.model_validate(_loaded(path, data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        told = first["msg"].removeprefix("Value error, ")
        raise Invalid(f"calendar {path.name}: {where}: {told}".replace(": : ", ": ")) from None


def _loaded(path: Path, data: bytes) -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # All but null stays text: `no` is Norway here, and a wrong date is told with its place.
    resolvers = {
        first: [each for each in known if each[0] == "tag:yaml.org,2002:null"]
        for first, known in base.yaml_implicit_resolvers.items()
    }
    loader = type("CalendarLoader", (base,), {"yaml_implicit_resolvers": resolvers})
    try:
        text = data.decode("utf-8")
        depth = 0
        # Loading recurses, and in C without a limit: the depth is looked at before.
        for event in yaml.parse(text, loader):
            opens = isinstance(event, yaml.events.CollectionStartEvent)
            depth += opens - isinstance(event, yaml.events.CollectionEndEvent)
            if depth > _DEEPEST or isinstance(event, yaml.events.AliasEvent):
                what = "so many levels have" if depth > _DEEPEST else "an alias has"
                raise Invalid(f"calendar {path.name}: {what} no place in a calendar")
        found = yaml.load(text, loader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        told = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise Invalid(f"calendar {path.name}{where}: {told}") from None
    return {} if found is None else found
