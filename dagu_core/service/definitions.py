"""What the DAGs folder says about starts, kept up to date: the light plans of its files."""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.app.dags import SUFFIXES, target_of
from dagu_core.base.errors import DaguError
from dagu_core.model.plan.plan import Plan, Source
from dagu_core.service.light_reading import COUNTING, STARTING, cut, keys_of

if TYPE_CHECKING:
    from dagu_core.app.app import App

Stamp = tuple[int, int, int]
#: that of a link which leads nowhere
_NOWHERE = (-1, 0, 0)


class Reading(Struct, frozen=True):
    """A file as it was last seen: `plan` is the last good one, None when nothing in it starts by
    itself or counts for others that do. The plan knows when it starts, not what it does."""

    stamp: Stamp
    plan: Plan | None
    problem: str = ""


class Changes(Struct, frozen=True):
    """The DAGs that came or changed, and those that are gone, by name."""

    changed: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


class Definitions:
    """The scheduled DAGs of the top level of the folder. `say` hears of files that are broken,
    once for each change of a file.

    A file that nobody has just written is read as far as it says when it starts; `check_some` looks at
    the rest, later. Any thread may ask for either.
    """

    def __init__(self, app: App, say: Callable[[str, str], None] = lambda dag, text: None) -> None:
        self.folder, self.base = app.dags.folder, app.dags.base_config
        #: light plans by DAG name
        self.plans: dict[str, Plan] = {}
        #: the same, and those of DAGs that never start by themselves and belong to a group
        self.counted: list[Plan] = []
        self._dags, self._say = app.dags, say
        self._filters = frozenset(app.host.complete().filters)
        self._files: dict[Path, Reading] = {}
        self._unchecked: deque[Path] = deque()
        self._lock = Lock()
        self._base_stamp: Stamp | None = None
        self._base_text = ""
        self._base_starts = False

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with files, by name."""
        return {path.name: one.problem for path, one in self._files.items() if one.problem}

    @property
    def has_unchecked(self) -> bool:
        """Whether there are files of which only a part was read."""
        return bool(self._unchecked)

    def check_some(self, seconds: float) -> None:
        """Look for what is wrong with files of which only a part was read, for so long."""
        until = time.monotonic() + seconds
        with self._lock:
            while self._unchecked and time.monotonic() < until:
                path = self._unchecked.popleft()
                one = self._files.get(path)
                if one is None or one.plan is None or one.problem:
                    continue
                try:
                    self._check(path)
                except DaguError as error:
                    self._files[path] = replace(one, problem=str(error))
                    self._say(one.plan.name, str(error))

    def refresh(self, paths: Iterable[Path] | None = None) -> Changes:
        """Read what has changed: the files of these paths, or all of them."""
        with self._lock:
            return self._refreshed(paths)

    def _refreshed(self, paths: Iterable[Path] | None) -> Changes:
        if self._base_changed():
            self._files = {path: replace(one, stamp=(0, 0, 0)) for path, one in self._files.items()}
            paths = None
        if paths is None:
            here = _listed(self.folder)
        else:
            touched = {path for path in paths if path.suffix in SUFFIXES and path.parent == self.folder}
            here = {path: stamp for path in touched if (stamp := _stamp(path)) is not None}
            here |= {path: one.stamp for path, one in self._files.items() if path not in touched}
        files: dict[Path, Reading] = {}
        for path, stamp in sorted(here.items()):
            known = self._files.get(path)
            if known is None or known.stamp != stamp:
                known = self._read(path, stamp, known, whole=paths is not None)
            files[path] = known
        self._files = files
        return self._compared()

    def _compared(self) -> Changes:
        found: dict[str, Plan] = {}
        for path, one in self._files.items():
            if one.plan is None:
                continue
            if (first := found.setdefault(one.plan.name, one.plan)) is not one.plan:
                problem = f"the DAG {one.plan.name} is defined in {Path(first.source.path).name} already"
                if one.problem != problem:
                    self._files[path] = replace(one, problem=problem)
                    self._say(one.plan.name, f"{path.name}: {problem}")
        self.counted = list(found.values())
        plans = {name: plan for name, plan in found.items() if plan.schedule}
        old, self.plans = self.plans, plans
        changed = frozenset(name for name, plan in plans.items() if old.get(name) is not plan)
        return Changes(changed, frozenset(old.keys() - plans.keys()))

    def _read(self, path: Path, stamp: Stamp, known: Reading | None, *, whole: bool) -> Reading:
        """Read a file; `whole`: somebody has just written it, and is told of everything."""
        if stamp == _NOWHERE:
            problem = f"{path}: the link leads nowhere, to {target_of(path)}"
            if known is None or known.problem != problem:
                self._say(path.stem, problem)
            return Reading(stamp, None, problem)
        try:
            if (plan := self._light_plan(path)) is not None:
                if whole:
                    self._check(path)
                else:
                    self._unchecked.append(path)
            return Reading(stamp, plan)
        except DaguError as error:
            last_good = known.plan if known else None
            if known is None or known.problem != str(error):
                name = last_good.name if last_good else self._dags.name_of_broken(path)
                self._say(name, str(error))
            return Reading(stamp, last_good, str(error))

    def _check(self, path: Path) -> None:
        self._dags.check(self._dags.text_of(path), path=str(path), base=self._base_text)

    def _light_plan(self, path: Path) -> Plan | None:
        text = self._dags.text_of(path)
        keys = keys_of(text)
        if keys is not None and not self._base_starts and not keys & (STARTING | {COUNTING}):
            return None
        plan = None
        if (part := cut(text, self._filters)) is not None:
            base = cut(self._base_text, self._filters)
            try:
                found = self._dags.check(f"{part}\nsteps: []\n", path=str(path), base=base or "", lint=False)
                plan = found.plans[0] if base is not None else None
            except DaguError:
                plan = None  # reading all of it finds the same, and tells the places
        if plan is None:
            plan = self._dags.check(text, path=str(path), base=self._base_text, lint=False).plans[0]
        if not (plan.schedule or plan.schedule.overlap.group):
            return None
        return replace(plan, nodes=(), step_count=0, local={}, source=Source("", str(path)))

    def _base_changed(self) -> bool:
        stamp = _stamp(self.base)
        if stamp == self._base_stamp:
            return False
        try:
            self._base_text = self._dags.base_text()
        except DaguError as error:
            self._say("base", str(error))
            return False
        finally:
            self._base_stamp = stamp
        keys = keys_of(self._base_text)
        self._base_starts = bool(self._base_text.strip()) and (
            keys is None or bool(keys & (STARTING | {COUNTING}))
        )
        return True


def _listed(folder: Path) -> dict[Path, Stamp]:
    return {
        path: stamp
        for name in _names(folder)
        if name.endswith(SUFFIXES) and (stamp := _stamp(path := folder / name)) is not None
    }


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _stamp(path: Path) -> Stamp | None:
    """What tells one content of a regular file from another; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return _NOWHERE if target_of(path) else None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if stat.S_ISREG(found.st_mode) else None
