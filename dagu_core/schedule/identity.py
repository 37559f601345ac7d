"""The ids of runs nobody asked for: made from their cause, so that one cause makes one run."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from dagu_core.schedule.slots import Slot

_PREFIXES = {"start": "sched", "restart": "restart", "stop": "stop"}


def stamp(at: float) -> str:
    """An instant as it stands in run ids: `20261231T235959Z`, or `…59-500Z` with milliseconds."""
    milliseconds = round(at * 1000)
    text = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y%m%dT%H%M%S")
    part = milliseconds % 1000
    return f"{text}-{part:03}Z" if part else f"{text}Z"


def run_id_of(slot: Slot) -> str:
    """The id of the run of a slot, live or caught up: whoever starts it, it starts once."""
    return f"{_PREFIXES[slot.action]}-{stamp(slot.due)}"


def backfill_run_id(backfill: str, due: float) -> str:
    """The id of the run a backfill (eight hexadecimal digits) makes for an instant."""
    return f"backfill-{backfill}-{stamp(due)}"


def file_run_id(entry: str, key: str) -> str:
    """The id of the run for a fire of a trigger: `entry` is the fingerprint of its entry, `key` the
    fire's."""
    digest = hashlib.sha256(f"{entry}\0{key}".encode("utf-8", "surrogateescape")).hexdigest()
    return f"file-{digest[:24]}"
