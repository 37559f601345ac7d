"""Use cases on schedules: what they will do, who has one, suspend and resume."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.base.errors import DaguError, Invalid, NotFound, Unavailable
from dagu_core.model.plan.plan import Plan

if TYPE_CHECKING:
    from datetime import tzinfo

    from dagu_core.app.app import App
    from dagu_core.contracts.catalog import Catalog
    from dagu_core.schedule.planner import Planner
    from dagu_core.schedule.slots import Slot

#: where the scheduler keeps since when it knows the entries of each DAG
_NAMESPACE, _SEEN = "schedule", "seen/"
#: no time is told beyond it: the last days of the year 9999
_NEVER = 253_402_000_000.0
_RESERVED = re.compile(r"""[\s<>:"/\\|?*\x00-\x1f]""")


_Seen = dict[str, Mapping[str, float]]


class Suspension(Struct, frozen=True):
    """Since when (epoch seconds, None = unknown) a DAG's schedules are off, by whom, why, and until when
    (None = until somebody resumes them)."""

    since: float | None = None
    by: str = ""
    reason: str = ""
    until: float | None = None

    def sentence(self, zone: tzinfo | None = None) -> str:
        """What people read; the time in a zone, None = that of this process."""
        from datetime import datetime

        words = ["suspended", f"by {self.by}" if self.by else ""]
        if self.until is not None:
            end = datetime.fromtimestamp(self.until, zone).astimezone(zone)
            words.append(f"until {end.isoformat(timespec='seconds')}")
        return " ".join(filter(None, [*words, f"({self.reason})" if self.reason else ""]))


class Preview(Struct, frozen=True):
    """The slots of a DAG in a stretch of time; `has_more` when there are more than were asked for.
    `left_out` tells why there are none of some entries."""

    plan: Plan
    zone: tzinfo
    slots: Sequence[Slot]
    has_more: bool
    suspension: Suspension | None
    left_out: Sequence[str] = ()


class Scheduled(Struct, frozen=True):
    """A DAG file that is scheduled, or of which something cannot be done (`problem`). Nothing comes
    `next` of a DAG that is suspended. `ref` is what verbs take for it."""

    name: str
    ref: str
    path: Path
    plan: Plan | None = None
    next: Slot | None = None
    suspension: Suspension | None = None
    problem: str = ""
    #: triggers that do not fare well, as the leading scheduler tells it
    ailing: tuple[str, ...] = ()


class Schedules:
    """What may be asked of schedules."""

    def __init__(self, app: App) -> None:
        self.app = app

    def planner(
        self, plan: Plan, seen: Mapping[str, float] | None = None, catalog: Catalog | None = None
    ) -> Planner:
        """The planner of a DAG, with what the settings say about zone and place. `catalog` knows the
        kinds of its entries (None = what is installed). Entries that are too fast are left out.

        Raises DaguError for a schedule nobody here can plan.
        """
        from dagu_core.schedule.planner import Planner

        settings = self.app.settings
        planner = Planner.of(
            plan,
            catalog or self.app.catalog,
            zone=settings.core.tz,
            seen=seen,
            location=settings.location.place,
            folder=settings.config_folder,
        )
        planner.leave_out(settings.scheduler.min_interval)
        return planner

    def zone_of(self, plan: Plan) -> tzinfo:
        """The zone the times of a DAG are in. Raises Invalid."""
        from dagu_core.base.zones import zone_named

        return zone_named(plan.schedule.timezone or self.app.settings.core.tz)

    async def preview(
        self, ref: str, *, after: float | None = None, until: float | None = None, count: int = 10
    ) -> Preview:
        """Up to `count` slots of a DAG in (after, until], skipped ones included; starts nothing.

        `after` is now when not given. Raises NotFound, InvalidDefinition, and DaguError for a
        schedule nobody here can plan.
        """
        plan = self.app.dags.read(ref).plans[0]
        now = self.app.clock.now()
        after = now if after is None else after
        seen = await self._seen()
        planner = self._planner_from(plan, seen, now)
        found = list(islice(planner.slots(after, math.inf if until is None else until), count + 1))
        suspension, more = self.suspension(plan.source.path), len(found) > count
        return Preview(plan, self.zone_of(plan), found[:count], more, suspension, planner.left_out)

    def obstacle(self, ref: str) -> str:
        """Why nothing can come of the schedule of a DAG here, or of some of its entries; "" when it can, or
        has none."""
        try:
            plan = self.app.dags.read(ref).plans[0]
        except DaguError:
            return ""  # that is told by whoever reads it for its own sake
        try:
            return "; ".join(self.planner(plan).left_out)
        except DaguError as error:
            return _sentence(error)

    def standing(self, ref: str) -> list[tuple[str, str, str]]:
        """What keeps the schedule of a DAG from being done as things stand: (status, code, sentence)."""
        found = [("broken", "schedule", told)] if (told := self.obstacle(ref)) else []
        with contextlib.suppress(DaguError):
            plan = self.app.dags.read(ref).plans[0]
            if plan.schedule and (suspension := self.suspension(plan.source.path)) is not None:
                found.append(("suspended", "suspended", suspension.sentence(self.zone_of(plan))))
        return found

    async def scheduled(self) -> list[Scheduled]:
        """The files of the DAGs folder that are scheduled or cannot be read, by name."""
        from dagu_core.app.triggers import triggers_of

        ailing: dict[str, list[str]] = {}
        for one in await triggers_of(self.app):
            if one.health:
                ailing.setdefault(one.dag, []).append(f"{one.text or one.kind}: {one.health}")
        files: dict[str, list[Path]] = defaultdict(list)
        found = list(self._scheduled(await self._seen(), self.app.clock.now(), files))

        def ref_of(one: Scheduled) -> str:
            meant = self.app.dags.files_named(one.name)[:1] or files[one.name]
            return one.name if meant == [one.path] else one.ref

        return [replace(one, ref=ref_of(one), ailing=tuple(ailing.get(one.name, ()))) for one in found]

    def _scheduled(self, seen: _Seen, now: float, files: dict[str, list[Path]]) -> Iterator[Scheduled]:
        """One by one; the files of each name go into `files`, scheduled or not."""
        counting: dict[str, Path] = {}
        for stem in self.app.dags.names():
            path = next(iter(self.app.dags.files_named(stem)), None)
            if path is None:
                continue  # it went away between two looks
            try:
                plan = self.app.dags.check(self.app.dags.text_of(path), path=str(path)).plans[0]
            except DaguError as error:
                problem = str(error).split("\n")[0]
                files[name := self.app.dags.name_of_broken(path)].append(path)
                yield Scheduled(name, stem, path, problem=problem)
                continue
            files[plan.name].append(path)
            if not plan.schedule:
                continue
            one = Scheduled(plan.name, stem, path, plan, suspension=self.suspension(str(path)))
            if (first := counting.setdefault(plan.name, path)) is not path:
                problem = f"the DAG {plan.name} is defined in {first.name} already: this file does not count"
                yield replace(one, problem=problem)
                continue
            try:
                planner = self._planner_from(plan, seen, now)
                one = replace(one, problem="; ".join(planner.left_out))
                yield one if one.suspension is not None else replace(one, next=planner.next(now))
            except DaguError as error:
                yield replace(one, problem=_sentence(error))

    def is_suspended(self, path: str) -> bool:
        """Whether the schedules of the DAG of a file are off."""
        return self.suspension(path) is not None

    def suspension(self, path: str) -> Suspension | None:
        """What is known about the suspension of the DAG of a file; None when it is not suspended."""
        flag = self._flag(path)
        try:
            text = flag.read_text(encoding="utf-8", errors="replace")
            since = flag.stat().st_mtime
        except OSError:
            return Suspension() if flag.exists() else None
        try:
            facts = json.loads(text)
        except ValueError:
            facts = None
        facts = facts if isinstance(facts, dict) else {}
        until = _instant(facts.get("until"))
        if until is not None and until <= self.app.clock.now():
            return None
        return Suspension(since, str(facts.get("by", "")), str(facts.get("reason", "")), until)

    def suspend(self, ref: str, reason: str = "", by: str = "", until: float | None = None) -> bool:
        """Switch the schedules of a DAG off, `until` an instant or until it is resumed: nothing is
        started, stopped or restarted by itself. Starts by hand and queued runs go on. False when they
        were off. Raises NotFound."""
        path = self.app.dags.resolve(ref)
        was = self.is_suspended(str(path))
        if was and not reason and until is None:
            return False
        flag = self._flag(str(path))
        known = {"by": by, "reason": reason} | ({} if until is None else {"until": until})
        facts = json.dumps(known, ensure_ascii=False)
        try:
            flag.parent.mkdir(parents=True, exist_ok=True)
            part = flag.with_suffix(f".{os.getpid()}.part")
            part.write_text(facts + "\n", encoding="utf-8", errors="replace")
            part.replace(flag)
        except OSError as error:
            raise Unavailable(f"cannot write {flag}: {error.strerror}") from None
        return not was

    def resume(self, ref: str) -> bool:
        """Switch the schedules of a DAG on again. False when they were on. Raises NotFound."""
        try:
            path = str(self.app.dags.resolve(ref))
        except NotFound:
            # The file may be gone, its flag may not.
            path = ref
            if not self.is_suspended(path):
                raise
        flag, was = self._flag(path), self.is_suspended(path)
        try:
            flag.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise Unavailable(f"cannot remove {flag}: {error.strerror}") from None
        return was

    def _flag(self, path: str) -> Path:
        stem = Path(path).name.removesuffix(".yaml").removesuffix(".yml")
        if not stem:
            raise Invalid("a DAG without a file cannot be suspended")
        return self.app.settings.paths.suspend / f"{_RESERVED.sub('-', stem)}.suspend"

    def _planner_from(self, plan: Plan, seen: _Seen, now: float) -> Planner:
        """The planner; entries the scheduler does not know yet begin now."""
        known = seen.get(plan.name, {})
        begun = {each.fingerprint: known.get(each.fingerprint, now) for each in plan.schedule.entries}
        return self.planner(plan, begun)

    async def _seen(self) -> _Seen:
        """Since when the scheduler knows the entries of each DAG, by fingerprint."""
        found: _Seen = {}
        for _, pair in await self.app.store.scan(_NAMESPACE, _SEEN, limit=1000):
            if isinstance(pair.value, dict):
                found |= {dag: known for dag, known in pair.value.items() if isinstance(known, dict)}
        return found


def _instant(value: object) -> float | None:
    """An instant that somebody wrote down; None for what is none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if value < _NEVER else None


def _sentence(error: DaguError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)
