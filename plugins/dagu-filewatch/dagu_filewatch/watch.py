"""One entry at work: wakes up, looks, and tells what is finished."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncGenerator, Callable, Collection
from typing import Any

from dagu_core import FileLedger, FileLook, FileSelection, FileSign, Fire, TriggerScope, in_thread
from dagu_filewatch import inotify
from dagu_filewatch.config import FileConfig
from dagu_filewatch.inotify import Inotify, Subscription
from dagu_filewatch.looking import Looker
from dagu_filewatch.mounts import is_blind
from dagu_filewatch.native import NativeSubscription

#: seconds between looks at folders that cannot be seen, unless `pollInterval` is shorter
RECHECK = 1.0
#: seconds without change after which a file nobody was seen writing is finished, with `settle: 0`
QUIET = 1.0
#: seconds by which the clock of a file system may differ from ours
SKEW = 10.0


class Watch:
    """The work of one entry in one scheduler, from its start until `close`."""

    def __init__(self, scope: TriggerScope, config: FileConfig, tell: Callable[[str], None]) -> None:
        self._config, self._tell = config, tell
        self._selection = FileSelection(config.watch, config.exclude, scope.folder)
        self._looker = Looker(self._selection, config.follow_symlinks, None)
        self._ledger = FileLedger(scope.scratch, config, _existing, quiet=QUIET, skew=SKEW)
        self._tracker = self._ledger.tracker
        self._warning = ""
        #: when everything was looked at last
        self._looked = -math.inf

    def close(self) -> None:
        """Let go of everything, also of a look that hangs."""
        self._looker.given_up.set()
        if self._looker.subscription is not None:
            self._looker.subscription.close()
        self._ledger.close()

    async def fires(self, cursor: Any) -> AsyncGenerator[Fire, None]:
        """What is to be told, for ever."""
        for fire in await self._ledger.resume(cursor):
            yield fire
        await self._subscribe()
        found = await self._look(None, {})
        if self._ledger.is_new:
            await self._ledger.begin(found.files, cursor)
        checked = time.monotonic()
        while True:
            for fire in await self._ledger.told(found, time.monotonic()):
                yield fire
            self._tell(self._ledger.health(self._looker.troubles, self._warning))
            found, checked = await self._next_look(checked)

    async def _subscribe(self) -> None:
        """Let the kernel tell what happens, where it can."""
        config, bases = self._config, self._selection.bases
        if config.mode == "poll":
            return
        if config.mode == "auto" and await in_thread(lambda: any(map(is_blind, bases)), "file trigger"):
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

    async def _next_look(self, checked: float) -> tuple[FileLook, float]:
        """Wait until there is a reason to look, and do it."""
        looker, tracker, ledger = self._looker, self._tracker, self._ledger
        while True:
            polls = looker.subscription is None
            interval = self._config.poll_interval
            if looker.troubles:
                interval = min(interval, RECHECK)
            wait = min(checked + interval, tracker.next_due(), ledger.closes) - time.monotonic()
            signs, lost = await _woken(looker.subscription, max(wait, 0.0))
            now = time.monotonic()
            paths = {path for path in signs if self._matters(path)}
            for path in ledger.markers.keys() & signs.keys():
                if (waited := ledger.markers.pop(path)) in tracker.settling:
                    tracker.postpone(waited, now)
            if now >= checked + interval:
                checked = now
                is_time = polls and now >= self._looked + self._config.poll_interval
                lost = lost or is_time or await in_thread(looker.has_moved, "file trigger")
                paths |= looker.troubles.keys()
            paths.update(tracker.due(now))
            if lost or paths or now >= ledger.closes:
                return await self._look(None if lost else paths, signs), checked

    def _matters(self, path: str) -> bool:
        tracker = self._tracker
        known = path in tracker.known or path in tracker.settling or self._looker.is_folder(path)
        return known or self._selection.reaches(path)

    async def _look(self, paths: set[str] | None, signs: dict[str, FileSign]) -> FileLook:
        if paths is None:
            self._looked = time.monotonic()
        found = await in_thread(lambda: self._looker.look(self._tracker, paths, signs), "file trigger")
        if self._looker.is_limited and self._looker.subscription is not None:
            self._poll("the limit of watches is reached (fs.inotify.max_user_watches)")
        return found


def _existing(paths: Collection[str]) -> set[str]:
    return {path for path in paths if os.path.exists(path)}


async def _woken(subscription: Subscription | None, seconds: float) -> tuple[dict[str, FileSign], bool]:
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
