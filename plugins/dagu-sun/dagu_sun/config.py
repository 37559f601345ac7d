"""What a schedule entry says about the sun."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from dagu_core import Config, parse_duration

EVENTS = ("sunrise", "sunset", "dawn", "dusk", "noon", "midnight")
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
#: what is wrong with an entry of this kind
WRONG = "D082"
_FURTHEST = 12 * 3600.0
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


def refusal(message: str, hint: str = "") -> PydanticCustomError:
    """An error with the code of this kind of schedule, in the shape the reader of definitions shows."""
    return PydanticCustomError(
        "refused", "{message}", {"message": message, "at": (), "code": WRONG, "hint": hint}
    )


def seconds_of(offset: str) -> float:
    """`-30m`, `1h`, `+10m` -> seconds. Raises ValueError."""
    text = offset.replace(" ", "")
    sign = -1.0 if text.startswith("-") else 1.0
    seconds = parse_duration(text.lstrip("+-") if text[:1] in "+-" else text)
    if seconds > _FURTHEST:
        raise ValueError(f"the offset {offset.strip()!r} is more than 12 hours")
    return sign * seconds


def days_of(value: str | list[str]) -> frozenset[int]:
    """`SAT`, `MON-FRI`, `MON,WED` or a list of them -> numbers, 0 = Monday. Raises ValueError."""
    found: set[int] = set()
    for item in [value] if isinstance(value, str) else value:
        for word in item.split(","):
            first, _, last = (part.strip().upper()[:3] for part in word.partition("-"))
            if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
                raise ValueError(f"must be weekdays such as SAT or MON-FRI, not {item[:40]!r}")
            begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
            found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(found)


def time_of(text: str) -> int:
    """`16:30` or `16:30:05` -> the second of the day. Raises ValueError."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"must be a time of day such as 16:30, not {text[:40]!r}")
    hour, minute, second = (int(part or 0) for part in match.groups())
    return hour * 3600 + minute * 60 + second


class SunConfig(Config):
    """An event of the sun, every day or on some weekdays."""

    sun: str = Field(description="`sunrise`, `sunset`, `dawn`, `dusk`, `noon` or `midnight`.")
    offset: str = Field("0s", description="How long after it, or with a minus before it; at most 12 hours.")
    days: str | list[str] = Field(
        [], description="Weekdays the event must fall on, such as MON-FRI; every day when empty."
    )
    twilight: Literal["civil", "nautical", "astronomical"] = Field(
        "civil", description="Which dawn or dusk: the sun 6, 12 or 18 degrees below the horizon."
    )
    fallback: str = Field(
        "", description="Time of day for days without the event; none: nothing starts then."
    )

    @field_validator("sun", mode="before")
    @classmethod
    def _known_event(cls, value: Any) -> Any:
        word = value.strip().lower() if isinstance(value, str) else ""
        if word not in EVENTS:
            raise refusal(f"must be one of {', '.join(EVENTS)}, not {str(value)[:40]!r}", nearest(word))
        return word

    @field_validator("offset", "days", "fallback")
    @classmethod
    def _readable(cls, value: Any, info: ValidationInfo) -> Any:
        read: Any = {"offset": seconds_of, "days": days_of, "fallback": time_of}[str(info.field_name)]
        try:
            if value:
                read(value)
        except ValueError as error:
            raise refusal(str(error)) from None
        return value

    @model_validator(mode="after")
    def _twilight_has_a_meaning(self) -> SunConfig:
        if "twilight" in self.model_fields_set and self.sun not in ("dawn", "dusk"):
            raise refusal(f"`twilight` is about dawn and dusk, not {self.sun}")
        return self


def nearest(word: str) -> str:
    """A hint for a word that looks like an event of the sun; "" for all others."""
    from difflib import get_close_matches

    found = get_close_matches(word, EVENTS, 1, 0.8)
    return f"did you mean `{found[0]}`?" if found else ""
