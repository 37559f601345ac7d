"""The only file that asks for time or chance; everything else is handed a `Clock`."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Where times and new identifiers come from."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def new_run_id(self) -> str:
        """A fresh run id that sorts by time."""
        ...

    def new_token(self, digits: int = 6) -> str:
        """`digits` random hexadecimal digits: attempt ids, owner ids."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        return time.time()

    def new_run_id(self) -> str:
        return uuid7(time.time_ns() // 1_000_000)

    def new_token(self, digits: int = 6) -> str:
        return os.urandom((digits + 1) // 2).hex()[:digits]


def awake() -> float:
    """Seconds on a clock nobody sets, which goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Names the time since the machine last started; "" where the kernel does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def steady() -> tuple[str, float]:
    """What all processes of this machine can measure a time by that somebody else reads: a boot and
    the seconds `awake` in it. Where the kernel does not name boots, "" and the time of day."""
    return (boot, awake()) if (boot := boot_id()) else ("", time.time())


def uuid7(milliseconds: int) -> str:
    """A UUID of version 7 (RFC 9562) for a time in milliseconds since the epoch."""
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def utc(seconds: float) -> datetime:
    """`seconds` since the epoch as an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def rfc3339(seconds: float | None) -> str:
    """RFC 3339 with whole seconds in the local zone (`Z` when that is UTC); "" for None."""
    if seconds is None:
        return ""
    text = datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")
