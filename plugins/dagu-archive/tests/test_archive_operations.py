"""Every key of create, extract and list."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from .trees import EVERYTHING, below


def test_the_summary_of_create(lab: Any, sample: Path) -> None:
    summary = lab.create("src", "new/folder/x.tar.gz").ok()
    assert summary.pop("duration").endswith("s")
    assert list(summary.items()) == [
        ("operation", "create"),
        ("source", "src"),
        ("destination", "new/folder/x.tar.gz"),
        ("filesAdded", 10),
        ("bytesArchived", 100_010),
        ("verifyPerformed", False),
    ]
    assert (lab.folder / "new/folder/x.tar.gz").stat().st_mode & 0o777 == 0o644


def test_the_summary_of_extract_and_list(lab: Any, sample: Path) -> None:
    lab.create("src", "x.tar").ok()
    summary = lab.extract("x.tar", "back").ok()
    assert summary.pop("duration").endswith("s")
    assert list(summary.items()) == [
        ("operation", "extract"),
        ("source", "x.tar"),
        ("destination", "back"),
        ("filesExtracted", 6),
        ("bytesExtracted", 100_010),
        ("filesSkipped", 0),
        ("verifyPerformed", False),
    ]
    listed = lab.list("x.tar").ok()
    assert list(listed) == ["operation", "source", "totalFiles", "totalSize", "files", "verified", "duration"]
    assert (listed["totalFiles"], listed["totalSize"]) == (10, 100_010)
    files = {file.pop("path"): file for file in listed["files"]}
    moment = {"modTime": "2020-09-13T12:26:41Z", "encrypted": False}
    assert files["src/a.txt"] == {"size": 6, "mode": "-rwxr-xr-x", "isDir": False, "type": "file", **moment}
    assert files["src/sub"] == {"size": 0, "mode": "drwxr-xr-x", "isDir": True, "type": "dir", **moment}
    link = {"size": 0, "mode": "Lrwxrwxrwx", "isDir": False, "type": "symlink", "target": "a.txt", **moment}
    assert files["src/link"] == link


def test_existing_files_are_listed_and_nothing_is_written(lab: Any, sample: Path) -> None:
    lab.create("src", "x.tar").ok()
    (lab.folder / "back/src/sub").mkdir(parents=True)
    (lab.folder / "back/src/a.txt").write_text("mine")
    done = lab.extract("x.tar", "back")
    assert done.code == 4 and "already there: 'src/a.txt' (overwrite" in done.err
    assert below(lab.folder / "back") == {"src", "src/sub", "src/a.txt"}
    summary = lab.extract("x.tar", "back", continueOnError=True).ok()
    assert (summary["filesExtracted"], len(summary["errors"])) == (5, 1)
    assert (lab.folder / "back/src/a.txt").read_text() == "mine"
    lab.extract("x.tar", "back", overwrite=True).ok()
    assert (lab.folder / "back/src/a.txt").read_text() == "hello\n"


def test_a_long_list_of_existing_files_is_cut(lab: Any) -> None:
    (lab.folder / "src").mkdir()
    for number in range(30):
        (lab.folder / f"src/{number:02}").touch()
    lab.create("src/.", "x.tar").ok()
    error = lab.extract("x.tar", "src").err
    assert "'19' and 10 more" in error and "'20'" not in error


def test_a_folder_is_no_file(lab: Any, sample: Path) -> None:
    lab.create("src", "x.tar").ok()
    (lab.folder / "back/src/a.txt").mkdir(parents=True)
    assert lab.extract("x.tar", "back", overwrite=True).code == 4
    (lab.folder / "file").touch()
    assert lab.extract("x.tar", "file", overwrite=True).code == 4
    assert lab.create("src", "back").code in (4, 5)


def test_only_what_is_newer(lab: Any, sample: Path) -> None:
    lab.create("src", "x.tar").ok()
    lab.extract("x.tar", "back").ok()
    (lab.folder / "back/src/a.txt").write_text("newer than the archive")
    os.utime(lab.folder / "back/src/sub/b.log", (1, 1))
    (lab.folder / "back/src/sub/b.log").write_text("older")
    os.utime(lab.folder / "back/src/sub/b.log", (1, 1))
    summary = lab.extract("x.tar", "back", ifNewer=True).ok()
    assert (summary["filesExtracted"], summary["filesSkipped"]) == (1, 5)
    assert (lab.folder / "back/src/a.txt").read_text() == "newer than the archive"
    assert (lab.folder / "back/src/sub/b.log").read_text() == "log\n"
    assert lab.create("src", "x.tar", ifNewer=True).ok()["upToDate"] is True
    os.utime(sample / "a.txt", (2**31, 2**31))
    assert lab.create("src", "x.tar", ifNewer=True).ok()["filesAdded"] == 10


def test_a_dry_run_tells_and_does_nothing(lab: Any, sample: Path) -> None:
    made = lab.create("src", "x.tar", dryRun=True).ok()
    assert (made["filesAdded"], made["bytesArchived"], made["dryRun"]) == (10, 100_010, True)
    assert set(made["files"]) == {"src" + name for name in EVERYTHING}
    assert os.listdir(lab.folder) == ["src"]
    assert lab.run("create", "src", dryRun=True).ok()["filesAdded"] == 10
    lab.create("src", "x.tar").ok()
    done = lab.extract("x.tar", ".", dryRun=True, stripComponents=1).ok()
    assert set(done["files"]) == {name[1:] for name in EVERYTHING} - {""}
    assert done["existing"] == []
    assert lab.extract("x.tar", ".", dryRun=True).ok()["existing"][0] == "src/.hidden"
    assert sorted(os.listdir(lab.folder)) == ["src", "x.tar"]


def test_verbose_names_each_file(lab: Any, sample: Path) -> None:
    assert "a src/sub/b.log\n" in lab.create("src", "x.tar", verbose=True).err
    assert "x src/sub/b.log\n" in lab.extract("x.tar", "back", verbose=True).err


def test_links_are_followed_when_asked_for(lab: Any, sample: Path) -> None:
    (sample / "sub/up").symlink_to("..")
    done = lab.create("src", "x.tar", followSymlinks=True)
    assert done.ok()["filesAdded"] == 15 and "a link to a folder that it is in" in done.err
    lab.extract("x.tar", "back").ok()
    assert (lab.folder / "back/src/dlink/b.log").read_text() == "log\n"
    assert not (lab.folder / "back/src/link").is_symlink()


def test_a_destination_in_the_source_is_not_packed(lab: Any, sample: Path) -> None:
    for _ in range(2):
        lab.create("src", "src/x.tar").ok()
        assert "src/x.tar" not in lab.names("src/x.tar")
    assert not [name for name in os.listdir(sample) if "dagu" in name]


def test_names_that_are_no_utf8_are_kept_in_tar(lab: Any, sample: Path) -> None:
    (sample / "caf\udce9").write_text("latin")
    lab.create("src", "x.tar").ok()
    assert "src/caf\udce9" in lab.names("x.tar")
    lab.extract("x.tar", "back").ok()
    assert (lab.folder / "back/src/caf\udce9").read_text() == "latin"
    subprocess.run(["tar", "-xf", "x.tar", "-C", "src"], cwd=lab.folder, check=True)
    assert (lab.folder / "src/src/caf\udce9").read_text() == "latin"
    done = lab.create("src", "x.zip")
    assert done.code == 7 and "is no UTF-8" in done.err


def test_sockets_and_pipes_are_left_out_of_a_new_archive(lab: Any, sample: Path) -> None:
    os.mkfifo(sample / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(sample / "socket"))
        done = lab.create("src", "x.tar")
    assert done.ok()["filesAdded"] == 10 and "pipe is a device, pipe or socket" in done.err


@pytest.mark.parametrize("format", ["tar.gz", "tar.bz2", "tar.xz", "tar.zst", "zip"])
def test_reproducible_archives_are_equal(lab: Any, sample: Path, format: str) -> None:
    lab.create("src", f"1.{format}", reproducible=True).ok()
    for path in sample.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    lab.create("src", f"2.{format}", reproducible=True, env={"TZ": "Asia/Tokyo"}).ok()
    first, second = ((lab.folder / f"{number}.{format}").read_bytes() for number in (1, 2))
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    lab.create("src", f"3.{format}", reproducible=True, env={"SOURCE_DATE_EPOCH": "1600000000"}).ok()
    assert {file["modTime"] for file in lab.list(f"3.{format}").ok()["files"]} == {"2020-09-13T12:26:40Z"}


def test_a_checksum_beside_the_archive(lab: Any, sample: Path) -> None:
    lab.create("src", "x.tar", checksum="sha256").ok()
    digest = hashlib.sha256((lab.folder / "x.tar").read_bytes()).hexdigest()
    assert (lab.folder / "x.tar.sha256").read_text() == f"{digest}  x.tar\n"
    lab.extract("x.tar", "back", checksum="sha256").ok()
    (lab.folder / "x.tar.sha256").write_text(f"{'0' * 64}  x.tar\n")
    assert lab.extract("x.tar", "again", checksum="sha256").code == 12
    (lab.folder / "x.tar.sha256").unlink()
    assert lab.list("x.tar", checksum="sha256").code == 3


def test_verifying_a_list_reads_everything(lab: Any, sample: Path) -> None:
    lab.create("src", "x.zip").ok()
    data = (lab.folder / "x.zip").read_bytes()
    with zipfile.ZipFile(lab.folder / "x.zip") as zip_:
        at = zip_.start_dir - 20  # in the content of the last file
    (lab.folder / "x.zip").write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
    assert lab.list("x.zip").ok()["verified"] is False
    assert lab.list("x.zip", verifyIntegrity=True).code == 12


@pytest.mark.parametrize(
    ("operation", "config", "code"),
    [
        ("create", {"source": "none", "destination": "x.tar"}, 3),
        ("extract", {"source": "none"}, 3),
        ("extract", {"source": "src"}, 2),
        ("create", {"source": "src", "destination": "x.unknown"}, 5),
        ("create", {"source": "src", "destination": "x.7z"}, 5),
        ("create", {"source": "src", "destination": "x.rar"}, 5),
        ("create", {"source": "src", "destination": "x.gz"}, 5),
        ("list", {"source": "src/a.txt"}, 5),
        ("create", {"source": "src", "destination": "x.tar.gz", "compressionLevel": 12}, 8),
        ("create", {"source": "src", "destination": "x.tar", "compressionLevel": 1}, 8),
        ("create", {"source": "src", "destination": "x.tar", "password": "p"}, 2),
        ("create", {"source": "src", "destination": "x.zip", "password": "p", "reproducible": True}, 2),
        ("create", {"source": "src", "destination": "src/a.txt/x.tar"}, 7),
    ],
)
def test_exit_codes(lab: Any, sample: Path, operation: str, config: dict[str, Any], code: int) -> None:
    done = lab.run(operation, **config)
    assert done.code == code, done.err
    assert done.err.startswith("archive: ") and done.err.count("\n") == 1
    assert os.listdir(lab.folder) == ["src"]


def test_what_may_not_be_read_or_written(lab: Any, sample: Path) -> None:
    (sample / "a.txt").chmod(0)
    assert lab.create("src", "x.tar", humble=True).code == 10
    summary = lab.create("src", "x.tar", continueOnError=True, humble=True).ok()
    assert summary["filesAdded"] == 9 and "a.txt" in summary["errors"][0]
    (lab.folder / "locked").mkdir(0o500)
    assert lab.extract("x.tar", "locked/back", humble=True).code == 10
    assert lab.extract("x.tar", "locked", humble=True).code == 10
    assert os.listdir(lab.folder / "locked") == []


def test_a_disk_that_is_full(lab: Any, sample: Path) -> None:
    (lab.folder / "big").write_bytes(os.urandom(3 << 20))
    lab.create("big", "x.tar").ok()
    done = lab.extract("x.tar", "back", file_size=1 << 20)
    assert done.code == 11, done.err
    assert sorted(os.listdir(lab.folder)) == ["big", "src", "x.tar"]
