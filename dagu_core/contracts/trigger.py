"""When a run begins."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from dagu_core.base.errors import NotFound
from dagu_core.contracts.part import Part

if TYPE_CHECKING:
    from dagu_core.base.config import Config

Action = Literal["start", "stop", "restart"]


class ClockScope(Struct, frozen=True):
    """What a schedule entry may know besides its own words.

    `zone` is the zone its wall-clock times are in, `anchor` the instant (epoch seconds) the entry
    was first seen, `location` what the file or the settings say about the place, as data.
    """

    zone: tzinfo
    anchor: float = 0.0
    location: Mapping[str, Any] | None = None
    #: folder of the settings file, where lists such as calendars are kept; None in tests
    folder: Path | None = None


class Tick(Struct, frozen=True):
    """An instant a clock trigger names, in epoch seconds.

    `skipped` says why nothing happens then ("no sunset on 2026-06-21"), `note` what is worth
    knowing about a fire ("02:30 does not exist that day").
    """

    at: float
    skipped: str = ""
    note: str = ""


class ClockTrigger(Part, ABC):
    """A schedule entry that is a pure function of time: preview, catch-up and backfill come free.

    `backfillable` is False for entries that make no sense in the past (`@every`, a single date).
    """

    @classmethod
    def read(cls, text: str) -> Mapping[str, Any] | None:
        """The data of `Config` for a short form (`"0 9 * * *"`, `"@sunset-30m"`); None = not mine.

        Raises Invalid for a text that is meant for this trigger and wrong; `location` of the
        problem is added by the reader.
        """
        return None

    def backfillable(self, config: Config) -> bool:
        """Whether instants of the past can be asked for."""
        return True

    def exact(self, config: Config) -> bool:
        """Whether its instants are meant to the second, as those of a beat: what is some seconds late
        is missed then, where other starts are made up to a minute late."""
        return False

    def closest(self, config: Config) -> float:
        """The fewest seconds between two of its instants; infinite when they lie far apart. Nothing is
        done by entries that come closer than `scheduler.minInterval`."""
        return math.inf

    @abstractmethod
    def next_after(self, config: Config, scope: ClockScope, at: float) -> Tick | None:
        """The first instant strictly after `at` (epoch seconds), or None when there is none."""

    def ticks(self, config: Config, scope: ClockScope, after: float) -> Iterator[Tick]:
        """All instants after `after`, in order, the same `next_after` tells one by one. To be
        overridden where walking is cheaper than asking again and again."""
        while (tick := self.next_after(config, scope, after)) is not None:
            yield tick
            after = tick.at


class Verdict(Struct, frozen=True):
    """What a filter says about an instant: let it pass, drop it, or move it to `at`.

    The `reason` is shown with what happens; with `allow` it is what is worth knowing. A `warning`
    says why it may be wrong to start at all: it is shown as well, and kept once the start is made.
    """

    kind: Literal["allow", "skip", "shift"] = "allow"
    reason: str = ""
    at: float = 0.0
    warning: str = ""


class ScheduleFilter(Part, ABC):
    """Owns a DAG key that holds back or moves scheduled starts (`calendar:`)."""

    @abstractmethod
    def verdict(self, config: Config, scope: ClockScope, at: float) -> Verdict:
        """Judge one instant. Pure but for files under `scope.folder`.

        Raises DaguError when it cannot judge: nothing is started then, and the reason is shown.
        """

    def shifts(self, config: Config) -> bool:
        """Whether it may move instants; False spares the planner a look at the days around."""
        return True


class Fire(Struct, frozen=True):
    """A reason to start (stop, restart) a DAG.

    `key` names the fire among all of its DAG and trigger: the same key never starts twice. `due`
    in epoch seconds. `env` reaches every step of the run, `params` beat the DAG's defaults,
    `info` is shown with the run. `cursor` is kept (JSON data) once the run is recorded and handed
    back after a restart; `skipped` = nothing is to be started, only remembered, and why.
    """

    due: float
    key: str
    action: Action = "start"
    params: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    cursor: Any = None
    skipped: str = ""


async def no_secret(name: str) -> str:
    """Refuse to give a secret the DAG does not declare."""
    raise NotFound(f"the DAG has no secret {name}", hint="Declare it under `secrets`.")


class TriggerScope(Struct, frozen=True):
    """Where a trigger works: the DAG, the folder relative paths start from, a folder of its own
    that lasts, `first` = nothing of this entry has ever been handled.

    `secret` finds the value of a secret the DAG declares. It raises DaguError, whose message never
    holds the value; ask anew when a login is refused, as the value may have been changed.
    """

    dag: str
    folder: Path
    scratch: Path
    first: bool
    secret: Callable[[str], Awaitable[str]] = no_secret


class Trigger(Part, ABC):
    """A source of fires that no clock can tell: files, messages. An entry of `triggers:`.

    One instance serves one entry of one DAG, in the leading scheduler only.
    """

    _health = ""
    #: called when `health` has changed; set by whoever tells people of it
    on_health: Callable[[], object] | None = None

    @property
    def health(self) -> str:
        """How it fares, for people: "" = well. To be set whenever that changes."""
        return self._health

    @health.setter
    def health(self, value: str) -> None:
        changed, self._health = value != self._health, value
        if changed and self.on_health is not None:
            self.on_health()

    @abstractmethod
    def fires(self, scope: TriggerScope, config: Config, cursor: Any) -> AsyncIterator[Fire]:
        """Yield fires for ever, going on after `cursor` (that of the last one handled, or None).

        What cannot work now (a folder that is missing) is told in `health` and tried again; only
        what can never work is raised. Cancelled, it must let go of everything at once.
        """
