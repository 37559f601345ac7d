"""Tar, plain or compressed, as a stream."""

from __future__ import annotations

import tarfile
from typing import Any, BinaryIO, cast

from dagu_archive.entry import Entry, Kind, Visit
from dagu_archive.limits import Limits
from dagu_archive.streams import CHUNK, decompressed

_KINDS: dict[bytes, Kind] = {
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "other",
    tarfile.BLKTYPE: "other",
    tarfile.FIFOTYPE: "other",
}
_LONG_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
_MAX_HEADER = 1 << 20


class _Strict(tarfile.TarInfo):
    """The library takes a damaged header in the middle for the end of the archive, and reads headers
    of any length into memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> _Strict:
        made = super().frombuf(buf, encoding, errors)
        if made.type in _LONG_HEADERS and made.size > _MAX_HEADER:
            raise tarfile.ReadError(f"a header of {made.size} bytes")
        return made

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Strict:
        from tarfile import EmptyHeaderError, EOFHeaderError, HeaderError, ReadError  # type: ignore[attr-defined]

        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            raise
        except EmptyHeaderError:
            raise EOFError("there is no end mark") from None
        except HeaderError as error:
            if "truncated" in str(error):
                raise EOFError(str(error)) from None
            raise ReadError(str(error)) from None


class _Metered:
    """Counts what is read: also of what nobody wants, the stream must be unpacked to get past it."""

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self._stream, self._count = stream, limits.meter()

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._count(len(data))
        return data


def walk_file(path: str, compression: str, limits: Limits, visit: Visit) -> None:
    """Walk over a tar file."""
    with open(path, "rb") as file, decompressed(file, compression) as stream:
        walk_tar(stream, limits, visit)


def walk_tar(stream: BinaryIO, limits: Limits, visit: Visit) -> None:
    """Walk over the entries of a tar stream, and read it to its very end."""
    metered = _Metered(stream, limits)
    written = limits.meter()
    with tarfile.open(
        fileobj=cast(BinaryIO, metered), mode="r|", bufsize=CHUNK, tarinfo=_Strict, errors="surrogateescape"
    ) as tar:
        while (info := _next(tar)) is not None:
            limits.entry()
            if info.size < 0:
                raise tarfile.ReadError(f"{info.name!r} has a negative size")
            cast(Any, tar).members.clear()  # or memory grows with every entry
            sink = visit(_entry(info))
            if sink is None or not info.isreg():
                continue
            if (source := tar.extractfile(info)) is None:
                continue
            left = info.size
            while left and (data := source.read(min(left, CHUNK))):
                written(len(data))
                sink.write(data)
                left -= len(data)
            if left:
                raise EOFError(f"{left} bytes of {info.name!r} are missing")
            sink.close()
    while metered.read(CHUNK):  # what is compressed is checked at its end only
        pass


def _next(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    try:
        return tar.next()
    except tarfile.ReadError as error:
        if "unexpected end" in str(error) or "empty file" in str(error):
            raise EOFError(str(error)) from None
        raise


def _entry(info: tarfile.TarInfo) -> Entry:
    kind: Kind = "file" if info.isreg() else _KINDS.get(info.type, "other")
    return Entry(
        name=info.name,
        kind=kind,
        size=info.size if kind == "file" else 0,
        mode=info.mode & 0o7777,
        mtime=float(info.mtime),
        target=info.linkname,
    )
