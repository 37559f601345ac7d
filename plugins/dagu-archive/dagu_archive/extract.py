"""Unpacks an archive: beside the destination first, then all at once into it."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import Any

from dagu_archive.codes import DESTINATION, EXTRACT, code_of, refuse, shown, told
from dagu_archive.entry import Entry, Nowhere, Sink
from dagu_archive.globs import Selection
from dagu_archive.landing import Landing, list_of
from dagu_archive.names import Register, check_links, checked, hostile
from dagu_archive.progress import Progress, warn
from dagu_archive.reading import Archive
from dagu_archive.staging import folder_beside, parents
from dagu_archive.tree import Counted, Tree, moment

_SETUID_SETGID = 0o6000


class Extraction:
    """One `extract`, from the request to its summary."""

    def __init__(self, request: dict[str, Any], archive: Archive, destination: str) -> None:
        self._request, self._archive, self._destination = request, archive, destination
        self._selection = Selection(request["include"], request["exclude"])
        self._safe = request["names"] == "safe"
        self._register = Register(safe=self._safe)
        self._progress = Progress("x", verbose=request["verbose"])
        self._tree: Tree | None = None
        self._entries: dict[str, Entry] = {}
        self._skipped = 0
        self._errors: list[str] = []

    def run(self) -> dict[str, Any]:
        """Unpack; the summary."""
        if os.path.lexists(self._destination) and not os.path.isdir(self._destination):
            refuse(DESTINATION, f"{self._request['destination']} is there already and is no folder")
        more: dict[str, Any] = {}
        if self._request["dryRun"]:
            self._archive.walk(self._visit, content=True)
            self._check()
            existing = self._landing("", "").blocked(list(self._entries.values()))
            more = {"dryRun": True, "files": list(self._entries), "existing": existing}
        else:
            self._unpack()
        done = [entry for entry in self._entries.values() if entry.kind != "dir"]
        return {
            "filesExtracted": len(done),
            "bytesExtracted": sum(entry.size for entry in done),
            "filesSkipped": self._skipped,
            **more,
            **({"errors": self._errors} if self._errors else {}),
        }

    def _unpack(self) -> None:
        with parents(self._destination), folder_beside(self._destination, self._request["token"]) as beside:
            tree, aside = os.path.join(beside, "new"), os.path.join(beside, "old")
            os.mkdir(tree)
            os.mkdir(aside)
            self._tree = Tree(tree)
            self._archive.walk(self._visit, content=True)
            self._check()
            for entry in self._entries.values():
                if entry.kind == "symlink":
                    self._tree.symlink(entry)
            self._land(self._landing(tree, aside))

    # -- one entry after the other ----------------------------------------------------------------

    def _visit(self, entry: Entry) -> Sink | None:
        name = checked(entry.name, safe=self._safe)
        if entry.kind == "other":
            hostile(entry.name, "is a device or a pipe")
        has_bits = entry.kind == "file" and (entry.mode or 0) & _SETUID_SETGID
        if has_bits and self._request["specialBits"] == "refuse":
            hostile(entry.name, 'has setuid or setgid bits (specialBits: "drop" takes it without)')
        final = self._mapped(name, entry.kind == "dir")
        if not final:
            self._skipped += bool(name)
            return Nowhere() if self._request["verifyIntegrity"] else None
        self._register.add(final, folder=entry.kind == "dir")
        self._progress.file(final)
        entry = replace(entry, name=final)
        try:
            return self._take(entry)
        except OSError as error:
            if code_of(error, EXTRACT) != EXTRACT:
                raise
            self._fail(EXTRACT, f"{shown(final)}: {told(error)}")
            self._entries.pop(final, None)
            return None

    def _mapped(self, name: str, is_folder: bool) -> str:
        """Where an entry goes; "" when it is left out."""
        parts = name.split("/")[self._request["stripComponents"] :]
        if not self._request["preservePaths"]:
            parts = [] if is_folder else parts[-1:]
        final = "/".join(parts)
        return final if final and self._selection.takes(name, final) else ""

    def _take(self, entry: Entry) -> Sink | None:
        if entry.kind == "hardlink":
            self._link(entry)
            return None
        self._entries[entry.name] = replace(entry, size=0)
        if entry.kind == "dir" and self._tree is not None:
            self._tree.folder(entry.name)
        if entry.kind != "file":
            return None
        done = partial(self._came, entry)
        if self._tree is None:
            return Counted(self._progress.data, done)
        return self._tree.file(entry, self._progress.data, done)

    def _came(self, entry: Entry, size: int) -> None:
        self._entries[entry.name] = replace(entry, size=size)

    def _link(self, entry: Entry) -> None:
        target = self._mapped(checked(entry.target, safe=self._safe), False)
        first = self._entries.get(target)
        if first is None or first.kind == "dir":
            text = f"{shown(entry.name)} is a link to {shown(entry.target)}, which is not unpacked"
            self._fail(EXTRACT, text)
            return
        self._entries[entry.name] = replace(first, name=entry.name, size=0)
        if first.kind == "file" and self._tree is not None:
            self._tree.hardlink(target, entry.name)

    def _fail(self, code: int, message: str) -> None:
        if not self._request["continueOnError"]:
            refuse(code, message)
        self._errors.append(message)
        warn(message)

    # -- and then all of them ---------------------------------------------------------------------

    def _check(self) -> None:
        links = {name: entry.target for name, entry in self._entries.items() if entry.kind == "symlink"}
        check_links(links)
        inside = os.path.realpath(self._destination)
        for name, target in links.items():
            # What stands in the destination may redirect what is harmless in the archive.
            led = os.path.realpath(os.path.join(inside, os.path.dirname(name), target))
            if os.path.commonpath([inside, led]) != inside:
                hostile(name, f"is a link that points outside: {shown(target)}")
        if not self._entries and not self._request["allowEmpty"]:
            refuse(EXTRACT, "nothing in the archive was selected", "allowEmpty: true takes that")

    def _landing(self, tree: str, aside: str) -> Landing:
        newer, overwrite = self._request["ifNewer"], self._request["overwrite"]

        def may_replace(entry: Entry, status: os.stat_result) -> bool:
            return int(moment(entry)) > int(status.st_mtime) if newer else bool(overwrite)

        return Landing(tree, aside, self._destination, may_replace)

    def _land(self, landing: Landing) -> None:
        self._leave_out(landing.blocked(list(self._entries.values())))
        for name in sorted(landing.move(list(self._entries.values())), key=len, reverse=True):
            if (entry := self._entries.get(name)) is not None:
                path = os.path.join(self._destination, name)
                os.utime(path, (moment(entry), moment(entry)))
                if entry.mode is not None:
                    os.chmod(path, entry.mode & 0o777)

    def _leave_out(self, there: list[str]) -> None:
        if self._request["ifNewer"]:
            self._skipped += len(there)
        elif there:
            if not self._request["continueOnError"]:
                refuse(DESTINATION, f"already there: {list_of(there)}", "overwrite: true replaces them")
            for name in there:
                self._fail(DESTINATION, f"destination {shown(name)} exists (overwrite disabled)")
        for name in there:
            del self._entries[name]
