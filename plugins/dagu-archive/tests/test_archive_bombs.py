"""X02: small archives that become large. They are stopped, and what was written is gone."""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import tarfile
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

GIB = 1 << 30


def zeros(size: int) -> tuple[bytes, int]:
    """(`size` zeros as a raw deflate stream, their CRC), without deflating all of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(1 << 24)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    crc, count = 0, size >> 24
    for _ in range(min(count, 8)):
        crc = zlib.crc32(block, crc)
    return first + again * (count - 1) + packer.flush(), crc


def write_zip(path: Path, packed: bytes, claimed: int, crc: int, *, copies: int = 1) -> None:
    """A zip of `copies` entries that says `claimed` about the size of each."""
    head = struct.Struct("<4s5H3L2H")
    centre = struct.Struct("<4s4B4H3L5H2L")
    with path.open("wb") as file:
        central = b""
        for number in range(copies):
            name, at = f"zeros{number}".encode(), file.tell()
            extra = struct.pack("<HHQQ", 1, 16, claimed, len(packed))
            file.write(
                head.pack(b"PK\3\4", 45, 0, 8, 0, 33, crc, 2**32 - 1, 2**32 - 1, len(name), len(extra))
            )
            file.write(name + extra + packed)
            fields = (45, 3, 45, 0, 0, 8, 0, 33, crc, 2**32 - 1, 2**32 - 1, len(name), len(extra), 0, 0, 0)
            central += centre.pack(b"PK\1\2", *fields, 0o100644 << 16, at) + name + extra
        start = file.tell()
        file.write(central)
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, copies, copies, len(central), start, 0))


def test_X02_ten_gigabytes_in_ten_megabytes_are_refused(lab: Any) -> None:
    packed, crc = zeros(10 * GIB)
    assert len(packed) < 11 << 20
    write_zip(lab.folder / "x.zip", packed, 10 * GIB, crc)
    began = time.monotonic()
    lab.refused("x.zip", 12, "more than 200 times its size")
    assert time.monotonic() - began < 20


def test_X02_what_an_archive_claims_is_not_believed(lab: Any) -> None:
    packed, crc = zeros(1 * GIB)
    write_zip(lab.folder / "x.zip", packed, 1000, crc)
    lab.refused("x.zip", 12, "damaged")


@pytest.mark.parametrize("extension", ["gz", "xz", "bz2", "zst"])
def test_X02_a_compressed_tar_of_zeros_is_refused(lab: Any, extension: str) -> None:
    size = 60 << 20
    (lab.folder / "zeros").touch()
    with (lab.folder / "zeros").open("r+b") as file:
        file.truncate(size)
    lab.create("zeros", f"x.tar.{extension}", compressionLevel=1).ok()
    assert (lab.folder / f"x.tar.{extension}").stat().st_size < size / 220
    (lab.folder / "zeros").unlink()
    lab.refused(f"x.tar.{extension}", 12, "more than 200 times its size")


def test_X02_it_may_be_unpacked_by_who_trusts_it(lab: Any) -> None:
    (lab.folder / "zeros").write_bytes(bytes(20 << 20))
    lab.create("zeros", "x.tar.gz").ok()
    assert lab.extract("x.tar.gz", "a").code == 12
    lab.extract("x.tar.gz", "a", maxRatio=2000).ok()
    assert (lab.folder / "a/zeros").stat().st_size == 20 << 20


@pytest.mark.parametrize("format", ["tar", "zip", "tar.gz"])
def test_X02_a_limit_of_bytes(lab: Any, format: str) -> None:
    (lab.folder / "src").mkdir()
    for number in range(4):
        (lab.folder / f"src/{number}").write_bytes(bytes(range(256)) * 2000)
    lab.create("src", f"x.{format}").ok()
    lab.refused(f"x.{format}", 12, "more than 1500000 bytes", maxBytes="1.5M")


@pytest.mark.parametrize("format", ["tar", "zip"])
def test_X02_a_limit_of_files(lab: Any, format: str) -> None:
    (lab.folder / "src").mkdir()
    for number in range(30):
        (lab.folder / f"src/{number}").touch()
    lab.create("src", f"x.{format}").ok()
    lab.refused(f"x.{format}", 12, "more than 20 entries", maxFiles=20)


def test_X02_entries_that_share_their_bytes_are_refused(lab: Any) -> None:
    with zipfile.ZipFile(lab.folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as zip_:
        zip_.writestr("a", bytes(1000))
        first = zip_.infolist()[0]
        twin = zipfile.ZipInfo("b")
        for field in ("header_offset", "CRC", "compress_size", "file_size", "compress_type"):
            setattr(twin, field, getattr(first, field))
        zip_.filelist.append(twin)
    lab.refused("x.zip", 12, "overlaps 'a'")


def test_X02_bytes_behind_the_end_of_a_tar_count(lab: Any) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w"):
        pass
    with gzip.open(lab.folder / "x.tar.gz", "wb", compresslevel=9) as file:
        file.write(data.getvalue() + bytes(40 << 20))
    lab.refused("x.tar.gz", 12, "more than 200 times its size")


def test_X02_holes_of_a_sparse_file_count(lab: Any) -> None:
    with (lab.folder / "hole").open("wb") as file:
        file.truncate(50 * GIB)
    subprocess.run(["tar", "-S", "-cf", "x.tar", "hole"], cwd=lab.folder, check=True)
    (lab.folder / "hole").unlink()
    lab.refused("x.tar", 12, "times its size")


def test_X02_a_header_of_gigabytes_is_not_read(lab: Any) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4 * GIB
    with gzip.open(lab.folder / "x.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + b"a" * (1 << 20))
    lab.refused("x.tar.gz", 12, "a header of")


def test_X02_a_chain_or_ring_of_links_is_refused(lab: Any) -> None:
    def write(name: str, links: dict[str, str]) -> None:
        with tarfile.open(lab.folder / name, "w") as tar:
            for source, target in links.items():
                info = tarfile.TarInfo(source)
                info.type, info.linkname = tarfile.SYMTYPE, target
                tar.addfile(info)

    write("ring.tar", {"a": "b", "b": "a"})
    write("chain.tar", {f"l{at}": f"l{at + 1}" for at in range(2000)})
    assert "a chain that is too long, or a ring" in lab.extract("ring.tar", "out").err
    lab.refused("chain.tar", 12, "a chain that is too long, or a ring")


def test_X02_listing_a_bomb_is_bounded_too(lab: Any) -> None:
    (lab.folder / "zeros").write_bytes(bytes(40 << 20))
    lab.create("zeros", "x.tar.gz", compressionLevel=1).ok()
    assert lab.list("x.tar.gz").code == 12
