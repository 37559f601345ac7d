"""Names of time zones -> zones."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dagu_core.base.errors import Invalid

_LOCAL = Path("/etc/localtime")


@lru_cache(maxsize=256)
def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name, "" = that of the system. Raises Invalid for an unknown one."""
    if not name or name.lower() == "local":
        return system_zone()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = "names look like Europe/Berlin or UTC"
        raise Invalid(f"unknown time zone {name[:60]!r}", hint=hint) from None


def system_zone() -> ZoneInfo:
    """The zone of this machine, by `TZ` or `/etc/localtime`; UTC when neither tells."""
    if name := os.environ.get("TZ", "").lstrip(":"):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")
    _, _, name = str(_LOCAL.resolve()).partition("zoneinfo/")
    try:
        return ZoneInfo(name.removeprefix("posix/") or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
