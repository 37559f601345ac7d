"""Many files from one side to the other: which, where to, in which order, over how many connections."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence

from dagu_ftp.options import Options
from dagu_ftp.problems import MISSING, USAGE, Interrupted, Problem, problem_of
from dagu_ftp.progress import Progress
from dagu_ftp.selection import Found, Selection
from dagu_ftp.transfer import Pair, Transfer
from dagu_ftp.tree import Entry, Server, Tree, flaw_of, folder_of, joined, name_of

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 15.0


def patiently(work: Callable[[], None], again: Callable[[], None], retries: int, progress: Progress) -> None:
    """Do `work`; when what it met passes, wait, do `again` (reconnect) and have another go."""
    wait, needs_again = _FIRST_WAIT, False
    for left in range(retries, -1, -1):
        try:
            if needs_again:
                again()
                needs_again = False
            work()
        except Problem as problem:
            if not problem.is_passing or not left:
                raise
            needs_again = True
            progress.wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
        else:
            return


class Batch:
    """The files of an upload or download, and the threads that bring them over."""

    def __init__(
        self,
        options: Options,
        local: Tree,
        servers: Sequence[Server],
        progress: Progress,
        selection: Selection,
    ) -> None:
        self._options = options
        self._servers = servers
        self._progress = progress
        self._selection = selection
        self._source: Tree = local if options.upward else servers[0]
        self._target: Tree = servers[0] if options.upward else local
        self._local = local
        self._waiting: deque[Pair] = deque()
        self._folders: set[str] = set()
        self._making = threading.Lock()
        self._end: BaseException | None = None
        #: every path below the destination that has its source, relative
        self.wanted: set[str] = set()

    def collect(self) -> int:
        """Find what is to be transferred; returns how many files the source means."""
        if self._options.operation == "mirror":
            self._check_folder()
        found = [each for each in self._selection if self._is_usable(each)]
        files = [each for each in found if each.entry.kind == "file"]
        pairs = self._pairs(files)
        if self._options.operation == "mirror":
            self.wanted = {each.relative for each in found}
            self.make_folder(self._options.destination)
            for each in found:
                if each.entry.kind == "folder":
                    self.make_folder(joined(self._options.destination, each.relative))
        self._waiting.extend(self._due(pairs))
        self._progress.files = len(self._waiting)
        return len(files)

    def run(self) -> None:
        """Bring everything over; raises what ends everything, after all threads have ended."""
        count = min(len(self._servers), len(self._waiting))
        threads = [
            threading.Thread(target=self._work, args=(server,), daemon=True)
            for server in self._servers[1:count]
        ]
        for thread in threads:
            thread.start()
        if count:
            self._work(self._servers[0])
        for thread in threads:
            thread.join()
        while self._waiting:
            source = self._waiting.popleft().found.path
            self._progress.failed.append({"source": source, "error": "not tried any more"})
        if self._end is not None:
            raise self._end

    def _check_folder(self) -> None:
        """A mirror of what is not there would have to delete everything."""
        source = self._options.source
        entry = self._source.stat(source.rstrip("/") or source)
        if entry is None or entry.kind != "folder":
            raise Problem(f"{source!r}: there is no such folder to mirror", MISSING)

    def _is_usable(self, found: Found) -> bool:
        if found.entry.kind == "other":
            self._progress.skip(found.path, "neither a file nor a folder")
        if flaw := flaw_of(found.entry.name):
            self._progress.fail(found.path, Problem(f"refused: {flaw}"))
            return False
        return found.entry.kind in ("file", "folder")

    def _pairs(self, files: list[Found]) -> list[Pair]:
        destination = self._options.destination
        if not self._selection.is_one:
            return [Pair(each, joined(destination, each.relative)) for each in files]
        into_folder = destination.endswith("/") or destination in ("", ".", "~")
        if not into_folder:
            there = self._target.stat(destination)
            into_folder = there is not None and there.kind == "folder"
        return [
            Pair(each, joined(destination, name_of(each.path)) if into_folder else destination)
            for each in files
        ]

    def _due(self, pairs: list[Pair]) -> list[Pair]:
        """The pairs that age and what is there already do not exclude."""
        due = []
        known: dict[str, dict[str, Entry]] = {}
        crowd = Counter(folder_of(pair.destination) for pair in pairs)
        for pair in pairs:
            self._progress.check()
            if reason := self._too_young(pair) or self._kept(pair, known, crowd):
                self._progress.skip(pair.found.path, reason)
            else:
                due.append(pair)
        return due

    def _too_young(self, pair: Pair) -> str:
        if not self._options.min_age:
            return ""
        modified = self._source.modified(pair.found.path, pair.found.entry)
        age = self._options.now + self._progress.seconds - (modified or 0.0)
        return "" if age >= self._options.min_age else f"changed {max(age, 0):.0f} seconds ago"

    def _kept(self, pair: Pair, known: dict[str, dict[str, Entry]], crowd: Counter[str]) -> str:
        rule = self._options.overwrite
        if rule == "always":
            return ""
        there = self._there(pair.destination, known, crowd)
        if there is None:
            return ""
        if rule == "never":
            return "exists"
        entry = pair.found.entry
        if rule == "ifDifferent" and None not in (entry.size, there.size) and entry.size != there.size:
            return ""
        ours = self._source.modified(pair.found.path, entry)
        theirs = self._target.modified(pair.destination, there)
        if ours is None or theirs is None:
            return ""  # nobody knows: better once too often
        if rule == "ifDifferent" and self._options.preserve_times:
            return "same" if abs(int(ours) - int(theirs)) <= 1 else ""
        return "" if int(ours) > int(theirs) else "not newer"

    def _there(self, path: str, known: dict[str, dict[str, Entry]], crowd: Counter[str]) -> Entry | None:
        """What has the destination's name: one listing a folder, because asking for each is slow."""
        folder, name = folder_of(path), name_of(path)
        if crowd[folder] < 3 or name.startswith("."):
            return self._target.stat(path)  # listings of some servers hide names with a dot
        if folder not in known:
            is_there = self._target.stat(folder or ".") is not None
            entries = self._target.entries(folder or ".") if is_there else []
            known[folder] = {each.name: each for each in entries}
        found = known[folder].get(name)
        return found if found is None or found.kind != "link" else self._target.stat(path)

    def make_folder(self, path: str, tree: Tree | None = None) -> None:
        """Make a folder of the destination and those above it, once."""
        tree = tree or self._target
        path = path.rstrip("/")
        with self._making:
            if not path or path in (".", "~") or path in self._folders:
                return
            missing = []
            while path and path not in (".", "~") and path not in self._folders:
                entry = tree.stat(path)
                if entry is not None and entry.kind == "folder":
                    self._folders.add(path)
                    break
                if entry is not None:
                    raise Problem(f"{path!r} is in the way: a file where a folder must be", USAGE)
                missing.append(path)
                path = folder_of(path).rstrip("/")
            for each in reversed(missing):
                tree.make_folder(each)
                self._folders.add(each)

    def _work(self, server: Server) -> None:
        if self._options.upward:
            transfer = Transfer(self._local, server, self._options, self._progress)
        else:
            transfer = Transfer(server, self._local, self._options, self._progress)
        while self._waiting and self._end is None:
            try:
                pair = self._waiting.popleft()
            except IndexError:
                return
            try:
                self._progress.check()
                patiently(
                    lambda pair=pair: self._one(transfer, pair),  # type: ignore[misc]
                    server.connect,
                    self._options.retries,
                    self._progress,
                )
            except Interrupted as stop:
                self._end = stop
            except Exception as error:
                problem = problem_of(error)
                self._progress.fail(pair.found.path, problem)
                if problem.ends_everything:
                    self._end = problem

    def _one(self, transfer: Transfer, pair: Pair) -> None:
        self.make_folder(folder_of(pair.destination), transfer.target)
        transfer.run(pair)
