"""What a trigger knows about its files, and what it makes of it: each told once, whatever crashes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dagu_core.base.clock import SystemClock
from dagu_core.contracts.aside import Result, in_thread
from dagu_core.contracts.trigger import Fire
from dagu_core.contracts.watching import telling
from dagu_core.contracts.watching.journal import FileJournal, FileMemory
from dagu_core.contracts.watching.tracker import FileChange, FileSign, FileState, FileTracker
from dagu_core.contracts.watching.words import FileWatchConfig

#: files above which an entry is told to be large
MANY = 100_000

Told = tuple[int, Fire, Sequence[FileChange]]


@dataclass(slots=True)
class FileLook:
    """What a look found: files, tracked files that are missing, and what is known beyond that."""

    files: dict[str, FileState] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    signs: dict[str, FileSign] = field(default_factory=dict)


class FileLedger:
    """The files of one entry: which settle, which were told, which fires nobody confirmed.

    It keeps its journal in `folder`. `there` says which of some marker files exist; it is called in
    a thread and may raise, and what it was asked for is then told another time. `quiet` seconds
    without change finish a file when `settle` is 0; the clock that dates files may differ from ours
    by `skew` seconds. First `resume`, then `begin` when it `is_new`, then `told` after each look.
    """

    def __init__(
        self,
        folder: Path,
        config: FileWatchConfig,
        there: Callable[[Collection[str]], set[str]],
        *,
        quiet: float,
        skew: float,
    ) -> None:
        self._config, self._there, self._skew = config, there, skew
        self._clock = SystemClock()
        self._journal = FileJournal(folder)
        self._lists = folder / "batches"
        self.tracker = FileTracker(config.events, config.settle, quiet)
        #: whether nothing is remembered, so that `begin` must say what is there already
        self.is_new = False
        #: marker file that is waited for -> file
        self.markers: dict[str, str] = {}
        #: when the open batch closes, on the monotonic clock
        self.closes = math.inf
        #: changes of a batch that is open
        self._removed: list[FileChange] = []
        self._gathered: set[str] = set()

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    async def resume(self, cursor: Any) -> list[Fire]:
        """Remember what is written down; the fires beyond the cursor are told once more."""
        memory = await _aside(self._journal.load)
        if memory is None:
            self.is_new = True
            return []
        handled = cursor["seq"] if cursor else 0
        memory.fires = [each for each in memory.fires if each[0] > handled]
        memory.last = max(memory.last, handled)
        await _aside(lambda: self._journal.begin(memory))
        self.tracker.known, self.tracker.gone = memory.known, memory.gone
        return [fire for _, fire, _ in memory.fires]

    async def begin(self, files: Mapping[str, FileState], cursor: Any) -> None:
        """Remember what is there before anything is told. Without a cursor it is what `existing` says;
        with one the folder of the entry was lost, and what is older than the last fire is done."""
        if cursor:
            old = {path: file for path, file in files.items() if file.ctime <= cursor["since"] * 1e9}
        else:
            old = dict(files) if self._config.existing == "ignore" else {}

        def remember() -> None:
            for path, file in old.items():
                self.tracker.accept(path, file)
            self.tracker.silent.clear()
            self._journal.begin(FileMemory(self.tracker.known, last=cursor["seq"] if cursor else 0))

        await _aside(remember)
        self.is_new = False

    async def told(self, look: FileLook, now: float) -> list[Fire]:
        """Learn what a look found at `now` (monotonic), and write down what is to be told; only then
        it may be."""
        # A hundred thousand files are learned in a thread too: the scheduler has other things to do.
        ripe = await _aside(partial(self._learn, look, now))
        if self._config.marker is not None and ripe:
            ripe = await self._marked(ripe, self._config.marker, now)
        changes = self._batched(ripe, now) if self._config.batch else [*self._taken(), *ripe]
        journal, tracker = self._journal, self.tracker
        if not changes and not tracker.silent:
            return []
        made = await _aside(lambda: self._made(changes))
        for change in changes:
            tracker.told(change)
        silent, tracker.silent = tracker.silent, {}
        await _aside(lambda: journal.append(made, silent))
        if journal.is_long(len(tracker.known)):
            await _aside(lambda: journal.renew(tracker.known, tracker.gone))
        return [fire for _, fire, _ in made]

    def health(self, troubles: Mapping[str, str], warning: str = "") -> str:
        """How an entry fares, for people: `troubles` maps what cannot be seen to the reason."""
        shown = [
            f"waiting for {path}" if reason == "waiting for it" else f"{path}: {reason}"
            for path, reason in sorted(troubles.items())
        ]
        said = [f"degraded: {', '.join(shown[:5])}"] if shown else []
        said += [warning] if warning else []
        if len(self.tracker.known) > MANY:
            said.append(f"D131 more than {MANY} files are watched; narrow the patterns or move files away")
        return "; ".join(said).encode("utf-8", "backslashreplace").decode()

    def _learn(self, look: FileLook, now: float) -> list[FileChange]:
        """Changes that are finished."""
        self._removed += self.tracker.look(look.files, look.missing, look.signs, now)
        return self.tracker.ripe(now)

    async def _marked(self, ripe: list[FileChange], marker: str, now: float) -> list[FileChange]:
        files = {change.path: telling.marker_of(marker, change.path) for change in ripe}
        there = await _aside(lambda: self._there(set(files.values())))
        for path, at in files.items():
            if at not in there:
                self.markers[at] = path
                self.tracker.postpone(path, now + self._config.poll_interval)
        return [change for change in ripe if files[change.path] in there]

    def _taken(self) -> list[FileChange]:
        removed, self._removed = self._removed, []
        return removed

    def _batched(self, ripe: list[FileChange], now: float) -> list[FileChange]:
        """The changes of the batch, once it closes; until then they wait and may change again."""
        batch = self._config.batch
        assert batch is not None
        self._gathered = {path for path in self._gathered if path in self.tracker.settling}
        self._gathered.update(change.path for change in ripe)
        count = len(self._gathered) + len(self._removed)
        if not count:
            self.closes = math.inf
            return []
        self.closes = min(self.closes, now + batch.window)
        if now < self.closes and count < batch.max_files:
            for change in ripe:
                self.tracker.postpone(change.path, self.closes)
            return []
        early = self._gathered - {change.path for change in ripe}
        if now < self.closes and early:
            # It is full: all of its files are looked at once more, then told.
            self.closes = now
            for path in early:
                self.tracker.postpone(path, now)
            return []
        self.closes, self._gathered = math.inf, set()
        return [*self._taken(), *ripe]

    def _made(self, changes: Sequence[FileChange]) -> list[Told]:
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
        since = now - self._skew
        waiting = [each.file.ctime / 1e9 for path, each in self.tracker.settling.items() if path not in told]
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


async def _aside(work: Callable[[], Result]) -> Result:
    return await in_thread(work, "file trigger")
