"""Zones, lengths of time, dates and weekdays as they are written."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from dagu_core.base.errors import Invalid
from dagu_core.model.spec.refusal import describe, refused
from dagu_core.model.values.text import to_text

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_WINDOW = re.compile(r"\s*(\d\d?):(\d\d)(?::(\d\d))?\s*-\s*(\d\d?):(\d\d)(?::(\d\d))?\s*")


def known_zone(name: str) -> str:
    """The name of a zone that exists. Raises the validator's error for others."""
    from dagu_core.base.zones import zone_named

    name = name.strip()
    try:
        zone_named(name)
    except Invalid as error:
        raise refused(str(error), code="D071", hint=error.hint) from None
    return name


Zone = Annotated[str, AfterValidator(known_zone)]


def _length(value: Any) -> Any:
    """`30s`, `1h30m`, `2d` -> seconds."""
    from dagu_core.base.settings.values import parse_duration

    example = "a length of time such as 30s, 5m or 1h30m"
    if isinstance(value, int | float) and not isinstance(value, bool) and value:
        raise refused(f"must be {example}, not {describe(value)}", hint=f"write the unit: {to_text(value)}s")
    try:
        seconds = parse_duration(to_text(value)) if isinstance(value, str | int | float) else None
    except ValueError:
        seconds = None
    if seconds is None:
        raise refused(f"must be {example}, not {describe(value)}", code="D005")
    return seconds


#: seconds, written with a unit
Length = Annotated[
    float, BeforeValidator(_length, json_schema_input_type=str), Field(gt=0, le=3_660 * 86_400)
]


def _day(value: Any) -> Any:
    if not isinstance(value, str) or not is_day(value.strip()):
        raise refused(f"must be a date such as 2026-12-31, not {describe(value)}", code="D005")
    return value.strip()


#: an ISO date
Day = Annotated[str, BeforeValidator(_day)]


def is_day(text: str) -> bool:
    """Whether a text is an ISO date."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _days(value: Any) -> Any:
    """`SAT`, `MON-FRI`, `MON,WED` or a list of them -> numbers, 0 = Monday."""
    items = value if isinstance(value, list) else [value]
    found: list[int] = []
    for item in items:
        for word in to_text(item).split(",") if isinstance(item, str) else [""]:
            first, _, last = (part.strip().upper()[:3] for part in word.partition("-"))
            if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
                raise refused(f"must be weekdays such as SAT or MON-FRI, not {describe(item)}", code="D005")
            begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
            found += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return sorted(set(found))


Weekdays = Annotated[list[int], BeforeValidator(_days, json_schema_input_type=str | list[str])]


def _window(value: Any) -> Any:
    """`22:00-06:00` -> two seconds of a day."""
    match = _WINDOW.fullmatch(value) if isinstance(value, str) else None
    ends = [int(part or 0) for part in match.groups()] if match else []
    if not ends or any(m > 59 or s > 59 for m, s in (ends[1:3], ends[4:6])) or ends[0] > 23:
        raise refused(f"must be a window such as 22:00-06:00, not {describe(value)}", code="D005")
    first, last = (hour * 3600 + minute * 60 + second for hour, minute, second in (ends[:3], ends[3:]))
    if last > 86_400:
        raise refused(f"must end at 24:00 at the latest, not {describe(value)}", code="D005")
    return [first, last % 86_400]


Window = Annotated[list[int], BeforeValidator(_window, json_schema_input_type=str)]


def _dates(value: Any) -> Any:
    """`2026-12-24`, `2026-12-27..2026-12-31` or a list of them -> pairs of first and last."""
    found: list[list[str]] = []
    for item in value if isinstance(value, list) else [value]:
        first, dots, last = item.partition("..") if isinstance(item, str) else ("", "", "")
        first, last = first.strip(), last.strip() if dots else first.strip()
        if not is_day(first) or not is_day(last) or last < first:
            message = f"must be dates such as 2026-12-24 or 2026-12-27..2026-12-31, not {describe(item)}"
            raise refused(message, code="D005")
        found.append([first, last])
    return found


Dates = Annotated[list[list[str]], BeforeValidator(_dates, json_schema_input_type=str | list[str])]
