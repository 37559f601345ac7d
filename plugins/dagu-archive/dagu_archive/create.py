"""Packs files into a new archive, which appears when it is whole."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from dagu_archive.codes import (
    COMPRESS,
    CONFIG,
    CORRUPT,
    CREATE,
    DESTINATION,
    FORMAT,
    PASSWORD,
    refuse,
    shown,
    told,
)
from dagu_archive.entry import Entry, Sink
from dagu_archive.formats import Format, levels, named
from dagu_archive.gather import Found, Gathering
from dagu_archive.globs import Selection
from dagu_archive.limits import Limits
from dagu_archive.progress import Progress, warn
from dagu_archive.reading import Archive
from dagu_archive.staging import file_beside, parents
from dagu_archive.stopping import held
from dagu_archive.streams import CHUNK
from dagu_archive.tree import Counted
from dagu_archive.writing import Writer, writer


class Creation:
    """One `create`, from the request to its summary."""

    def __init__(self, request: dict[str, Any], source: str, destination: str) -> None:
        self._request, self._source, self._destination = request, source, destination
        self._progress = Progress("a", verbose=request["verbose"])
        self._errors: list[str] = []
        self._added: list[str] = []
        self._count = 0
        self._bytes = 0

    def run(self) -> dict[str, Any]:
        """Pack; the summary."""
        request = self._request
        more: dict[str, Any] = {}
        if request["dryRun"]:
            for found in self._gather(""):
                self._took(found, 0 if found.is_folder or found.is_link else found.status.st_size)
            more = {"dryRun": True, "files": self._added}
            self._refuse_nothing()
        else:
            format = self._format()
            if os.path.isdir(self._destination):
                refuse(DESTINATION, f"{request['destination']} is a folder")
            if request["ifNewer"] and self._is_up_to_date():
                more = {"upToDate": True}
            else:
                with parents(self._destination), file_beside(self._destination, request["token"]) as beside:
                    self._pack(beside, format)
        errors = {"errors": self._errors} if self._errors else {}
        return {"filesAdded": self._count, "bytesArchived": self._bytes, **more, **errors}

    def _format(self) -> Format:
        request = self._request
        format = named(request["format"], self._destination)
        if format is None:
            refuse(FORMAT, f"the format of {request['destination']} is not known", "set config.format")
        if format.container in ("7z", "rar", ""):
            refuse(FORMAT, f"{format.name} archives can be read, but not written")
        low, high = levels(format)
        level = request["compressionLevel"]
        if level >= 0 and not low <= level <= high:
            what = f"from {low} to {high}" if high >= 0 else "not at all"
            refuse(COMPRESS, f"compressionLevel {level}: {format.name} has levels {what}")
        if request["password"] is not None:
            if format.container != "zip":
                refuse(CONFIG, f"{format.name} archives have no password", "use zip")
            if not request["password"]:
                refuse(PASSWORD, "the password is empty", "leave it out to encrypt nothing")
            if request["reproducible"]:
                refuse(
                    CONFIG, "an encrypted archive is never the same twice", "drop reproducible or password"
                )
        return format

    def _gather(self, beside: str) -> Any:
        left_out = set()
        for path in (self._destination, beside):
            if path and os.path.exists(path):
                status = os.stat(path)
                left_out.add((status.st_dev, status.st_ino))
        selection = Selection(self._request["include"], self._request["exclude"])
        gathering = Gathering(selection, self._request["followSymlinks"], frozenset(left_out), self._failed)
        return gathering.walk(self._source)

    def _pack(self, beside: str, format: Format) -> None:
        request = self._request
        fixed = int(os.environ.get("SOURCE_DATE_EPOCH") or 0) if request["reproducible"] else None
        with open(beside, "xb") as file:
            with writer(
                file,
                format,
                request["compressionLevel"],
                password=request["password"],
                fixed_time=fixed,
                progress=self._progress.data,
            ) as out:
                for found in self._gather(beside):
                    self._add(out, found)
            self._refuse_nothing()
            file.flush()
            os.fsync(file.fileno())
        if request["verifyIntegrity"]:
            self._verify(beside, format)
        digest = _sha256(beside) if request["checksum"] else ""
        with held() as stop:
            os.replace(beside, self._destination)
            stop.done()
        if digest:
            with open(f"{self._destination}.sha256", "w", encoding="utf-8", errors="surrogateescape") as out:
                out.write(f"{digest}  {os.path.basename(self._destination)}\n")

    def _add(self, out: Writer, found: Found) -> None:
        try:
            if not (found.is_folder or found.is_link):
                os.close(os.open(found.path, os.O_RDONLY))  # before a header says that it comes
        except OSError as error:
            self._failed(error)
            return
        try:
            self._took(found, out.add(found))
        except UnicodeEncodeError:
            refuse(CREATE, f"{shown(found.name)} is no UTF-8 and cannot be in a zip archive")

    def _took(self, found: Found, size: int) -> None:
        self._progress.file(found.name)
        self._count += 1
        self._bytes += size
        if self._request["dryRun"]:
            self._added.append(found.name)

    def _failed(self, error: OSError) -> None:
        if not self._request["continueOnError"]:
            raise error
        self._errors.append(told(error))
        warn(told(error))

    def _refuse_nothing(self) -> None:
        if not self._count and not self._request["allowEmpty"]:
            refuse(CREATE, "nothing was selected", "allowEmpty: true makes an empty archive")

    def _is_up_to_date(self) -> bool:
        try:
            packed = os.stat(self._destination).st_mtime
        except FileNotFoundError:
            return False
        return all(found.status.st_mtime <= packed for found in self._gather(""))

    def _verify(self, path: str, format: Format) -> None:
        count, sizes = 0, 0

        def add(size: int) -> None:
            nonlocal sizes
            sizes += size

        def visit(entry: Entry) -> Sink | None:
            nonlocal count
            count += 1
            return Counted(self._progress.data, add) if entry.kind == "file" else None

        unlimited = Limits(1 << 62, 1 << 62, float("inf"), 1)
        Archive(path, format, self._request["password"], unlimited).walk(visit, content=True)
        if (count, sizes) != (self._count, self._bytes):
            refuse(
                CORRUPT, f"the new archive holds {count} entries of {sizes} bytes, which is not what went in"
            )


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while data := file.read(CHUNK):
            digest.update(data)
        return digest.hexdigest()
