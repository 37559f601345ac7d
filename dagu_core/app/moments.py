"""Times as people write them on a command line, and a clock that stands at one."""

from __future__ import annotations

from datetime import datetime, timedelta

from dagu_core.base.clock import SystemClock
from dagu_core.base.errors import Invalid
from dagu_core.base.zones import zone_named


class StandingClock(SystemClock):
    """The clock of a pass that is taken to happen at one instant."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


def instant_of(text: str, zone: str = "") -> float:
    """Epoch seconds of an RFC 3339 time; a bare date is its midnight, and what has no offset is in
    `zone`. Raises Invalid."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        hint = "write it as 2026-12-01 or 2026-12-01T08:00:00Z"
        raise Invalid(f"{text[:40]!r} is not a time", hint=hint) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_named(zone))
    return moment.timestamp()


def end_of(text: str, zone: str = "") -> float:
    """As `instant_of`, but a bare date stands for the end of its day."""
    if len(text.strip()) != len("2026-12-31"):
        return instant_of(text, zone)
    first = datetime.fromtimestamp(instant_of(text, zone), zone_named(zone))
    return (first + timedelta(days=1)).timestamp() - 0.001
