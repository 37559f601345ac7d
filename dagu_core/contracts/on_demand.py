"""Plugins that are imported when a file needs them: what each brings, kept from the last import.

Nothing of a plugin that only offers parts matters to a file in which none of its words stands; one with
other hooks says `DAGU_ON_DEMAND = True` when that holds for them too. What those words are is asked once,
and again when any of its files has changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from dagu_core.base.spelling import fold
from dagu_core.contracts.discovery import EntryPoint
from dagu_core.contracts.offers import Claim, Offer, claims_of, settings_of
from dagu_core.contracts.report import PluginReport

#: kinds of things that are asked for without any word in a file
_ALWAYS_NEEDED = {"observer"}
_WORD = re.compile(r"[^\W_][\w]*")
#: the kind of clock that plain text below `schedule` means, so that the key is a word of its too
_PLAIN, _SCHEDULE = "cron", "schedule"

#: characters; looking for words in more takes longer than importing what there is
_LONG = 1_000_000

Get = Callable[[], object]


class _Sleeper(Struct):
    """A plugin that was not imported: what it claims, the words that wake it, whether it can open
    executables."""

    report: PluginReport
    get: Get
    words: frozenset[str]
    claims: tuple[Claim, ...]
    opens: bool


class OnDemand:
    """The plugins that sleep until a file needs them, and the file that says what they bring."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._kept: dict[str, Any] | None = None
        self._learned = False
        self._sleeping: dict[str, _Sleeper] = {}
        self._shunned: list[tuple[PluginReport, EntryPoint]] = []
        self.settings: list[str] = []  #: the keys of settings of plugins that were not imported

    @property
    def sleeps(self) -> bool:
        """Whether any plugin does, or is left out because its last import hung."""
        return bool(self._sleeping or self._shunned)

    @property
    def claims(self) -> list[Claim]:
        """What the sleeping plugins claim."""
        return [claim for sleeper in self._sleeping.values() for claim in sleeper.claims]

    def put(self, report: PluginReport, entry: EntryPoint, get: Get) -> bool:
        """Let a plugin sleep; False when what it brings is not known, or not known any more."""
        known = self._known().get(entry.name)
        try:
            if known is None or known["entry"] != _identity(entry) or not _unchanged(known["files"]):
                return False
            claims = tuple((space, word) for space, word in known["claims"])
            words, opens = frozenset(known["words"]), bool(known["opens"])
            self.settings += map(str, known["settings"])
            self._sleeping[entry.name] = _Sleeper(report, get, words, claims, opens)
        except (TypeError, ValueError, KeyError):
            return False  # a file that is damaged is written anew
        return True

    def avoid(self, report: PluginReport, entry: EntryPoint) -> str:
        """Leave a plugin out whose last import hung, and that has not changed since; why, else ""."""
        known = self._known().get(entry.name)
        try:
            if known is None or known["entry"] != _identity(entry) or not _unchanged(known["files"]):
                return ""
            reason = f"{known['hung']}; tried again by `dagu plugins`, or when its files change"
        except (TypeError, ValueError, KeyError):
            return ""
        self._shunned.append((report, entry))
        return reason

    def avoided(self) -> list[tuple[PluginReport, EntryPoint]]:
        """Those that were left out; they are not any longer."""
        found, self._shunned = self._shunned, []
        return found

    def shun(self, entry: EntryPoint, reason: str) -> None:
        """Keep that the import of a plugin hung."""
        if files := _files_of(entry):
            self._known()[entry.name] = {"entry": _identity(entry), "files": files, "hung": reason}
            self._learned = True

    def recall(self, entry: EntryPoint) -> frozenset[str]:
        """The words, spelling-free, a plugin brought when it was last imported; none that have a package
        of ours, which is told by its name. Its settings count as known."""
        from dagu_core.contracts.catalog import OWNERS

        known = self._known().get(entry.name)
        try:
            if known is None or known["entry"] != _identity(entry):
                return frozenset()
            self.settings += map(str, known["settings"])
            return frozenset(word for _, word in known["claims"]) - set(map(fold, OWNERS))
        except (TypeError, ValueError, KeyError):
            return frozenset()

    def wake(self, text: str) -> Iterator[tuple[PluginReport, Get]]:
        """The plugins a text may need; they sleep no longer."""
        if not self._sleeping:
            return iter(())
        if len(text) > _LONG:
            return self.wake_all()
        there = set(map(fold, _WORD.findall(text)))
        needed = [
            name
            for name, sleeper in self._sleeping.items()
            if any(there.issuperset(word.split()) for word in sleeper.words)
        ]
        return self._leave(needed)

    def wake_openers(self) -> Iterator[tuple[PluginReport, Get]]:
        """Those that can open executables."""
        return self._leave([name for name, sleeper in self._sleeping.items() if sleeper.opens])

    def wake_all(self) -> Iterator[tuple[PluginReport, Get]]:
        """All of them."""
        return self._leave(list(self._sleeping))

    def learn(
        self, entry: EntryPoint, plugin: object, offers: Collection[Offer], *, only_offers: bool
    ) -> None:
        """Keep what an imported plugin brings, if it can do without being imported each time; forget what
        was known before. `only_offers`: it has no other hooks."""
        self._learned |= self._known().pop(entry.name, None) is not None
        can_wait = getattr(plugin, "DAGU_ON_DEMAND", only_offers)
        needed = not can_wait or _ALWAYS_NEEDED & {o.kind for o in offers}
        if needed or entry.is_file or not (modules := _files_of(entry)):
            return
        claims = claims_of(offers)
        words = {" ".join(_WORD.findall(word)) for _, word in claims}
        if _PLAIN in words:
            words.add(_SCHEDULE)
        self._known()[entry.name] = {
            "entry": _identity(entry),
            "files": modules,
            "claims": claims,
            "words": sorted(words),
            "opens": hasattr(plugin, "dagu_open_executable"),
            "settings": settings_of(offers),
        }
        self._learned = True

    def save(self) -> None:
        """Write what was learned; a file that cannot be written only costs time."""
        if not self._learned or self._file is None:
            return
        fresh = self._file.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({"python": sys.version, "plugins": self._kept}), "utf-8")
            fresh.replace(self._file)
        with contextlib.suppress(OSError):
            fresh.unlink()  # a full disk

    def _leave(self, names: Iterable[str]) -> Iterator[tuple[PluginReport, Get]]:
        for name in names:
            sleeper = self._sleeping.pop(name)
            yield sleeper.report, sleeper.get

    def _known(self) -> dict[str, Any]:
        if self._kept is None:
            self._kept = {}
            try:
                kept = json.loads(self._file.read_bytes()) if self._file else {}
                if kept["python"] == sys.version and isinstance(kept["plugins"], dict):
                    self._kept = kept["plugins"]
            except (OSError, ValueError, KeyError, TypeError):
                pass
        return self._kept


def _identity(entry: EntryPoint) -> list[str]:
    return [entry.target, entry.package, entry.version]


def _files_of(entry: EntryPoint) -> dict[str, list[int]]:
    """The modules of a plugin's package that were imported with it, each with its stamp; a plugin that is
    one file by itself."""
    if entry.is_file:
        return {entry.target: stamp} if (stamp := _stamp(entry.target)) else {}
    package = entry.target.partition(":")[0].partition(".")[0]
    files = {
        module.__file__: _stamp(module.__file__)
        for name, module in list(sys.modules.items())
        if (name == package or name.startswith(f"{package}.")) and getattr(module, "__file__", None)
    }
    return {file: stamp for file, stamp in files.items() if file and stamp}


def _unchanged(files: dict[str, list[int]]) -> bool:
    return bool(files) and all(_stamp(file) == stamp for file, stamp in files.items())


def _stamp(file: str | None) -> list[int]:
    try:
        found = os.stat(file or "")
    except OSError:
        return []
    return [found.st_mtime_ns, found.st_size]
