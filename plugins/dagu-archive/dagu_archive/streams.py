"""Compressed streams, read and written piece by piece."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

#: a zstd block of four bytes can become 128 KiB: small bites bound what one call returns
_BITE = 1024
CHUNK = 1 << 20


@contextmanager
def decompressed(file: BinaryIO, compression: str) -> Iterator[BinaryIO]:
    """`file` without its compression. Raises EOFError where the stream is cut off."""
    stream: Any
    if compression == "gz":
        import gzip

        stream = gzip.GzipFile(fileobj=file, mode="rb")
    elif compression == "bz2":
        import bz2

        stream = bz2.BZ2File(file, "rb")
    elif compression == "xz":
        from lzma import LZMAFile

        stream = LZMAFile(file, "rb")  # noqa: SIM115 (closed below, as all of them)
    elif compression == "zst":
        stream = io.BufferedReader(_Zstd(file), CHUNK)
    else:
        yield file
        return
    with stream:
        yield cast(BinaryIO, stream)


@contextmanager
def compressed(file: BinaryIO, compression: str, level: int) -> Iterator[BinaryIO]:
    """A stream that writes to `file` what is written to it; equal input makes equal bytes."""
    stream: Any
    if compression == "gz":
        import gzip

        stream = gzip.GzipFile("", "wb", 6 if level < 0 else level, file, mtime=0)
    elif compression == "bz2":
        import bz2

        stream = bz2.BZ2File(file, "wb", compresslevel=9 if level < 0 else level)
    elif compression == "xz":
        from lzma import LZMAFile

        stream = LZMAFile(file, "wb", preset=6 if level < 0 else level)  # noqa: SIM115
    elif compression == "zst":
        import zstandard

        made = zstandard.ZstdCompressor(3 if level < 0 else level, write_checksum=True)
        stream = made.stream_writer(file, closefd=False)
    else:
        yield file
        return
    with stream:
        yield cast(BinaryIO, stream)


class _Zstd(io.RawIOBase):
    """Frames of zstd, one after the other; the library's own reader takes a cut one for whole."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        self._file = file
        self._make: Callable[[], Any] = zstandard.ZstdDecompressor().decompressobj
        self._frame: Any = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and self._feed():
            pass
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _feed(self) -> bool:
        """Unpack one more bite; whether there was one."""
        packed = self._packed or self._file.read(_BITE)
        if not packed:
            if self._frame is not None:
                raise EOFError("the zstd stream is cut off")
            return False
        if self._frame is None:
            self._frame = self._make()
        self._ready = memoryview(self._frame.decompress(packed))
        self._packed = b""
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data, None
        return True
