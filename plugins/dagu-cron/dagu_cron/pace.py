"""How close together the instants of a line come, and whether that is wise."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from dagu_core import Places, Plan, Problem
from dagu_cron.expression import parse
from dagu_cron.trigger import is_every, period_of

#: seconds; what comes closer fills the history
_FAST = 10.0
_DAY = 86_400


def problems(plan: Plan, places: Places, least: float) -> list[Problem]:
    """A warning for each line that comes closer than `least` seconds, of which nothing is done, and for
    those that come closer than ten while every run is kept."""
    found = []
    for entry in plan.schedule.entries:
        if entry.kind != "cron":
            continue
        line = str(entry.config.get("expression") or entry.config.get("cron") or "")
        gap = closest(line)
        if gap < least:
            message = f"schedule {entry.text!r} comes every {gap:g} s, the settings allow {least:g} s: "
            message += "nothing is done by it"
            place = places.text(line, "schedule")
            found.append(Problem(message, place, "D071", "see scheduler.minInterval", len(line), "warning"))
        elif gap < _FAST and not plan.history_runs and entry.action == "start":
            message = f"schedule {entry.text!r} makes a run every {gap:g} s, and all of them are kept"
            hint = "set `histRetentionRuns` to the number of runs to keep"
            place = places.text(line, "schedule")
            found.append(Problem(message, place, "D072", hint, len(line), "warning"))
    return found


@lru_cache(maxsize=4096)
def closest(line: str) -> float:
    """The fewest seconds between two instants of a line that is valid."""
    if is_every(line):
        return period_of(line)
    seconds = parse(line).seconds
    return float(min((b - a for a, b in pairwise((*seconds, seconds[0] + _DAY))), default=_DAY))
