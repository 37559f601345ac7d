"""What is done on a server without bringing files over: list, delete, move, mkdir, exists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dagu_ftp.options import Options
from dagu_ftp.problems import INCOMPLETE, MISSING, USAGE, Problem
from dagu_ftp.progress import Progress
from dagu_ftp.selection import Found, Selection, is_pattern
from dagu_ftp.tree import Entry, Server, Tree, folder_of, joined, name_of


class Housekeeping:
    """One operation each method; what was done goes into `report` as it is done."""

    def __init__(self, options: Options, server: Server, progress: Progress, report: dict[str, Any]) -> None:
        self._options = options
        self._server = server
        self._progress = progress
        self._report = report
        self._source = options.source.rstrip("/") or options.source

    def listing(self) -> None:
        """Names, sizes and times of what the source means."""
        found = [_shown(each) for each in self._selection().listing()]
        self._report |= {"source": self._options.source, "entries": found}
        if not found and (is_pattern(self._source) or self._server.stat(self._source) is None):
            nothing_found(self._options)

    def exists(self) -> None:
        """Whether there is such a file or folder, or one that fits the pattern."""
        is_there = self._server.stat(self._source) is not None
        if not is_there and is_pattern(self._source):
            is_there = any(True for _ in self._selection())
        self._report |= {"path": self._options.source, "exists": is_there}
        if not is_there:
            nothing_found(self._options)

    def mkdir(self) -> None:
        """Make a folder and those above it."""
        path = self._options.destination or self._options.source
        self._report |= {"path": path, "created": self._make_folders(path)}
        entry = self._server.stat(path.rstrip("/"))
        if entry is None or entry.kind != "folder":
            raise Problem(f"{path!r} is no folder")

    def delete(self) -> None:
        """Remove files; with `recursive` folders and all that is in them."""
        if set(self._source) <= set("./*~"):
            hint = "name a file, a folder or a pattern inside a folder"
            raise Problem(f"refused to delete {self._options.source!r}: {hint}", USAGE)
        found = list(self._selection(halves=True))
        entry = self._server.stat(self._source) if self._options.recursive else None
        if entry is not None and entry.kind == "folder":
            found.insert(0, Found(self._source, "", entry))
        done = self._begin("deleted", found)
        for each in reversed(found):
            is_folder = each.entry.kind == "folder"
            if is_folder and not self._options.recursive:
                self._progress.skip(each.path, "a folder")
                continue
            try:
                self._progress.check()
                (self._server.remove_folder if is_folder else self._server.remove)(each.path)
            except Problem as problem:
                self._failed(each, problem)
            else:
                done.append(each.path)
        self._end(len(done))

    def move(self) -> None:
        """Give files another name or folder, on the server."""
        destination = self._options.destination
        entry = self._server.stat(self._source)
        found = [Found(self._source, name_of(self._source), entry)] if entry else list(self._selection())
        done = self._begin("moved", found)
        into = entry is None or self._is_folder(destination)
        self._make_folders(destination if into else folder_of(destination))
        for each in found:
            target = joined(destination, each.entry.name) if into else destination
            try:
                self._progress.check()
                if self._options.overwrite == "never" and self._server.stat(target) is not None:
                    self._progress.skip(each.path, "exists")
                    continue
                self._server.rename(each.path, target)
            except Problem as problem:
                self._failed(each, problem)
            else:
                done.append({"source": each.path, "destination": target})
        self._end(len(done))

    def _selection(self, *, halves: bool = False) -> Selection:
        return selection(self._options, self._server, self._progress, halves=halves)

    def _begin(self, key: str, found: list[Found]) -> list[Any]:
        """The list of what is done, with skips and failures beside it."""
        done: list[Any] = []
        self._report |= {key: done, "skipped": self._progress.skipped, "failed": self._progress.failed}
        if not found and not self._progress.failed:
            nothing_found(self._options)
        return done

    def _failed(self, found: Found, problem: Problem) -> None:
        self._progress.fail(found.path, problem)
        if problem.ends_everything:
            raise problem

    def _end(self, done: int) -> None:
        if self._progress.failed:
            raise incomplete(self._progress, done)

    def _is_folder(self, path: str) -> bool:
        there = self._server.stat(path.rstrip("/") or path)
        return path.endswith("/") or (there is not None and there.kind == "folder")

    def _make_folders(self, path: str) -> list[str]:
        made: list[str] = []
        path = path.rstrip("/")
        while path and path not in (".", "~") and self._server.stat(path) is None:
            made.insert(0, path)
            path = folder_of(path).rstrip("/")
        for each in made:
            self._server.make_folder(each)
        return made


def selection(options: Options, tree: Tree, progress: Progress, *, halves: bool = False) -> Selection:
    """What the source of a step means in a tree; names that must not be used count as failures."""
    return Selection(
        tree,
        options.source.rstrip("/") or options.source,
        recursive=options.recursive,
        exclude=options.exclude,
        halves=halves,
        refuse=lambda path, flaw: progress.fail(path, Problem(f"{path!r}: {flaw}")),
    )


def nothing_found(options: Options) -> None:
    """Fail, unless the step says that nothing is fine."""
    if not options.allow_empty:
        where = "here" if options.upward else "on the server"
        raise Problem(f"there is no {options.source!r} {where}", MISSING)


def incomplete(progress: Progress, done: int) -> Problem:
    """How a step ends of which some files failed."""
    problems = progress.problems or [Problem("nothing was done")]
    worst = next((each for each in problems if each.ends_everything), problems[0])
    same = not done and len({each.code for each in problems}) == 1
    code = worst.code if worst.ends_everything or same else INCOMPLETE
    count = len(progress.failed)
    return Problem(f"{count} of {count + done} failed: {worst}", code)


def _shown(found: Found) -> dict[str, Any]:
    entry: Entry = found.entry
    modified = entry.modified
    return {
        "path": found.path,
        "name": entry.name,
        "type": entry.kind,
        "size": entry.size if entry.kind == "file" else None,
        "modified": None if modified is None else datetime.fromtimestamp(modified, UTC).isoformat(),
    }
