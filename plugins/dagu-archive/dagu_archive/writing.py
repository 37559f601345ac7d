"""Writes archives: one writer for tar, one for zip."""

from __future__ import annotations

import os
import stat
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, BinaryIO, Protocol, cast

from dagu_archive.formats import Format
from dagu_archive.gather import Found
from dagu_archive.streams import CHUNK, compressed

_OLDEST_IN_ZIP = 315_619_200  # 1980-01-02: it is 1980 in every time zone
_NEWEST_IN_ZIP = 0x7FFF_FFFF


class Writer(Protocol):
    """Adds what was found to an archive, and tells how many bytes of content that were."""

    def add(self, found: Found) -> int: ...


class _Reading:
    """A file of the source; its size may change while it is read."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], None]) -> None:
        self._file, self._progress = file, progress

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._progress(len(data))
        return data


@contextmanager
def writer(
    file: BinaryIO,
    format: Format,
    level: int,
    *,
    password: str | None,
    fixed_time: int | None,
    progress: Callable[[int], None],
) -> Iterator[Writer]:
    """A writer into `file`. `fixed_time` stands in for all times, and takes away all owners."""
    if format.container == "zip":
        with _zip(file, level, password) as zip_:
            yield _ZipWriter(zip_, fixed_time, progress)
        return
    with (
        compressed(file, format.compression, level) as stream,
        tarfile.open(
            fileobj=stream, mode="w|", bufsize=CHUNK, format=tarfile.PAX_FORMAT, errors="surrogateescape"
        ) as tar,
    ):
        yield _TarWriter(tar, fixed_time, progress)


def _zip(file: BinaryIO, level: int, password: str | None) -> Any:
    more: dict[str, Any] = {"compresslevel": None if level < 0 else level}
    if password is None:
        return zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, **more)
    pyzipper: Any = import_module("pyzipper")
    zip_ = pyzipper.AESZipFile(
        file, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES, **more
    )
    zip_.setpassword(password.encode("utf-8", "surrogateescape"))
    return zip_


class _TarWriter:
    def __init__(self, tar: tarfile.TarFile, fixed_time: int | None, progress: Callable[[int], None]) -> None:
        self._tar, self._fixed_time, self._progress = tar, fixed_time, progress

    def add(self, found: Found) -> int:
        info = self._tar.tarinfo(found.name)
        info.mode = stat.S_IMODE(found.status.st_mode)
        info.mtime = int(found.status.st_mtime) if self._fixed_time is None else self._fixed_time
        if self._fixed_time is None:
            info.uid, info.gid = found.status.st_uid, found.status.st_gid
        cast(Any, self._tar).members.clear()  # or memory grows with every file
        if found.is_folder:
            info.type = tarfile.DIRTYPE
        elif found.is_link:
            info.type, info.linkname = tarfile.SYMTYPE, os.readlink(found.path)
        elif (first := self._first_name(found)) is not None:
            info.type, info.linkname = tarfile.LNKTYPE, first
        else:
            with open(found.path, "rb") as file:
                info.size = os.fstat(file.fileno()).st_size
                self._tar.addfile(info, cast(BinaryIO, _Reading(file, self._progress)))
            return info.size
        self._tar.addfile(info)
        return 0

    def _first_name(self, found: Found) -> str | None:
        """The name under which a file with several names is in the archive already."""
        if found.status.st_nlink < 2:
            return None
        seen = cast(dict[Any, str], cast(Any, self._tar).inodes)
        first = seen.setdefault((found.status.st_ino, found.status.st_dev), found.name)
        return None if first == found.name else first


class _ZipWriter:
    def __init__(self, zip_: Any, fixed_time: int | None, progress: Callable[[int], None]) -> None:
        self._zip, self._fixed_time, self._progress = zip_, fixed_time, progress

    def add(self, found: Found) -> int:
        info = self._info(found)
        if found.is_folder:
            self._zip.writestr(info, b"")
            return 0
        if found.is_link:
            info.compress_type = zipfile.ZIP_STORED
            self._zip.writestr(info, os.readlink(found.path).encode("utf-8", "surrogateescape"))
            return 0
        size = 0
        with (
            open(found.path, "rb") as file,
            self._zip.open(info, "w", force_zip64=found.status.st_size >= 1 << 31) as out,
        ):
            source = _Reading(file, self._progress)
            while data := source.read(CHUNK):
                out.write(data)
                size += len(data)
        return size

    def _info(self, found: Found) -> Any:
        moment = int(found.status.st_mtime) if self._fixed_time is None else self._fixed_time
        # Local time by convention, but the same bytes everywhere when they are to be reproducible.
        as_fields = time.localtime if self._fixed_time is None else time.gmtime
        fields = as_fields(min(max(moment, _OLDEST_IN_ZIP), _NEWEST_IN_ZIP))
        name = f"{found.name}/" if found.is_folder else found.name
        info = self._zip.zipinfo_cls(name) if hasattr(self._zip, "zipinfo_cls") else zipfile.ZipInfo(name)
        info.date_time = tuple(fields)[:6]
        if -(1 << 31) <= moment <= _NEWEST_IN_ZIP:  # the exact time, which the old field cannot hold
            info.extra = struct.pack("<HHBl", 0x5455, 5, 1, moment)
        info.create_system = 3
        info.external_attr = found.status.st_mode << 16 | (0x10 if found.is_folder else 0)
        info.compress_type = zipfile.ZIP_STORED if found.is_folder else zipfile.ZIP_DEFLATED
        return info
