"""7z, read only."""

from __future__ import annotations

from typing import Any

from dagu_archive.codes import PASSWORD, refuse
from dagu_archive.entry import Entry, Kind, Nowhere, Sink, Visit
from dagu_archive.limits import Limits
from dagu_archive.names import checked, hostile
from dagu_archive.streams import CHUNK

_MAX_TARGET = 4096


def walk_7z(path: str, password: str | None, limits: Limits, visit: Visit, content: bool) -> None:
    """Walk over the folders, then over all else in the order of the archive."""
    import py7zr

    # The library unpacks in blocks of up to 128 MB; a few are alive at a time.
    setattr(py7zr.py7zr, "get_memory_limit", lambda: 4 * CHUNK)  # noqa: B010
    with open(path, "rb") as file:
        try:
            archive = py7zr.SevenZipFile(file, password=password)
        except py7zr.exceptions.PasswordRequired:
            refuse(PASSWORD, f"{path} is encrypted", "set config.password")
        with archive:
            files: list[Any] = list(archive.files)
            limits.files(len(files))
            if content:
                limits.bytes(sum(each.uncompressed or 0 for each in files))
                if password is None and archive.needs_password():
                    refuse(PASSWORD, f"{path} is encrypted", "set config.password")
            encrypted = bool(archive.needs_password())
            entries = [_entry(each, encrypted) for each in files]
            if not content:
                for entry in entries:
                    visit(entry)
                return
            for entry in entries:
                if entry.kind in ("dir", "other"):
                    visit(entry)
            archive.extractall(factory=_factory(entries, visit))


def _factory(entries: list[Entry], visit: Visit) -> Any:
    """Hands out sinks by name, as the library asks for them."""
    from py7zr.io import Py7zIO, WriterFactory

    by_name: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind not in ("dir", "other"):
            name = checked(entry.name, safe=False)
            if name in by_name:
                hostile(name, "is in the archive twice")
            by_name[name] = entry

    class Output(Py7zIO):
        def __init__(self, sink: Sink) -> None:
            self._sink = sink

        def write(self, s: bytes | bytearray) -> int:
            self._sink.write(bytes(s))
            return len(s)

        def close(self) -> None:
            self._sink.close()

        def seekable(self) -> bool:
            return False

        def read(self, size: int | None = None) -> bytes:
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:
            return 0

        def flush(self) -> None:
            pass

        def size(self) -> int:
            return 0

    class Factory(WriterFactory):
        def create(self, filename: str) -> Py7zIO:
            entry = by_name[filename]
            if entry.kind == "symlink":
                return Output(_Target(entry, visit))
            return Output(visit(entry) or Nowhere())

    return Factory()


class _Target:
    """Learns where a link points to: that is its content."""

    def __init__(self, entry: Entry, visit: Visit) -> None:
        self._entry, self._visit, self._target = entry, visit, b""

    def write(self, data: bytes, /) -> None:
        self._target += data
        if len(self._target) > _MAX_TARGET:
            hostile(self._entry.name, "is a link that is too long")

    def close(self) -> None:
        target = self._target.decode("utf-8", "surrogateescape")
        entry = self._entry
        self._visit(Entry(entry.name, "symlink", mode=entry.mode, mtime=entry.mtime, target=target))


def _entry(file: Any, encrypted: bool) -> Entry:
    kind: Kind = "file"
    if file.is_directory:
        kind = "dir"
    elif file.is_symlink or file.is_junction:
        kind = "symlink"
    elif file.is_socket:
        kind = "other"
    written = file.lastwritetime
    return Entry(
        name=file.filename,
        kind=kind,
        size=(file.uncompressed or 0) if kind == "file" else 0,
        mode=file.posix_mode,
        mtime=written.totimestamp() if written is not None else 0.0,
        encrypted=encrypted and not file.emptystream,
    )
