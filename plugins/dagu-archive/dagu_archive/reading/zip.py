"""Zip, with and without a password."""

from __future__ import annotations

import stat
import struct
import time
import zipfile
import zlib
from importlib import import_module
from typing import Any

from dagu_archive.codes import CORRUPT, PASSWORD, refuse
from dagu_archive.entry import Entry, Kind, Visit
from dagu_archive.limits import Limits
from dagu_archive.names import hostile
from dagu_archive.streams import CHUNK

_LOCAL_HEADER = 30
_MAX_TARGET = 4096
_DOS = 0
_UNIX_TIME = 0x5455
_AES = 99


def walk_zip(path: str, password: str | None, limits: Limits, visit: Visit, content: bool) -> None:
    """Walk over the entries in the order of the directory, which is checked before all else."""
    with _opened(path, password) as zip_:
        infos: list[Any] = zip_.infolist()
        limits.files(len(infos))
        _refuse_overlaps(infos, zip_.start_dir)
        if content:
            limits.bytes(sum(info.file_size for info in infos))
            if password is None and any(info.flag_bits & 1 for info in infos):
                refuse(PASSWORD, f"{path} is encrypted", "set config.password")
        count = limits.meter()
        for info in infos:
            entry = _entry(info, _target(zip_, info, path) if content and _is_link(info) else "")
            sink = visit(entry)
            if sink is None or not content or entry.kind != "file":
                continue
            with _content(zip_, info, path) as source:
                while data := _read(source, path, info):
                    count(len(data))
                    sink.write(data)
            sink.close()


def _opened(path: str, password: str | None) -> Any:
    if password is None:
        return zipfile.ZipFile(path)
    pyzipper: Any = import_module("pyzipper")
    try:
        zip_ = pyzipper.AESZipFile(path)
    except pyzipper.BadZipFile as error:
        raise zipfile.BadZipFile(str(error)) from None
    zip_.setpassword(password.encode("utf-8", "surrogateescape"))
    return zip_


def _content(zip_: Any, info: Any, path: str) -> Any:
    try:
        return zip_.open(info)
    except RuntimeError as error:
        _explain(error, path, info)
        raise


def _read(source: Any, path: str, info: Any) -> bytes:
    try:
        data: bytes = source.read(CHUNK)
    except (zipfile.BadZipFile, zlib.error) as error:
        if info.flag_bits & 1:
            refuse(PASSWORD, f"{path}: the password is wrong, or the archive is damaged: {error}")
        raise
    except Exception as error:
        if type(error).__name__ == "BadZipFile":  # pyzipper has an error of its own by that name
            refuse(PASSWORD, f"{path}: the password is wrong, or the archive is damaged: {error}")
        raise
    return data


def _explain(error: RuntimeError, path: str, info: Any) -> None:
    if "password" in str(error).lower():
        why = "the password is wrong" if "Bad password" in str(error) else "it is encrypted"
        refuse(PASSWORD, f"{path}: {why}")


def _target(zip_: Any, info: Any, path: str) -> str:
    if info.file_size > _MAX_TARGET:
        hostile(info.filename, "is a link that is too long")
    with _content(zip_, info, path) as source:
        return _read(source, path, info).decode("utf-8", "surrogateescape")


def _refuse_overlaps(infos: list[Any], directory: int) -> None:
    """Entries that share their bytes make a small file a huge one."""
    end, last = 0, ""
    for info in sorted(infos, key=lambda info: int(info.header_offset)):
        if info.header_offset < end:
            hostile(info.filename, f"overlaps {last!r} in the archive")
        name = len(info.orig_filename.encode("utf-8", "surrogateescape"))
        # Names in code page 437 are shorter in the file than in UTF-8.
        if not info.flag_bits & 0x800:
            name = len(info.orig_filename)
        end, last = info.header_offset + _LOCAL_HEADER + name + info.compress_size, info.filename
    if end > directory:
        refuse(CORRUPT, f"refused: {last!r} overlaps the directory of the archive")


def _is_link(info: Any) -> bool:
    return bool(stat.S_ISLNK(info.external_attr >> 16))


def _entry(info: Any, target: str) -> Entry:
    name = info.orig_filename
    if "\0" in name:
        hostile(name, "has a NUL character in its name")
    if info.create_system == _DOS:
        name = name.replace("\\", "/")
    unix = info.external_attr >> 16
    kind: Kind = "dir" if name.endswith("/") else "file"
    if stat.S_IFMT(unix) and not stat.S_ISREG(unix):
        kind = "symlink" if stat.S_ISLNK(unix) else "dir" if stat.S_ISDIR(unix) else "other"
    return Entry(
        name=_unicode(name, info),
        kind=kind,
        size=info.file_size if kind == "file" else 0,
        mode=stat.S_IMODE(unix) if unix else None,
        mtime=_mtime(info),
        target=target,
        encrypted=bool(info.flag_bits & 1),
    )


def _unicode(name: str, info: Any) -> str:
    """Many tools write UTF-8 without saying so."""
    if info.flag_bits & 0x800:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _mtime(info: Any) -> float:
    extra = info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == _UNIX_TIME and length >= 5 and extra[4] & 1:
            return float(struct.unpack("<l", extra[5:9])[0])
        extra = extra[4 + length :]
    try:
        return time.mktime((*info.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0
