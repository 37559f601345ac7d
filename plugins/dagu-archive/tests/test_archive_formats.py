"""Archives made by other programs are read, and ours by them."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path
from typing import Any, Literal

import pytest

from dagu_core.testing.requirements import require

FORMATS = ("tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "zip")
_TAR = {"tar": "", "tar.gz": "-z", "tar.bz2": "-j", "tar.xz": "-J", "tar.zst": "--zstd"}


def _tool(*names: str, package: str) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    require(found, f"{names[0]}, apt install {package}")
    return str(found)


def _call(folder: Path, *argv: str) -> None:
    subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def tree(folder: Path, *, times: bool = True) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(folder.rglob("*")):
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        status = path.lstat()
        mode = "" if path.is_symlink() else oct(status.st_mode)
        found[str(path.relative_to(folder))] = (mode, int(status.st_mtime) if times else 0, content)
    return found


@pytest.mark.parametrize("format", FORMATS)
def test_what_goes_in_comes_out(lab: Any, sample: Path, format: str) -> None:
    made = lab.create("src", f"out/x.{format}", verifyIntegrity=True).ok()
    assert (made["filesAdded"], made["bytesArchived"], made["verifyPerformed"]) == (10, 100_010, True)
    done = lab.extract(f"out/x.{format}", "back").ok()
    assert (done["filesExtracted"], done["bytesExtracted"], done["filesSkipped"]) == (6, 100_010, 0)
    assert tree(lab.folder / "back/src") == tree(sample)
    assert os.listdir(lab.folder / "out") == [f"x.{format}"]


@pytest.mark.parametrize("format", _TAR)
def test_archives_of_gnu_tar(lab: Any, sample: Path, format: str) -> None:
    require(shutil.which("tar") and shutil.which("zstd"), "tar and zstd, apt install tar zstd")
    os.link(sample / "a.txt", sample / "twin")
    (sample / ("long" * 40)).write_text("long name")
    flag = [_TAR[format]] if _TAR[format] else []
    _call(lab.folder, "tar", *flag, "-cf", f"x.{format}", "src")
    assert lab.extract(f"x.{format}", "back").ok()["filesExtracted"] == 8
    assert tree(lab.folder / "back/src") == tree(sample)
    assert (lab.folder / "back/src/twin").samefile(lab.folder / "back/src/a.txt")


@pytest.mark.parametrize("format", _TAR)
def test_gnu_tar_reads_ours(lab: Any, sample: Path, format: str) -> None:
    require(shutil.which("tar") and shutil.which("zstd"), "tar and zstd, apt install tar zstd")
    os.link(sample / "a.txt", sample / "twin")
    lab.create("src", f"x.{format}").ok()
    (lab.folder / "back").mkdir()
    _call(lab.folder, "tar", "-xpf", f"x.{format}", "-C", "back")
    assert tree(lab.folder / "back/src") == tree(sample)


def test_archives_of_info_zip(lab: Any, sample: Path) -> None:
    _tool("zip", package="zip")
    (sample / "größe.txt").write_text("umlaut")
    _call(lab.folder, "zip", "-qry", "x.zip", "src")
    lab.extract("x.zip", "back").ok()
    expected = tree(sample, times=False)
    assert tree(lab.folder / "back/src", times=False) == expected
    assert int((lab.folder / "back/src/a.txt").stat().st_mtime) == 1_600_000_001


def test_info_zip_reads_ours(lab: Any, sample: Path) -> None:
    _tool("unzip", package="unzip")
    lab.create("src", "x.zip").ok()
    _call(lab.folder, "unzip", "-q", "x.zip", "-d", "back")
    assert tree(lab.folder / "back/src", times=False) == tree(sample, times=False)


def test_a_7z_archive_is_read(lab: Any, sample: Path) -> None:
    program = _tool("7zz", "7z", package="7zip")
    _call(lab.folder, program, "a", "-snl", "x.7z", "src")
    listed = lab.list("x.7z").ok()
    assert (listed["totalFiles"], listed["totalSize"]) == (10, 100_010)
    lab.extract("x.7z", "back").ok()
    assert tree(lab.folder / "back/src", times=False) == tree(sample, times=False)


@pytest.mark.parametrize("header", ["on", "off"])
def test_a_7z_archive_with_a_password(lab: Any, sample: Path, header: str) -> None:
    program = _tool("7zz", "7z", package="7zip")
    _call(lab.folder, program, "a", "-psecret", f"-mhe={header}", "x.7z", "src/a.txt")
    assert lab.extract("x.7z", "back").code == 13
    wrong = lab.extract("x.7z", "back", password="wrong")
    assert wrong.code == 13 and "wrong" in wrong.err
    assert not (lab.folder / "back").exists()
    lab.extract("x.7z", "back", password="secret").ok()
    assert (lab.folder / "back/src/a.txt").read_text() == "hello\n"


def test_7z_without_any_program(lab: Any, sample: Path) -> None:
    import py7zr

    with py7zr.SevenZipFile(lab.folder / "x.7z", "w") as archive:
        archive.writeall(sample, "src")
    assert lab.names("x.7z", include=["src/*.txt"]) == ["src/a.txt"]
    lab.extract("x.7z", "back", exclude=["**/deep"]).ok()
    assert (lab.folder / "back/src/sub/b.log").read_text() == "log\n"
    assert not (lab.folder / "back/src/sub/deep").exists()
    assert os.readlink(lab.folder / "back/src/link") == "a.txt"


def test_an_empty_password_encrypts_nothing_and_says_so(lab: Any, sample: Path) -> None:
    made = lab.create("src", "x.zip", password="")
    assert made.code == 13 and "the password is empty" in made.err
    assert not (lab.folder / "x.zip").exists()


def test_a_zip_with_a_password_is_encrypted(lab: Any, sample: Path) -> None:
    lab.create("src", "x.zip", password="secret", verifyIntegrity=True).ok()
    assert b"hello" not in (lab.folder / "x.zip").read_bytes()
    assert {file["encrypted"] for file in lab.list("x.zip").ok()["files"] if not file["isDir"]} == {True}
    assert lab.extract("x.zip", "back").code == 13
    wrong = lab.extract("x.zip", "back", password="wrong")
    assert wrong.code == 13 and "password" in wrong.err
    assert not (lab.folder / "back").exists()
    lab.extract("x.zip", "back", password="secret").ok()
    assert tree(lab.folder / "back/src", times=False) == tree(sample, times=False)


def test_7z_reads_our_encrypted_zip(lab: Any, sample: Path) -> None:
    program = _tool("7zz", "7z", package="7zip")
    lab.create("src", "x.zip", password="secret").ok()
    _call(lab.folder, program, "x", "-psecret", "-oback", "x.zip")
    assert (lab.folder / "back/src/a.txt").read_text() == "hello\n"


def test_a_zip_with_the_old_encryption(lab: Any, sample: Path) -> None:
    _tool("zip", package="zip")
    _call(lab.folder, "zip", "-qrP", "secret", "x.zip", "src/a.txt")
    assert lab.extract("x.zip", "back", password="wrong").code == 13
    lab.extract("x.zip", "back", password="secret").ok()
    assert (lab.folder / "back/src/a.txt").read_text() == "hello\n"


def _rar(name: str, content: bytes) -> bytes:
    """A rar archive (version 4) with one stored file, written by the published layout."""

    def block(kind: int, flags: int, body: bytes, data: bytes = b"") -> bytes:
        head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data

    size = len(content)
    file = struct.pack(
        "<IIBIIBBHI", size, size, 3, zlib.crc32(content), 0x5A21_0000, 20, 0x30, len(name), 0o100644
    )
    return b"".join(
        (
            b"Rar!\x1a\x07\x00",
            block(0x73, 0, bytes(6)),
            block(0x74, 0x8000, file + name.encode(), content),
            block(0x7B, 0x4000, b""),
        )
    )


def test_a_rar_archive_is_read(lab: Any) -> None:
    _tool("bsdtar", package="libarchive-tools")
    (lab.folder / "x.rar").write_bytes(_rar("dir/a.txt", b"hello rar"))
    assert lab.names("x.rar") == ["dir/a.txt"]
    lab.extract("x.rar", "back").ok()
    assert (lab.folder / "back/dir/a.txt").read_bytes() == b"hello rar"
    (lab.folder / "evil.rar").write_bytes(_rar("../a.txt", b"hello rar"))
    assert "climbs out" in lab.refused("evil.rar", 12, "refused")


def test_a_rar_archive_without_the_program_says_what_to_install(lab: Any) -> None:
    (lab.folder / "x.rar").write_bytes(_rar("a.txt", b"hello rar"))
    done = lab.extract("x.rar", "back", env={"PATH": str(lab.folder)})
    assert done.code == 5 and "libarchive-tools" in done.err


@pytest.mark.parametrize("extension", ["gz", "bz2", "xz", "zst"])
def test_a_single_compressed_file(lab: Any, extension: str) -> None:
    program = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}[extension]
    _tool(program, package={"xz": "xz-utils"}.get(program, program))
    (lab.folder / "report.csv").write_text("a,b\n" * 1000)
    _call(lab.folder, program, "-k", "report.csv")
    assert lab.extract(f"report.csv.{extension}", "back").ok()["bytesExtracted"] == 4000
    assert (lab.folder / "back/report.csv").read_text() == "a,b\n" * 1000


def test_the_content_tells_the_format_and_a_wrong_extension_is_told(lab: Any, sample: Path) -> None:
    lab.create("src", "x.tar.xz").ok()
    (lab.folder / "x.tar.xz").rename(lab.folder / "x.zip")
    done = lab.list("x.zip")
    assert len(done.ok()["files"]) == 10
    assert "x.zip is called zip but is tar.xz" in done.err


@pytest.mark.parametrize("name", ["disk.img.gz", "disk.gz"])
def test_a_disk_image_that_begins_with_nothing_is_no_tar(lab: Any, name: str) -> None:
    image = bytes(1024) + b"an ext4 image" * 100
    (lab.folder / name).write_bytes(gzip.compress(image))
    done = lab.extract(name, "out")
    done.ok()
    assert done.err == "" and (lab.folder / "out" / name.removesuffix(".gz")).read_bytes() == image


@pytest.mark.parametrize(("name", "mode"), [("empty.tar", "w"), ("empty.tgz", "w:gz")])
def test_a_tar_of_nothing_is_a_tar(lab: Any, name: str, mode: Literal["w", "w:gz"]) -> None:
    tarfile.open(lab.folder / name, mode).close()
    assert lab.list(name).ok()["files"] == []


def test_a_format_that_is_set_is_used(lab: Any, sample: Path) -> None:
    lab.create("src", "x.bin", format="TGZ").ok()
    assert (lab.folder / "x.bin").read_bytes()[:2] == b"\x1f\x8b"
    assert len(lab.names("x.bin")) == 10
    done = lab.list("x.bin", format="zip")
    assert done.code == 12 and "damaged or not zip" in done.err


@pytest.mark.parametrize("format", FORMATS)
def test_a_cut_or_damaged_archive_is_refused(lab: Any, sample: Path, format: str) -> None:
    lab.create("src/sub/deep/c.txt", f"x.{format}").ok()
    whole = (lab.folder / f"x.{format}").read_bytes()
    for at in (len(whole) // 2, 100_864 if format == "tar" else len(whole) - 10):
        (lab.folder / "cut").write_bytes(whole[:at])
        done = lab.extract("cut", "back", format=format)
        assert done.code == 12, (at, done.err)
        assert not (lab.folder / "back").exists()
    if format != "tar":  # a plain tar has no checksum of its content
        middle = len(whole) // 2
        (lab.folder / "bad").write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
        assert lab.extract("bad", "back", format=format).code == 12
        assert not (lab.folder / "back").exists()


def test_several_frames_of_zstd_are_one_stream(lab: Any, sample: Path) -> None:
    import zstandard

    lab.create("src", "x.tar").ok()
    data = (lab.folder / "x.tar").read_bytes()
    frames = [zstandard.compress(data[at : at + 5000]) for at in range(0, len(data), 5000)]
    (lab.folder / "x.tar.zst").write_bytes(b"".join(frames))
    assert len(lab.names("x.tar.zst")) == 10
