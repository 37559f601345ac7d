"""How close together the instants of a line come, and whether that is wise."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from dagu_core import Plan, Problem
from dagu_cron.expression import parse
from dagu_cron.trigger import is_every, period_of

#: seconds; what comes closer fills the history
_FAST = 10.0
_DAY = 86_400


def problems(plan: Plan, least: float) -> list[Problem]:
    """An error for each line that comes closer than `least` seconds, a warning for those that come
    closer than ten while every run is kept."""
    found = []
    for entry in plan.schedule.entries:
        if entry.kind != "cron":
            continue
        line = str(entry.config.get("expression") or entry.config.get("cron") or "")
        gap = closest(line)
        if gap < least:
            message = f"schedule {entry.text!r} comes every {gap:g} s, and the settings allow {least:g} s"
            found.append(Problem(message, code="D071", hint="see scheduler.minInterval"))
        elif gap < _FAST and not plan.history_runs and entry.action == "start":
            message = f"schedule {entry.text!r} makes a run every {gap:g} s, and all of them are kept"
            hint = "set `histRetentionRuns` to the number of runs to keep"
            found.append(Problem(message, code="D072", hint=hint, severity="warning"))
    return found


@lru_cache(maxsize=4096)
def closest(line: str) -> float:
    """The fewest seconds between two instants of a line that is valid."""
    if is_every(line):
        return period_of(line)
    seconds = parse(line).seconds
    return float(min((b - a for a, b in pairwise((*seconds, seconds[0] + _DAY))), default=_DAY))
