"""A slot: one instant at which something is to happen to a DAG, or is not, with the reason."""

from __future__ import annotations

from msgspec import Struct

from dagu_core.model.plan.schedule import ScheduleEntry


class Slot(Struct, frozen=True):
    """What a schedule says about one instant; times in epoch seconds.

    `due` is the instant the entries name (after an exclusion or a calendar moved it); with the
    action it tells the slot from all others of its DAG. `at` is when it is to be done: `due`, or
    later by the jitter. `entries` are all that name the instant: they make one start, and the
    first decides about params and queue. `skipped` = nothing happens, and why; `warning` = what is
    doubtful about a start that is made. `exact`: all its entries are meant to the second.
    """

    due: float
    at: float
    action: str
    entries: tuple[ScheduleEntry, ...]
    skipped: str = ""
    note: str = ""
    warning: str = ""
    exact: bool = False
