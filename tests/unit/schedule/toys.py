"""Small clock triggers and a calendar, and a planner of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from dagu_core import ClockScope, ClockTrigger, Invalid, ScheduleFilter, Tick, Verdict, hookimpl
from dagu_core import Config as Model
from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.schedule import Schedule, ScheduleEntry
from dagu_core.schedule.planner import Planner
from dagu_core.schedule.slots import Slot

BERLIN = ZoneInfo("Europe/Berlin")


class TimesConfig(Model):
    times: list[str] = Field(description="Times of every day, HH:MM.")
    dark: list[str] = Field([], description="Dates without any.")


class Times(ClockTrigger):
    """The same times every day."""

    name = "times"
    Config = TimesConfig

    @classmethod
    def read(cls, text: str) -> dict[str, Any] | None:
        if not text.startswith("daily "):
            return None
        if ":" not in text:
            raise Invalid(f"{text!r} names no time", hint="write HH:MM", code="D999")
        return {"times": text.removeprefix("daily ").split()}

    def next_after(self, config: Model, scope: ClockScope, at: float) -> Tick | None:
        assert isinstance(config, TimesConfig)
        today = datetime.fromtimestamp(at, scope.zone).date()
        for day in range(3):
            date = today + timedelta(days=day)
            for text in sorted(config.times):
                moment = datetime.fromisoformat(f"{date}T{text}").replace(tzinfo=scope.zone)
                if moment.timestamp() > at:
                    dark = f"dark on {date}" if str(date) in config.dark else ""
                    return Tick(moment.timestamp(), dark)
        raise AssertionError("every day has a time")


class BeatConfig(Model):
    beat: int = Field(description="Seconds.")
    most: float = Field(1e18, description="The last one comes before this instant.")


class Beat(ClockTrigger):
    """Every so many seconds since the epoch, or since the entry was first seen."""

    name = "beat"
    Config = BeatConfig

    def backfillable(self, config: Model) -> bool:
        return False

    def next_after(self, config: Model, scope: ClockScope, at: float) -> Tick | None:
        assert isinstance(config, BeatConfig)
        number = (at - scope.anchor) // config.beat + 1
        due = scope.anchor + number * config.beat
        return Tick(due) if due < config.most else None


class Stuck(ClockTrigger):
    """Never gets on."""

    name = "stuck"

    def next_after(self, config: Model, scope: ClockScope, at: float) -> Tick | None:
        return Tick(at)


class ClosedConfig(Model):
    dates: list[str] = Field(description="Closed dates.")
    then: Literal["skip", "next", "previous"] = Field("skip", description="What becomes of them.")
    broken: bool = Field(False, description="It cannot judge.")


class Closed(ScheduleFilter):
    """Nothing starts on some dates."""

    name = "closed"
    Config = ClosedConfig

    def shifts(self, config: Model) -> bool:
        assert isinstance(config, ClosedConfig)
        return config.then != "skip"

    def verdict(self, config: Model, scope: ClockScope, at: float) -> Verdict:
        assert isinstance(config, ClosedConfig)
        if config.broken:
            raise Invalid("the list of dates is gone")
        moment = datetime.fromtimestamp(at, scope.zone)
        reason = f"closed on {moment.date()}"
        if str(moment.date()) not in config.dates:
            return Verdict()
        if config.then == "skip":
            return Verdict("skip", reason)
        while str(moment.date()) in config.dates:
            moment += timedelta(days=1 if config.then == "next" else -1)
        return Verdict("shift", reason, moment.timestamp())


class Plugin:
    @hookimpl
    def dagu_register_triggers(self) -> list[Any]:
        return [Times, Beat, Stuck]

    @hookimpl
    def dagu_register_schedule_filters(self) -> list[Any]:
        return [Closed]


CATALOG = PluginHost.load(plugins=[Plugin()], discover=False).catalog


def daily(*times: str, action: str = "start", **more: Any) -> ScheduleEntry:
    return ScheduleEntry(action, "times", {"times": list(times)}, f"daily {' '.join(times)}", **more)


def beat(seconds: int, **more: Any) -> ScheduleEntry:
    return ScheduleEntry("start", "beat", {"beat": seconds, **more}, f"beat {seconds}")


def planner(*entries: ScheduleEntry, closed: Any = None, name: str = "", **more: Any) -> Planner:
    schedule = Schedule(entries=entries, **{"timezone": "Europe/Berlin", **more})
    filters = {} if closed is None else {"closed": closed}
    return Planner(schedule, CATALOG, zone="UTC", filters=filters, name=name)


def instant(text: str) -> float:
    """An instant in Berlin: `2026-12-24 01:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def local(at: float) -> str:
    return datetime.fromtimestamp(at, BERLIN).strftime("%m-%d %H:%M")


def shown(plan: Planner, after: str, until: str) -> list[str]:
    """Action and local time of each slot; those that are skipped in brackets."""
    return [line(slot) for slot in plan.slots(instant(after), instant(until))]


def line(slot: Slot) -> str:
    text = f"{slot.action} {local(slot.due)}"
    return f"[{text}]" if slot.skipped else text
