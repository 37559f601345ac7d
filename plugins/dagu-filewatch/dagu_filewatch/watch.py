"""One entry at work: wakes up, looks, and tells what is finished."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from dagu_core import Fire, SystemClock, TriggerScope
from dagu_filewatch import inotify, telling
from dagu_filewatch.config import FileConfig
from dagu_filewatch.inotify import Inotify, Sign, Subscription
from dagu_filewatch.journal import Journal, Memory
from dagu_filewatch.looking import Look, Looker
from dagu_filewatch.mounts import is_blind
from dagu_filewatch.native import NativeSubscription
from dagu_filewatch.patterns import Selection
from dagu_filewatch.thread import Result, in_thread
from dagu_filewatch.tracker import Change, Tracker

#: seconds between looks at folders that cannot be seen, unless `pollInterval` is shorter
RECHECK = 1.0
#: seconds without change after which a file nobody was seen writing is finished, with `settle: 0`
QUIET = 1.0
#: files above which an entry is told to be large
MANY = 100_000
#: seconds by which the clock of a file system may differ from ours
SKEW = 10.0

Told = tuple[int, Fire, Sequence[Change]]


class Watch:
    """The work of one entry in one scheduler, from its start until `close`."""

    def __init__(self, scope: TriggerScope, config: FileConfig, tell: Callable[[str], None]) -> None:
        self._scope, self._config, self._tell = scope, config, tell
        self._clock = SystemClock()
        self._journal = Journal(scope.scratch)
        self._lists = scope.scratch / "batches"
        self._selection = Selection(config.watch, config.exclude, scope.folder)
        self._looker = Looker(self._selection, config.follow_symlinks, None)
        self._tracker = Tracker(config.events, config.settle, QUIET)
        self._warning = ""
        #: when everything was looked at last
        self._looked = -math.inf
        #: marker file that is waited for -> file
        self._markers: dict[str, str] = {}
        #: changes of a batch that is open, and when it closes
        self._removed: list[Change] = []
        self._gathered: set[str] = set()
        self._closes = math.inf

    def close(self) -> None:
        """Let go of everything, also of a look that hangs."""
        self._looker.given_up.set()
        if self._looker.subscription is not None:
            self._looker.subscription.close()
        self._journal.close()

    async def fires(self, cursor: Any) -> AsyncGenerator[Fire, None]:
        """What is to be told, for ever."""
        memory = await self._aside(self._journal.load)
        if memory is not None:
            handled = cursor["seq"] if cursor else 0
            memory.fires = [each for each in memory.fires if each[0] > handled]
            memory.last = max(memory.last, handled)
            await self._aside(lambda: self._journal.begin(memory))
            self._tracker.known, self._tracker.gone = memory.known, memory.gone
            for _, fire, _ in memory.fires:
                yield fire
        await self._subscribe()
        found = await self._look(None, {})
        if memory is None:
            await self._first_time(found, cursor)
        checked = time.monotonic()
        while True:
            now = time.monotonic()
            # A hundred thousand files are learned in a thread too: the scheduler has other things to do.
            ripe = await self._aside(partial(self._learn, found, now))
            for fire in await self._told(ripe, now):
                yield fire
            self._say()
            found, checked = await self._next_look(checked)

    @staticmethod
    async def _aside(work: Callable[[], Result]) -> Result:
        return await in_thread(work, "file trigger")

    async def _subscribe(self) -> None:
        """Let the kernel tell what happens, where it can."""
        config, bases = self._config, self._selection.bases
        if config.mode == "poll":
            return
        if config.mode == "auto" and await self._aside(lambda: any(map(is_blind, bases))):
            return
        try:
            self._looker.subscription = Inotify.subscribe() if inotify.IS_HERE else NativeSubscription(bases)
        except OSError as error:
            self._poll(error.strerror or str(error))

    def _poll(self, reason: str) -> None:
        self._warning = f"polling every {self._config.poll_interval:g}s: {reason}"
        if self._looker.subscription is not None:
            self._looker.subscription.close()
            self._looker.subscription = None

    async def _first_time(self, found: Look, cursor: Any) -> None:
        """Remember what is there before anything is told. Without a cursor it is what `existing` says;
        with one the folder of the entry was lost, and what is older than the last fire is done."""
        if cursor:
            old = {path: file for path, file in found.files.items() if file.ctime <= cursor["since"] * 1e9}
        else:
            old = found.files if self._config.existing == "ignore" else {}

        def remember() -> None:
            for path, file in old.items():
                self._tracker.accept(path, file)
            self._tracker.silent.clear()
            self._journal.begin(Memory(self._tracker.known, last=cursor["seq"] if cursor else 0))

        await self._aside(remember)

    def _learn(self, found: Look, now: float) -> list[Change]:
        """Changes that are finished."""
        tracker = self._tracker
        self._removed += tracker.look(found.files, found.missing, found.signs, now)
        return tracker.ripe(now)

    async def _next_look(self, checked: float) -> tuple[Look, float]:
        """Wait until there is a reason to look, and do it."""
        looker, tracker, config = self._looker, self._tracker, self._config
        while True:
            polls = looker.subscription is None
            interval = config.poll_interval
            if looker.troubles:
                interval = min(interval, RECHECK)
            wait = min(checked + interval, tracker.next_due(), self._closes) - time.monotonic()
            signs, lost = await _woken(looker.subscription, max(wait, 0.0))
            now = time.monotonic()
            paths = {path for path in signs if self._matters(path)}
            for path in self._markers.keys() & signs.keys():
                if (waited := self._markers.pop(path)) in tracker.settling:
                    tracker.postpone(waited, now)
            if now >= checked + interval:
                checked = now
                is_time = polls and now >= self._looked + config.poll_interval
                lost = lost or is_time or await self._aside(looker.has_moved)
                paths |= looker.troubles.keys()
            paths.update(tracker.due(now))
            if lost or paths or now >= self._closes:
                return await self._look(None if lost else paths, signs), checked

    def _matters(self, path: str) -> bool:
        tracker = self._tracker
        known = path in tracker.known or path in tracker.settling or self._looker.is_folder(path)
        return known or self._selection.reaches(path)

    async def _look(self, paths: set[str] | None, signs: dict[str, Sign]) -> Look:
        if paths is None:
            self._looked = time.monotonic()
        found = await self._aside(lambda: self._looker.look(self._tracker, paths, signs))
        if self._looker.is_limited and self._looker.subscription is not None:
            self._poll("the limit of watches is reached (fs.inotify.max_user_watches)")
        return found

    async def _told(self, ripe: list[Change], now: float) -> list[Fire]:
        """Write down what is to be told; only then it may be."""
        if self._config.marker is not None and ripe:
            ripe = await self._marked(ripe, self._config.marker, now)
        changes = self._batched(ripe, now) if self._config.batch else [*self._taken(), *ripe]
        journal, tracker = self._journal, self._tracker
        if not changes and not tracker.silent:
            return []
        made = await self._aside(lambda: self._made(changes))
        for change in changes:
            tracker.told(change)
        silent, tracker.silent = tracker.silent, {}
        await self._aside(lambda: journal.append(made, silent))
        if journal.is_long(len(tracker.known)):
            await self._aside(lambda: journal.renew(tracker.known, tracker.gone))
        return [fire for _, fire, _ in made]

    async def _marked(self, ripe: list[Change], marker: str, now: float) -> list[Change]:
        files = {change.path: telling.marker_of(marker, change.path) for change in ripe}
        there = await self._aside(lambda: {path for path, at in files.items() if os.path.exists(at)})
        for path in files.keys() - there:
            self._markers[files[path]] = path
            self._tracker.postpone(path, now + self._config.poll_interval)
        return [change for change in ripe if change.path in there]

    def _taken(self) -> list[Change]:
        removed, self._removed = self._removed, []
        return removed

    def _batched(self, ripe: list[Change], now: float) -> list[Change]:
        """The changes of the batch, once it closes; until then they wait and may change again."""
        batch = self._config.batch
        assert batch is not None
        self._gathered = {path for path in self._gathered if path in self._tracker.settling}
        self._gathered.update(change.path for change in ripe)
        count = len(self._gathered) + len(self._removed)
        if not count:
            self._closes = math.inf
            return []
        self._closes = min(self._closes, now + batch.window)
        if now < self._closes and count < batch.max_files:
            for change in ripe:
                self._tracker.postpone(change.path, self._closes)
            return []
        early = self._gathered - {change.path for change in ripe}
        if now < self._closes and early:
            # It is full: all of its files are looked at once more, then told.
            self._closes = now
            for path in early:
                self._tracker.postpone(path, now)
            return []
        self._closes, self._gathered = math.inf, set()
        return [*self._taken(), *ripe]

    def _made(self, changes: Sequence[Change]) -> list[Told]:
        """Fires with their numbers and cursors."""
        config, now = self._config, self._clock.now()
        if config.batch is None:
            groups = [[change] for change in changes]
        else:
            size = config.batch.max_files
            groups = [list(changes[at : at + size]) for at in range(0, len(changes), size)]
            telling.prune(self._lists, now)
        made: list[Told] = []
        number = self._journal.last + len(groups)
        told = {change.path for change in changes}
        since = now - SKEW
        waiting = [each.file.ctime / 1e9 for path, each in self._tracker.settling.items() if path not in told]
        since = min([since, *waiting])
        for group in reversed(groups):
            if config.batch is None:
                fire = telling.fire_of(group[0], config, now)
            else:
                fire = telling.batch_of(group, config, now, self._lists)
            made.append((number, replace(fire, cursor={"seq": number, "since": since}), group))
            # A fire that is handled leaves those after it to be told.
            since = min([since, *(change.file.ctime / 1e9 - 1 for change in group)])
            number -= 1
        return made[::-1]

    def _say(self) -> None:
        """Tell how it fares."""
        troubles = [
            f"waiting for {path}" if reason == "waiting for it" else f"{path}: {reason}"
            for path, reason in sorted(self._looker.troubles.items())
        ]
        said = [f"degraded: {', '.join(troubles[:5])}"] if troubles else []
        said += [self._warning] if self._warning else []
        if len(self._tracker.known) > MANY:
            said.append(f"D131 more than {MANY} files are watched; narrow the patterns or move files away")
        self._tell("; ".join(said).encode("utf-8", "backslashreplace").decode())


async def _woken(subscription: Subscription | None, seconds: float) -> tuple[dict[str, Sign], bool]:
    """What was touched, as soon as something is or the time is over."""
    if subscription is None:
        await asyncio.sleep(seconds)
        return {}, False
    try:
        async with asyncio.timeout(seconds):
            await subscription.woken.wait()
    except TimeoutError:
        pass
    return subscription.take()
