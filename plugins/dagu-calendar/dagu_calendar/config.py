"""What a DAG says about calendars."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dagu_core import Config

NTH = "nth-business-day"
PLAIN_DAYS = (
    "all",
    "business-days",
    "weekends",
    "holidays",
    "first-business-day",
    "last-business-day",
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}")
_NTH_TEXT = re.compile(rf"{NTH}\s*:\s*([+-]?\d+)")
#: no month has more days on which work is done
_MOST = 31


def checked_name(name: str) -> str:
    """A name that can be the name of a file. Raises ValueError."""
    if not _NAME.fullmatch(name) or name.endswith((".yaml", ".yml")):
        raise ValueError(f"{name[:40]!r} is no name of a calendar such as de-by")
    return name


class CalendarConfig(Config):
    """Which days of which calendars scheduled starts are for."""

    spellings: ClassVar[dict[str, str]] = {"names": "name"}

    name: list[str] = Field(description="Calendars, one or several: what one of them lists is a holiday.")
    days: str = Field(
        "all",
        description="`all` (but holidays), `business-days`, `weekends`, `holidays`, `first-business-day`, "
        "`last-business-day`, or `nth-business-day: N` (of the month; negative from its end).",
    )
    on_holiday: Literal["skip", "next-business-day", "previous-business-day"] = Field(
        "skip", description="What happens to a start on a day off: nothing, or it moves to another day."
    )
    on_unknown: Literal["run", "skip", "fail"] = Field(
        "run", description="What happens on days the calendars do not reach: see `validUntil`."
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str | list) else data

    @field_validator("name", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        names = [value] if isinstance(value, str) else value
        if isinstance(names, list):
            if not names:
                raise ValueError("names at least one calendar")
            # A reference would pass until the run, but schedules are judged long before.
            return [checked_name(each.strip()) if isinstance(each, str) else each for each in names]
        return names

    @field_validator("days", mode="before")
    @classmethod
    def _known_days(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1:
            ((word, number),) = value.items()
            value = f"{word}: {number}"
        text = " ".join(value.split()).lower() if isinstance(value, str) else ""
        if text in PLAIN_DAYS:
            return text
        if (match := _NTH_TEXT.fullmatch(text)) and 0 < abs(int(match[1])) <= _MOST:
            return f"{NTH}: {int(match[1])}"
        known = ", ".join(PLAIN_DAYS)
        raise ValueError(f"must be one of {known} or {NTH}: N, not {str(value)[:40]!r}")

    @field_validator("days", "on_holiday", "on_unknown", mode="before")
    @classmethod
    def _no_reference(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str) and "$" in value:
            raise ValueError("references are known to runs only, not to schedules")
        return value

    @property
    def which(self) -> int | None:
        """Which business day of the month is meant, None when `days` is not about one."""
        if self.days == "first-business-day":
            return 1
        if self.days == "last-business-day":
            return -1
        match = _NTH_TEXT.fullmatch(self.days)
        return int(match[1]) if match else None
