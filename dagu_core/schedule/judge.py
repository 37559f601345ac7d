"""Exclusions and filters, asked in order about each instant of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from pydantic import ValidationError

from dagu_core.base.config import Config
from dagu_core.base.errors import DaguError
from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.trigger import ClockScope, ScheduleFilter, Tick
from dagu_core.schedule.exclusions import Exclusions
from dagu_core.schedule.lanes import Lane


class Candidate(Struct, frozen=True, order=True):
    """An instant of an entry (`source`) and what became of it: `target` is when it is due now.

    `rank` and `index` are those of the lane: candidates have the order in which they are done.
    `clear`: a start that nothing held back or moved, so nothing is moved over it either.
    """

    target: float
    rank: int
    index: int
    source: float
    lane: Lane
    skipped: str = ""
    note: str = ""
    clear: bool = False
    warning: str = ""

    def dropped(self, reason: str) -> Candidate:
        """The same, with nothing to be done."""
        return replace(self, target=self.source, skipped=reason, clear=False, warning="")


class Filter(Struct, frozen=True):
    """A schedule filter with its value, or the reason why it cannot judge."""

    key: str
    part: ScheduleFilter
    config: Config | None
    wrong: str = ""


def filters_of(catalog: Catalog, values: Mapping[str, Any]) -> tuple[Filter, ...]:
    """The filters among the plugin values of a DAG. One that cannot read its value lets nothing
    pass."""
    found = []
    for key, value in values.items():
        if (part := catalog.filters.get(key)) is None:
            continue
        try:
            found.append(Filter(key, part(), part.Config.model_validate(value)))
        except ValidationError as error:
            found.append(Filter(key, part(), None, str(error.errors(include_url=False)[0]["msg"])))
    return tuple(found)


class Judge:
    """Asks exclusions and filters about instants: exclusions hold back starts and restarts,
    filters starts. A stop is never held back."""

    def __init__(
        self, exclusions: Exclusions, defers: bool, filters: tuple[Filter, ...], scope: ClockScope
    ) -> None:
        self._exclusions = exclusions
        self._defers = defers
        self._filters = filters
        self._scope = scope
        self._shifts = any(each.config is not None and each.part.shifts(each.config) for each in filters)

    def __bool__(self) -> bool:
        return bool(self._exclusions or self._filters)

    @property
    def shifts(self) -> bool:
        """Whether a filter may move an instant to another day."""
        return self._shifts

    def walking(self) -> Judge:
        """The same judge for one walk through time."""
        return Judge(self._exclusions.walking(), self._defers, self._filters, self._scope)

    def covers(self, action: str) -> bool:
        """Whether instants of the action are judged at all."""
        return (action != "stop" and bool(self._exclusions)) or (action == "start" and bool(self._filters))

    def window_start(self, at: float) -> float:
        """Where to begin so that everything that is deferred behind `at` is met."""
        return self._exclusions.start_of(at) if self._defers else at

    def judge(self, lane: Lane, tick: Tick) -> tuple[Candidate, float | None]:
        """What becomes of an instant; the second value is the end of the window it was deferred to."""
        clear = lane.entry.action == "start"
        candidate = Candidate(tick.at, lane.rank, lane.index, tick.at, lane, "", tick.note, clear)
        deferred = None
        if (window := self._exclusions.window_at(tick.at)) is not None:
            end = self._exclusions.end_of(tick.at) if self._defers else None
            if end is None:
                return replace(candidate, skipped=window.reason, clear=False), None
            candidate = self._moved(candidate, end, f"deferred: {window.reason}")
            deferred = end
        if lane.entry.action != "start":
            return candidate, deferred
        for each in self._filters:
            candidate = self._filtered(candidate, each)
            if candidate.skipped:
                break
        moved = not candidate.skipped and candidate.target != (deferred or tick.at)
        if moved and (window := self._exclusions.window_at(candidate.target)) is not None:
            candidate = candidate.dropped(f"{candidate.note}; {window.reason}")
        return candidate, deferred

    def _filtered(self, candidate: Candidate, each: Filter) -> Candidate:
        if each.config is None:
            return candidate.dropped(_by(each.key, each.wrong))
        try:
            verdict = each.part.verdict(each.config, self._scope, candidate.target)
        except DaguError as error:
            return candidate.dropped(_by(each.key, str(error)))
        if verdict.kind == "skip":
            return candidate.dropped(verdict.reason or each.key)
        if verdict.warning:
            note, warning = (_and(told, verdict.warning) for told in (candidate.note, candidate.warning))
            candidate = replace(candidate, note=note, warning=warning)
        if verdict.kind == "shift" and verdict.at != candidate.target:
            return self._moved(candidate, verdict.at, f"shifted: {verdict.reason or each.key}")
        if verdict.reason:
            return replace(candidate, note=_and(candidate.note, verdict.reason))
        return candidate

    def _moved(self, candidate: Candidate, target: float, why: str) -> Candidate:
        due = datetime.fromtimestamp(candidate.source, self._scope.zone)
        note = _and(candidate.note, f"{why} ({due:%Y-%m-%d %H:%M:%S})")
        return replace(candidate, target=target, note=note, clear=False)


def _and(told: str, more: str) -> str:
    return f"{told}; {more}" if told else more


def _by(key: str, sentence: str) -> str:
    """A sentence that tells which key it is about, once."""
    return sentence if sentence.startswith(f"{key} ") else f"{key}: {sentence}"
