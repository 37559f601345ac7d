"""Which format an archive has: what the step says, else its first bytes, else its extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from dagu_archive.codes import FORMAT, refuse


@dataclass(frozen=True, slots=True)
class Format:
    """A container (tar, zip, 7z, rar, or "" for a single file) and the compression around it."""

    container: str
    compression: str = ""

    @property
    def name(self) -> str:
        return ".".join(filter(None, (self.container, self.compression)))


_COMPRESSIONS = ("gz", "bz2", "xz", "zst")
_BY_NAME = {
    "tar": Format("tar"),
    **{f"tar.{each}": Format("tar", each) for each in _COMPRESSIONS},
    "tar.zstd": Format("tar", "zst"),
    "tgz": Format("tar", "gz"),
    "tbz2": Format("tar", "bz2"),
    "tbz": Format("tar", "bz2"),
    "txz": Format("tar", "xz"),
    "tzst": Format("tar", "zst"),
    "zip": Format("zip"),
    "7z": Format("7z"),
    "rar": Format("rar"),
    **{each: Format("", each) for each in _COMPRESSIONS},
}
NAMES = tuple(_BY_NAME)
_MAGIC = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"PK\x07\x08": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
}
_LEVELS = {"": (0, 9), "gz": (0, 9), "bz2": (1, 9), "xz": (0, 9), "zst": (1, 22)}


def named(format: str, path: str) -> Format | None:
    """The format that the step names, or that the name of the file tells."""
    if format:
        return _BY_NAME[format]
    name = path.rsplit("/", 1)[-1].lower()
    found = [each for each in NAMES if name.endswith(f".{each}")]
    return _BY_NAME[max(found, key=len)] if found else None


def detected(path: str) -> Format | None:
    """The format that the content tells.

    An empty tar begins like many a disk image, with NUL bytes: there the extension has to say tar, too.
    """
    from dagu_archive.streams import decompressed

    told = named("", path)
    by_name = told is not None and told.container == "tar"
    with open(path, "rb") as file:
        start = file.read(512)
        for magic, name in _MAGIC.items():
            if not start.startswith(magic):
                continue
            if name not in _COMPRESSIONS:
                return _BY_NAME[name]
            file.seek(0)
            with decompressed(file, name) as stream:
                return Format("tar" if _is_tar(_first_block(stream), by_name) else "", name)
    return Format("tar") if _is_tar(start, by_name) else None


def levels(format: Format) -> tuple[int, int]:
    """The compression levels a format has, lowest and highest."""
    return _LEVELS[format.compression] if format.compression or format.container == "zip" else (-1, -1)


def _first_block(stream: BinaryIO) -> bytes:
    try:
        return stream.read(512)
    except Exception:  # damaged: whoever reads all of it says how
        return b"\0" * 512


def _is_tar(block: bytes, by_name: bool) -> bool:
    if len(block) == 512 and not any(block):
        return by_name
    import tarfile

    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def of_archive(path: str, format: str) -> tuple[Format, str]:
    """(the format to read `path` in, a warning when its extension says something else)."""
    if format:
        return _BY_NAME[format], ""
    seen, told = detected(path), named("", path)
    if seen is None:
        if told is None:
            refuse(FORMAT, f"the format of {path} is not known", "set config.format")
        return told, ""
    if told is not None and told != seen:
        return seen, f"{path} is called {told.name} but is {seen.name}"
    return seen, ""
