"""Which files a source means: a path, a folder, or a pattern; the same here and on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dagu_ftp.problems import Problem
from dagu_ftp.tree import PART, Entry, Tree, flaw_of, joined, name_of

_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Found:
    """One file or folder. `relative` is its path below the fixed part of the source."""

    path: str
    relative: str
    entry: Entry


def is_pattern(source: str) -> bool:
    """Whether a source has wildcards in it."""
    return any(mark in source for mark in "*?[")


class Selection:
    """What `source` means in a tree.

    `*`, `?` and `[a-z]` stand for a part of one name and do not match a leading dot; `**` stands
    for any number of folders. `refuse` hears of names that must not be used. Halves of files, ours
    or of other runs, are only found when asked for.
    """

    def __init__(
        self,
        tree: Tree,
        source: str,
        *,
        recursive: bool,
        exclude: Sequence[str],
        refuse: Callable[[str, str], None],
        halves: bool = False,
    ) -> None:
        self._tree = tree
        self._source = source
        self._recursive = recursive
        self._exclude = exclude
        self._refuse = refuse
        self._halves = halves
        #: whether the source is one file, as opposed to a pattern or a folder
        self.is_one = False

    def __iter__(self) -> Iterator[Found]:
        """Everything that is meant, folders before what is in them."""
        entry = self._tree.stat(self._source)
        if entry is None:
            if is_pattern(self._source):
                yield from self._matching()
        elif entry.kind == "folder":
            if not self._recursive:
                raise Problem(f"{self._source!r} is a folder: say `recursive: true`, or use a pattern")
            yield from self._below(self._source, "", 0)
        else:
            self.is_one = True
            yield Found(self._source, name_of(self._source), entry)

    def listing(self) -> Iterator[Found]:
        """As a listing of the source: of what is in it when it is a folder."""
        entry = self._tree.stat(self._source)
        if entry is None or entry.kind != "folder" or self._recursive:
            yield from self
            return
        yield from self._children(self._source, "")

    def excludes(self, relative: str) -> bool:
        """Whether an exclusion names this path, its last name, or a folder it is in."""
        parts = relative.split("/")
        paths = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        return any(fnmatchcase(each, rule) for rule in self._exclude for each in (*paths, *parts))

    def _matching(self) -> Iterator[Found]:
        parts = self._source.split("/")
        fixed = next(index for index, part in enumerate(parts) if is_pattern(part))
        base = "/".join(parts[:fixed]) or ("/" if self._source.startswith("/") else ".")
        if self._tree.stat(base) is not None:
            yield from self._match(base, "", parts[fixed:], 0)

    def _match(self, folder: str, relative: str, parts: list[str], depth: int) -> Iterator[Found]:
        head, rest = parts[0], parts[1:]
        if head == "**":
            if not rest:
                yield from self._below(folder, relative, depth)
                return
            yield from self._match(folder, relative, rest, depth)
        for each in self._children(folder, relative):
            is_folder = each.entry.kind == "folder"
            if head == "**":
                if is_folder and depth < _DEEPEST:
                    yield from self._match(each.path, each.relative, parts, depth + 1)
            elif not _fits(each.entry.name, head):
                continue
            elif rest:
                if is_folder:
                    yield from self._match(each.path, each.relative, rest, depth + 1)
            else:
                yield each
                if is_folder and self._recursive:
                    yield from self._below(each.path, each.relative, depth + 1)

    def _below(self, folder: str, relative: str, depth: int) -> Iterator[Found]:
        for each in self._children(folder, relative):
            yield each
            if each.entry.kind == "folder":
                if depth >= _DEEPEST:
                    raise Problem(f"folders lie deeper than {_DEEPEST} levels in {self._source!r}")
                yield from self._below(each.path, each.relative, depth + 1)

    def _children(self, folder: str, relative: str) -> Iterator[Found]:
        for entry in sorted(self._tree.entries(folder), key=lambda each: each.name):
            if flaw := flaw_of(entry.name):
                self._refuse(joined(folder, entry.name), flaw)
                continue
            path = joined(folder, entry.name)
            inside = f"{relative}/{entry.name}" if relative else entry.name
            if self.excludes(inside) or (entry.name.startswith(PART) and not self._halves):
                continue
            if entry.kind == "link":
                target = self._tree.stat(path)
                if target is None or target.kind == "folder":
                    continue  # a link to a folder may lead in circles or out of the tree
                yield Found(path, inside, target)
            else:
                yield Found(path, inside, entry)


def _fits(name: str, pattern: str) -> bool:
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return fnmatchcase(name, pattern)
