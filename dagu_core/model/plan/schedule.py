"""When a DAG starts by itself, as data: what its `schedule` and the keys around it say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

#: what a schedule can do, in the order it is done when several fall on one instant
ACTIONS = ("stop", "restart", "start")
#: what to do with a start that meets an active run
POLICIES = ("skip", "queue", "latest", "cancel", "terminate", "allow")


class ScheduleEntry(Struct, frozen=True):
    """One line of `schedule`.

    `kind` is the word of a clock trigger and `config` the data of its `Config`; `text` the line
    for people. `timezone` is its own zone ("" = that of the DAG), `jitter` the seconds it may
    come later. `params`, `queue` and `priority` (None = the usual one) are for the runs it starts.
    """

    action: str
    kind: str
    config: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    timezone: str = ""
    jitter: float = 0.0
    params: Mapping[str, str] = field(default_factory=dict)
    queue: str = ""
    priority: int | None = None

    @property
    def fingerprint(self) -> str:
        """Names the entry by what decides about its instants: the same after a change elsewhere."""
        decisive = [self.action, self.kind, self.config, self.timezone]
        text = json.dumps(decisive, sort_keys=True, default=str)
        return _short(text)


class Exclusion(Struct, frozen=True):
    """Times at which nothing is started; exactly one of `between`, `dates`, `kind` is given.

    `between` holds seconds of the day, the end exclusive, over midnight when the end is not the
    later one; `days` (0 = Monday, empty = all) is about the day it starts on. `dates` holds
    ranges of ISO dates, both ends included. `kind` and `config` are a clock trigger: the minutes
    its instants lie in.
    """

    text: str
    between: tuple[int, int] | None = None
    days: frozenset[int] = frozenset()
    dates: tuple[tuple[str, str], ...] = ()
    kind: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)


class Overlap(Struct, frozen=True):
    """What happens when a start meets active runs of the DAG, or of its `group`.

    `explicit`: the file says so itself; catch-up waits for its turn otherwise.
    """

    policy: str = "skip"
    max_queued: int = 100
    group: str = ""
    include_manual: bool = False
    explicit: bool = False


class CatchUp(Struct, frozen=True):
    """What happens with starts that were missed: `mode` is none, latest or all.

    `window` and `delay` in seconds; `max_runs` 0 = as many as the settings allow.
    """

    mode: str = "none"
    window: float = 86_400.0
    max_runs: int = 0
    delay: float = 0.0
    on_unsuspend: bool = False
    reverse: bool = False


class TriggerEntry(Struct, frozen=True):
    """One entry of `triggers`: `kind` is the word of a trigger, `config` the data of its `Config`.

    `queue` and `priority` ("" and None = the usual ones) are for the runs it starts.
    """

    kind: str
    config: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    queue: str = ""
    priority: int | None = None

    @property
    def fingerprint(self) -> str:
        """Names the entry by what it watches."""
        text = json.dumps([self.kind, self.config], sort_keys=True, default=str)
        return _short(text)


class Schedule(Struct, frozen=True):
    """Everything that starts, stops and restarts a DAG without anybody asking.

    `start_date` and `end_date` are ISO dates, both included, "" = open. `on_excluded` is skip or
    defer.
    """

    entries: tuple[ScheduleEntry, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    on_excluded: str = "skip"
    timezone: str = ""
    location: Mapping[str, Any] | None = None
    start_date: str = ""
    end_date: str = ""
    overlap: Overlap = Overlap()
    catch_up: CatchUp = CatchUp()
    triggers: tuple[TriggerEntry, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything that can start, stop or restart the DAG."""
        return bool(self.entries or self.triggers)

    @property
    def texts(self) -> Mapping[str, tuple[str, ...]]:
        """The lines by action, as people read them; actions without one are left out."""
        found: dict[str, tuple[str, ...]] = {}
        for action in ("start", "stop", "restart"):
            if lines := tuple(entry.text for entry in self.entries if entry.action == action):
                found[action] = lines
        return found


#: nothing happens by itself
NO_SCHEDULE = Schedule()


def _short(text: str) -> str:
    import hashlib  # costs a start 2 ms, and only DAGs with a schedule need it

    return hashlib.sha256(text.encode()).hexdigest()[:16]
