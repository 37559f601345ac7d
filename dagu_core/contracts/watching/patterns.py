"""Which paths an entry means."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

_WILD = re.compile(r"[*?\[]")


class FilePattern:
    """One pattern: `base` is the folder a search for it begins in, absolute.

    A pattern without wildcards means the file of that name and, when it is a folder, the files
    in it.
    """

    def __init__(self, text: str, folder: Path) -> None:
        written = os.path.expanduser(text)
        path = os.path.abspath(os.path.join(folder, written))
        parts = [part for part in path.split(os.sep) if part]
        if written.endswith("/"):
            parts.append("*")
        plain = 0
        while plain < len(parts) and not _WILD.search(parts[plain]):
            plain += 1
        self._is_plain = plain == len(parts)
        if self._is_plain:
            plain -= 1
        self.base = os.sep + os.sep.join(parts[:plain])
        self._parts = parts[plain:]
        self._prefix = self.base.rstrip(os.sep) + os.sep

    def matches(self, path: str) -> bool:
        """Whether it means this file."""
        return path.startswith(self._prefix) and bool(self._file.fullmatch(path, len(self._prefix)))

    def enters(self, folder: str) -> bool:
        """Whether files it means may lie somewhere below this folder."""
        if folder == self.base:
            return True
        return folder.startswith(self._prefix) and bool(self._folder.fullmatch(folder, len(self._prefix)))

    @cached_property
    def _file(self) -> re.Pattern[str]:
        text = ""
        for part in self._parts[:-1]:
            text += "(?:[^/]+/)*" if part == "**" else _segment(part) + "/"
        last = self._parts[-1] if self._parts else "*"
        text += ".+" if last == "**" else _segment(last)
        return re.compile(text + ("(?:/[^/]+)?" if self._is_plain else ""), re.DOTALL)

    @cached_property
    def _folder(self) -> re.Pattern[str]:
        text = ""
        folders = self._parts if self._is_plain else self._parts[:-1]
        if self._parts and self._parts[-1] == "**":
            folders = self._parts
        for part in reversed(folders):
            text = ".+" if part == "**" else _segment(part) + (f"(?:/{text})?" if text else "")
        return re.compile(text or r"(?!)", re.DOTALL)


class FileSelection:
    """The files an entry means: those of its patterns without what is excluded."""

    def __init__(self, watch: Sequence[str], exclude: Sequence[str], folder: Path) -> None:
        self._watch = [FilePattern(text, folder) for text in watch]
        self._names = [re.compile(_segment(text), re.DOTALL) for text in exclude if "/" not in text]
        anywhere = [f"/{text}" if text.startswith("**") else text for text in exclude if "/" in text]
        self._exclude = [FilePattern(text, folder) for text in anywhere]
        bases = sorted({pattern.base for pattern in self._watch})
        #: the folders searches begin in; none lies in another one
        self.bases = [one for one in bases if not any(_is_below(one, other) for other in bases)]

    def matches(self, path: str) -> bool:
        """Whether this file is meant, provided no folder above it is excluded."""
        return any(pattern.matches(path) for pattern in self._watch) and not self.excludes(path)

    def enters(self, folder: str) -> bool:
        """Whether files that are meant may lie below this folder."""
        if folder in self.bases:
            return True
        wanted = any(pattern.enters(folder) or _is_below(pattern.base, folder) for pattern in self._watch)
        return wanted and not self.excludes(folder)

    def excludes(self, path: str) -> bool:
        """Whether the entry leaves out this file, or this folder with all that is in it."""
        name = path.rpartition("/")[2]
        return any(one.fullmatch(name) for one in self._names) or any(
            one.matches(path) for one in self._exclude
        )

    def reaches(self, path: str) -> bool:
        """Whether a file or folder of this path may matter, with all folders above it."""
        for base in self.bases:
            if path == base:
                return True
            if _is_below(path, base):
                above = path.rpartition("/")[0]
                while above != base and _is_below(above, base):
                    if not self.enters(above):
                        return False
                    above = above.rpartition("/")[0]
                return self.matches(path) or self.enters(path)
        return False


def _is_below(path: str, folder: str) -> bool:
    return path != folder and path.startswith(folder.rstrip("/") + "/")


def _segment(text: str) -> str:
    """One part of a path with wildcards, as a regular expression."""
    found, at = "", 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "*":
            found += "" if found.endswith("[^/]*") else "[^/]*"
        elif char == "?":
            found += "[^/]"
        elif char == "[" and (end := text.find("]", at + 2 if text[at : at + 1] == "!" else at + 1)) > 0:
            found += _one_of(text[at:end])
            at = end + 1
        else:
            found += re.escape(char)
    return found


def _one_of(inner: str) -> str:
    """What stands between brackets, as a regular expression: literally, when it is no set."""
    negated = inner.startswith("!")
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", inner[negated:])
    found = f"[^/{escaped}]" if negated else f"[{escaped}]"
    try:
        re.compile(found)
    except re.error:
        return re.escape(f"[{inner}]")
    return found
