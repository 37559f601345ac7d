"""Looks at a server: which of the files of an entry are there, and what keeps it from seeing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from dagu_core import FileLook, FileSelection, FileState, FileTracker
from dagu_ftp.problems import MISSING, UNAVAILABLE, Problem, problem_of
from dagu_ftp.tree import PART, Entry, Server, flaw_of, joined
from dagu_ftp.trigger_config import RemoteConfig

#: seconds after which a connection is made anew, whatever it still does
OLD = 3600.0
#: seconds for which a file whose listed time does not change may still be written to
RECENT = 150.0
#: seconds by which a time that is only listed may move without a change: clocks of summer and winter,
#: and dates without a time of day for files that grow old
ROUGH = 25 * 3600.0
_DEEPEST = 100

Result = TypeVar("Result")


class RemoteLooker:
    """The eyes of an entry. `look` and `existing` block: call them in a thread, one at a time.

    `make` gives a server that is not connected yet. `troubles` maps what cannot be seen to the reason.
    """

    def __init__(self, config: RemoteConfig) -> None:
        self.make: Callable[[], Server] | None = None
        self.troubles: dict[str, str] = {}
        self._config = config
        self._server: Server | None = None
        self._connected = 0.0
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        #: path -> size and time as listed, when that was first seen, the exact time
        self._times: dict[str, tuple[int | None, float | None, float, int]] = {}

    @property
    def is_connected(self) -> bool:
        """Whether the next look needs no login, for all that is known."""
        return self._server is not None

    def look(self, tracker: FileTracker) -> FileLook:
        """Look at everything. Raises Problem when the server cannot be asked."""
        return self._patiently(lambda server: _Walk(self, server, self._config, tracker, self._times).look())

    def existing(self, paths: Collection[str]) -> set[str]:
        """Those of some paths that are there. Raises Problem."""
        return self._patiently(lambda server: {path for path in paths if server.stat(path) is not None})

    def give_up(self) -> None:
        """End whatever is going on and close the connection, without waiting for it."""
        self._given_up.set()

        def close() -> None:
            if server := self._server:
                server.cut()
            with self._lock:
                self._disconnect()

        threading.Thread(target=close, name="remote trigger", daemon=True).start()

    def check(self) -> None:
        """Raise Problem when nobody waits for the result any more."""
        if self._given_up.is_set():
            raise Problem("it was given up", UNAVAILABLE)

    def _patiently(self, work: Callable[[Server], Result]) -> Result:
        """Do `work`; once more when a connection that was idle turns out to be dead."""
        with self._lock:
            if time.monotonic() > self._connected + OLD:
                self._disconnect()
            was_idle = self._server is not None
            try:
                return work(self._connection())
            except Exception as error:
                problem = problem_of(error)
                if problem.ends_everything or problem.is_passing:
                    self._disconnect()
                if not (was_idle and problem.is_passing):
                    raise problem from None
            self.check()
            try:
                return work(self._connection())
            except Exception as error:
                self._disconnect()
                raise problem_of(error) from None

    def _connection(self) -> Server:
        self.check()
        if self._server is None:
            assert self.make is not None
            server = self.make()
            try:
                server.connect()
            except BaseException:
                with suppress(Problem):
                    server.close()
                raise
            self._server, self._connected = server, time.monotonic()
            self.check()
        return self._server

    def _disconnect(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with suppress(Problem):
                server.close()


class _Walk:
    """One look."""

    def __init__(
        self,
        looker: RemoteLooker,
        server: Server,
        config: RemoteConfig,
        tracker: FileTracker,
        times: dict[str, tuple[int | None, float | None, float, int]],
    ) -> None:
        self._looker, self._server, self._tracker, self._times = looker, server, tracker, times
        self._follow = config.follow_symlinks
        home = Path(server.real("."))
        self._selection = FileSelection(_ours(config.watch), _ours(config.exclude), home)
        self._troubles: dict[str, str] = {}
        self._visited: set[str] = set()
        self._found = FileLook()

    def look(self) -> FileLook:
        """Everything that is meant, and what is missing."""
        tracker, found = self._tracker, self._found
        for base in self._selection.bases:
            self._walk(base)
        tracked = {*tracker.known, *tracker.settling}
        unseen = tuple(f"{folder.rstrip('/')}/" for folder in self._troubles)
        found.missing = [path for path in tracked - found.files.keys() if not path.startswith(unseen)]
        for path in self._times.keys() - found.files.keys():
            del self._times[path]
        self._looker.troubles = self._troubles
        return found

    def _walk(self, base: str) -> None:
        waiting = [(base, 0)]
        while waiting:
            self._looker.check()
            folder, depth = waiting.pop()
            try:
                if self._follow and not self._is_new(folder):
                    continue
                for path in self._list(folder):
                    if depth < _DEEPEST:
                        waiting.append((path, depth + 1))
                    else:
                        self._troubles[path] = f"lies deeper than {_DEEPEST} folders"
            except Problem as problem:
                if problem.ends_everything or problem.is_passing:
                    raise
                is_missing = problem.code == MISSING and folder == base
                self._troubles[folder] = "waiting for it" if is_missing else str(problem)

    def _is_new(self, folder: str) -> bool:
        real = self._server.real(folder)
        if real in self._visited:
            return False
        self._visited.add(real)
        return True

    def _list(self, folder: str) -> list[str]:
        """Take the files of a folder; the folders in it that may hold more."""
        folders = []
        for entry in self._server.entries(folder):
            if entry.name in ("", ".", ".."):
                continue
            path = joined(folder, entry.name)
            if flaw := flaw_of(entry.name):
                self._troubles[path] = flaw
                continue
            meant = entry
            if entry.kind == "link" and self._follow:
                meant = self._server.stat(path) or entry
            if meant.kind == "folder" and self._selection.enters(path):
                folders.append(path)
            elif meant.kind == "file" and not entry.name.startswith(PART) and self._selection.matches(path):
                self._found.files[path] = self._state(path, meant)
        return folders

    def _state(self, path: str, entry: Entry) -> FileState:
        changed = self._time(path, entry)
        # Servers have no inodes to tell, and one time only.
        return FileState(0, entry.size or 0, changed, changed, entry.mode or 0)

    def _time(self, path: str, entry: Entry) -> int:
        """When it was modified, in nanoseconds."""
        if entry.is_exact:
            return _nanoseconds(entry.modified)
        now = time.monotonic()
        before = self._times.get(path)
        is_listed_alike = before is not None and before[:2] == (entry.size, entry.modified)
        since = before[2] if before is not None and is_listed_alike else now
        if before is not None and is_listed_alike and now > since + RECENT and path in self._tracker.known:
            return before[3]
        asked = self._server.asked_time(path)
        changed = self._rough(path, entry) if asked is None else _nanoseconds(asked)
        self._times[path] = (entry.size, entry.modified, since, changed)
        return changed

    def _rough(self, path: str, entry: Entry) -> int:
        changed = _nanoseconds(entry.modified)
        waiting = self._tracker.settling.get(path)
        old = waiting.file if waiting is not None else self._tracker.known.get(path)
        if old is not None and old.size == entry.size and abs(changed - old.mtime) <= ROUGH * 1e9:
            return old.mtime
        return changed


def _nanoseconds(seconds: float | None) -> int:
    return round((seconds or 0.0) * 1_000_000_000)


def _ours(patterns: list[str]) -> list[str]:
    """Patterns without `~`, which would be the home folder of this machine."""
    return [text.removeprefix("~/") if text.startswith("~/") else _plain(text) for text in patterns]


def _plain(text: str) -> str:
    return f"./{text}" if text.startswith("~") and "/" in text else text
