"""Moves an unpacked tree to where it belongs: all of it, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dagu_archive.codes import CORRUPT, DESTINATION, refuse, shown
from dagu_archive.entry import Entry
from dagu_archive.stopping import Held, held
from dagu_core.contracts.work import Stopped

_LISTED = 20


@dataclass(frozen=True, slots=True)
class Landing:
    """What is unpacked below `tree` and belongs below `destination`. `may_replace` says of a file
    that exists whether the entry takes its place; `aside` keeps what was replaced until all is done."""

    tree: str
    aside: str
    destination: str
    may_replace: Callable[[Entry, os.stat_result], bool]

    def blocked(self, entries: Sequence[Entry]) -> list[str]:
        """The names of files that exist and stay. Refuses what can never be moved there."""
        checked: set[str] = set()
        there: list[str] = []
        for entry in entries:
            self._check_above(entry.name, checked)
            path = os.path.join(self.destination, entry.name)
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            is_folder = os.path.isdir(path) and not os.path.islink(path)
            if is_folder != (entry.kind == "dir"):
                what = "a folder" if is_folder else "no folder"
                refuse(DESTINATION, f"{shown(path)} is there already and is {what}")
            if not is_folder and not self.may_replace(entry, status):
                there.append(entry.name)
        return there

    def _check_above(self, name: str, checked: set[str]) -> None:
        above = os.path.dirname(name)
        while above and above not in checked:
            checked.add(above)
            path = os.path.join(self.destination, above)
            if os.path.islink(path):
                refuse(CORRUPT, f"refused: {shown(name)} would be written through the link {shown(path)}")
            if os.path.lexists(path) and not os.path.isdir(path):
                refuse(DESTINATION, f"{shown(path)} is there already and is no folder")
            above = os.path.dirname(above)

    def move(self, entries: Sequence[Entry]) -> list[str]:
        """Move the entries; the folders that were made. What fails or is stopped is undone."""
        undo: list[Callable[[], None]] = []
        made: list[str] = []
        with held() as stop:
            try:
                if os.path.lexists(self.destination):
                    self._move(entries, undo, made, stop)
                else:
                    mask = os.umask(0)
                    os.umask(mask)
                    os.chmod(self.tree, 0o777 & ~mask)
                    os.rename(self.tree, self.destination)
                    made = [entry.name for entry in entries if entry.kind == "dir"]
                stop.done()
            except BaseException:
                for step in reversed(undo):
                    step()
                raise
        return made

    def _move(
        self, entries: Sequence[Entry], undo: list[Callable[[], None]], made: list[str], stop: Held
    ) -> None:
        for entry in entries:
            if stop.asked:
                raise Stopped
            if entry.kind == "dir":
                self._folder(entry.name, undo, made)
                continue
            self._folder(os.path.dirname(entry.name), undo, made)
            source, target = os.path.join(self.tree, entry.name), os.path.join(self.destination, entry.name)
            if os.path.lexists(target):
                kept = os.path.join(self.aside, str(len(undo)))
                os.rename(target, kept)
                undo.append(_renamed(kept, target))
            os.rename(source, target)
            undo.append(_renamed(target, source))

    def _folder(self, name: str, undo: list[Callable[[], None]], made: list[str]) -> None:
        path = os.path.join(self.destination, name)
        if not name or os.path.isdir(path):
            return
        self._folder(os.path.dirname(name), undo, made)
        os.mkdir(path)
        made.append(name)
        undo.append(lambda: os.rmdir(path))


def _renamed(now: str, before: str) -> Callable[[], None]:
    return lambda: os.rename(now, before)


def list_of(names: Sequence[str]) -> str:
    """The first names of a long list."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(shown(name) for name in names[:_LISTED]) + more
