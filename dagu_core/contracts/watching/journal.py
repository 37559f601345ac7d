"""The memory of an entry on disk: which files were handled, which fires were told.

A fire is written down before it is told, with its number; the cursor the scheduler keeps says which
number was handled last. What is written after that number is told again, word for word, so that the
same run cannot begin twice. Whatever is cut off at the end of the file was never told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagu_core.base.errors import Unavailable
from dagu_core.contracts.trigger import Fire
from dagu_core.contracts.watching.tracker import FileChange, FileState

#: fires that are kept when the file is written anew although they were handled
KEPT = 100
#: lines more than files are known before the file is written anew
SLACK = 20_000


@dataclass(slots=True)
class FileMemory:
    """What the journal holds: handled files, files that are gone, fires nobody confirmed."""

    known: dict[str, FileState] = field(default_factory=dict)
    gone: dict[str, FileState] = field(default_factory=dict)
    fires: list[tuple[int, Fire, Sequence[FileChange]]] = field(default_factory=list)
    last: int = 0

    def apply(self, changes: Iterable[FileChange]) -> None:
        """Take changes as handled."""
        for path, file, event in changes:
            if event == "remove":
                self.known.pop(path, None)
                self.gone[path] = file
            else:
                self.known[path] = file
                self.gone.pop(path, None)


class _Descriptor:
    """A descriptor that closes when nobody uses it any more, also no thread that was given up.

    Closed earlier, its number could be that of another file by the time such a thread writes.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self.number = os.open(path, flags, 0o600)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


class FileJournal:
    """The file `journal` in the folder of an entry. Not for use by two threads at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal"
        self._file: _Descriptor | None = None
        self._lines = 0
        self._told: list[tuple[int, Fire, Sequence[FileChange]]] = []
        self.last = 0

    def load(self) -> FileMemory | None:
        """What it holds; None when there is none."""
        memory = FileMemory()
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        for line in text.split(b"\n")[:-1]:
            try:
                self._read(json.loads(line), memory)
            except (ValueError, TypeError, KeyError):
                continue  # a power cut may leave anything in the last lines
        return memory

    @staticmethod
    def _read(line: list[Any], memory: FileMemory) -> None:
        match line:
            case ["k", path, *numbers]:
                memory.known[path] = FileState(*numbers)
                memory.gone.pop(path, None)
            case ["g", path, *numbers]:
                memory.gone[path] = FileState(*numbers)
            case ["d", path]:
                if file := memory.known.pop(path, None):
                    memory.gone[path] = file
            case ["n", number]:
                memory.last = max(memory.last, number)
            case ["f", number, fire, changes]:
                made = [FileChange(path, FileState(*numbers), event) for path, event, *numbers in changes]
                memory.fires.append((number, Fire(**fire), made))
                memory.last = max(memory.last, number)
                memory.apply(made)

    def begin(self, memory: FileMemory) -> None:
        """Write it anew, with these fires to be told, and own it from now on.

        Another scheduler that still believes it leads finds it is no longer its file.
        """
        lines: list[Any] = [["n", memory.last]]
        lines += [["f", *_fire_line(*each)] for each in memory.fires]
        # The files come last: what they say goes beyond the fires before them.
        lines += [["g", path, *file] for path, file in memory.gone.items()]
        lines += [["k", path, *file] for path, file in memory.known.items()]
        fired = {change.path for _, _, changes in memory.fires for change in changes}
        lines += [["d", path] for path in fired if path not in memory.known]
        fresh = self._path.with_name("journal.new")
        file = _Descriptor(fresh)
        _write(file.number, lines)
        os.fsync(file.number)
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._file, self._lines, self.last = file, len(lines), memory.last
        self._told = list(memory.fires)

    def append(
        self, fires: Sequence[tuple[int, Fire, Sequence[FileChange]]], silent: Mapping[str, FileState | None]
    ) -> None:
        """Write down fires, and what is known of files without one. Raises Unavailable when another
        scheduler has taken over."""
        file = self._file
        try:
            is_mine = file is not None and os.fstat(file.number).st_ino == self._path.stat().st_ino
        except OSError:
            is_mine = False
        if file is None or not is_mine:
            raise Unavailable("another scheduler watches these files now")
        lines: list[Any] = [
            ["d", path] if file is None else ["k", path, *file] for path, file in silent.items()
        ]
        lines += [["f", *_fire_line(*each)] for each in fires]
        _write(file.number, lines)
        if fires:
            os.fsync(file.number)
            self.last = fires[-1][0]
        self._lines += len(lines)
        self._told += fires
        del self._told[: -max(KEPT, len(fires))]

    def is_long(self, files: int) -> bool:
        """Whether it is worth while to write it anew."""
        return self._lines > 2 * files + SLACK

    def renew(self, known: dict[str, FileState], gone: dict[str, FileState]) -> None:
        """Write it anew with what is known now and the last fires."""
        self.append([], {})
        self.begin(FileMemory(known, gone, self._told, self.last))

    def close(self) -> None:
        """Let go of the file."""
        self._file = None


def _fire_line(number: int, fire: Fire, changes: Sequence[FileChange]) -> tuple[Any, ...]:
    kept = {
        "due": fire.due,
        "key": fire.key,
        "action": fire.action,
        "params": dict(fire.params),
        "env": dict(fire.env),
        "info": dict(fire.info),
        "cursor": fire.cursor,
    }
    return number, kept, [[path, event, *file] for path, file, event in changes]


def _write(descriptor: int, lines: Sequence[Any]) -> None:
    for at in range(0, len(lines), 1000):
        # ASCII keeps names that are no UTF-8 (surrogates), and a line stays one line.
        text = "".join(json.dumps(line) + "\n" for line in lines[at : at + 1000])
        data = memoryview(text.encode("ascii"))
        while data:
            data = data[os.write(descriptor, data) :]
