"""Times and lengths of time as people write them on a command line, and a clock that stands at one."""

from __future__ import annotations

from datetime import datetime, timedelta

from dagu_core.base.clock import SystemClock
from dagu_core.base.errors import UsageError
from dagu_core.base.zones import zone_named

_LONGEST = 36_525 * 86_400.0


class StandingClock(SystemClock):
    """The clock of a pass that is taken to happen at one instant."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


def instant_of(text: str, zone: str = "") -> float:
    """Epoch seconds of an RFC 3339 time; a bare date is its midnight, and what has no offset is in
    `zone`. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone_named(zone))
        return moment.timestamp()
    except (ValueError, OverflowError):
        hint = "write it as 2026-12-01 or 2026-12-01T08:00:00Z"
        raise UsageError(f"{text[:40]!r} is not a time", hint=hint) from None


def until_of(text: str, now: float, zone: str = "") -> float:
    """The end of a stretch of time that begins now: a length such as `2h`, or a time as of `instant_of`.
    Raises UsageError, also for a time that is over or more than a hundred years away."""
    from dagu_core.base.settings import parse_duration

    hint = "write it as 2h, 2026-12-01 or 2026-12-01T08:00:00Z"
    try:
        until = now + parse_duration(text)
    except ValueError:
        try:
            until = instant_of(text, zone)
        except UsageError:
            message = f"--until: {text[:40]!r} is neither a length of time nor a time"
            raise UsageError(message, hint=hint) from None
    if until <= now:
        raise UsageError(f"--until: {text[:40]!r} is over already", hint="name a time to come, such as 2h")
    if until - now > _LONGEST:
        hint = "leave --until out: then it holds until somebody resumes it"
        raise UsageError(f"--until: {text[:40]!r} is more than a hundred years away", hint=hint)
    return until


def end_of(text: str, zone: str = "") -> float:
    """As `instant_of`, but a bare date stands for the end of its day."""
    if len(text.strip()) != len("2026-12-31"):
        return instant_of(text, zone)
    first = datetime.fromtimestamp(instant_of(text, zone), zone_named(zone))
    try:
        return (first + timedelta(days=1)).timestamp() - 0.001
    except OverflowError:
        return first.timestamp()


def check_range(since: float | None, until: float | None) -> None:
    """Raise UsageError when a stretch of time ends before it begins; None = it is open there."""
    if since is not None and until is not None and until < since:
        raise UsageError("the range is empty: --to comes before --from")


def length_of(text: str, option: str) -> float:
    """Seconds of `30m`, `1h30m` or `7d`, which stand behind an option. Raises UsageError."""
    from dagu_core.base.settings import parse_duration

    hint = "write it as 30m, 12h or 7d"
    try:
        seconds = parse_duration(text)
    except ValueError:
        raise UsageError(f"{option}: {text[:40]!r} is not a length of time", hint=hint) from None
    if seconds <= 0:
        raise UsageError(f"{option}: {text[:40]!r} must be positive", hint=hint)
    if seconds > _LONGEST:
        raise UsageError(f"{option}: {text[:40]!r} is longer than a hundred years", hint=hint)
    return seconds
