"""Files there and back: which, where to, and unchanged; on each of the three servers."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path
from typing import Any

import pytest


def tree(folder: Path) -> dict[str, str]:
    """The files below a folder, with the hash of each."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fill(folder: Path, *names: str, seed: int = 1) -> None:
    """Files with content of their own."""
    chance = random.Random(seed)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(chance.randbytes(chance.randrange(3000)))


def test_200_files_both_ways_and_the_second_time_none(server: Any, do: Any, tmp_path: Path) -> None:
    names = [f"{'abcd'[n % 4]}/file {n:03} é.bin" for n in range(200)]
    fill(tmp_path / "out", *names)
    sending = server.step(
        "upload", source="out", recursive=True, destination=f"{server.at}new/deep", parallel=3
    )
    sent = do(sending)
    assert (sent.status, len(sent.report["transferred"])) == ("succeeded", 200), sent.error
    assert tree(server.root / "new/deep") == tree(tmp_path / "out")
    fetching = server.step(
        "download", source=f"{server.at}new/deep", recursive=True, destination="back", overwrite="ifNewer"
    )
    fetched = do(fetching)
    assert (fetched.status, len(fetched.report["transferred"])) == ("succeeded", 200)
    assert tree(tmp_path / "back") == tree(tmp_path / "out")
    assert {row["sha256"] for row in fetched.report["transferred"]} == set(tree(tmp_path / "out").values())
    again = do(fetching)
    assert (again.status, again.report["transferred"], len(again.report["skipped"])) == ("succeeded", [], 200)
    sending["config"]["overwrite"] = "ifNewer"
    assert do(sending).report["transferred"] == []


@pytest.mark.parametrize(
    ("source", "more", "expected"),
    [
        ("s/a.csv", {}, {"a.csv"}),
        ("s/*.csv", {}, {"a.csv", "b.csv"}),
        ("s/?.csv", {"exclude": ["b.*"]}, {"a.csv"}),
        ("s/[b-z].*", {}, {"b.csv", "c.txt"}),
        ("s/**/*.csv", {}, {"a.csv", "b.csv", "x/d.csv", "x/y/e.csv"}),
        ("s/*/*.csv", {}, {"x/d.csv"}),
        ("s/x/**", {}, {"d.csv", "y/e.csv"}),
        (
            "s",
            {"recursive": True, "exclude": ["y"]},
            {"a.csv", "b.csv", "c.txt", "[1].log", ".env", "x/d.csv"},
        ),
        ("s/*", {"recursive": True}, {"a.csv", "b.csv", "c.txt", "[1].log", "x/d.csv", "x/y/e.csv"}),
        ("s/[1].log", {}, {"[1].log"}),
        ("s/.e*", {}, {".env"}),
    ],
)
def test_a_source_means_the_same_here_and_there(
    pyftpd: Any, do: Any, tmp_path: Path, source: str, more: Any, expected: set[str]
) -> None:
    names = ("a.csv", "b.csv", "c.txt", "[1].log", ".env", "x/d.csv", "x/y/e.csv")
    fill(tmp_path / "s", *names)
    fill(pyftpd.root / "s", *names)
    sent = do(pyftpd.step("upload", source=source, destination="up/", **more))
    assert sent.status == "succeeded", sent.error
    assert tree(pyftpd.root / "up").keys() == expected
    fetched = do(pyftpd.step("download", source=source, destination="down/", **more))
    assert fetched.status == "succeeded", fetched.error
    assert tree(tmp_path / "down").keys() == expected


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("new.bin", "new.bin"),
        ("new/", "new/a.bin"),
        ("there", "there/a.bin"),
        ("./", "a.bin"),
        ("deep/er/n.bin", "deep/er/n.bin"),
    ],
)
def test_where_one_file_goes(server: Any, do: Any, tmp_path: Path, destination: str, expected: str) -> None:
    fill(tmp_path, "a.bin")
    do(server.step("mkdir", destination=f"{server.at}there"))
    (tmp_path / "there").mkdir()
    done = do(server.step("upload", source="a.bin", destination=f"{server.at}{destination}"))
    assert done.status == "succeeded", done.error
    assert (server.root / expected).read_bytes() == (tmp_path / "a.bin").read_bytes()


OLD, NEW = 1_500_000_000, 1_600_000_000


@pytest.mark.parametrize(
    ("rule", "times", "same_size", "transferred"),
    [
        ("always", (OLD, NEW), True, 1),
        ("never", (NEW, OLD), False, 0),
        ("ifNewer", (NEW, OLD), True, 1),
        ("ifNewer", (OLD, NEW), False, 0),
        ("ifNewer", (OLD, OLD), False, 0),
        ("ifDifferent", (OLD, NEW), True, 0),
        ("ifDifferent", (OLD, NEW), False, 1),
        ("ifDifferent", (NEW, OLD), True, 1),
    ],
)
def test_what_is_there_already(
    server: Any, do: Any, tmp_path: Path, rule: str, times: Any, same_size: bool, transferred: int
) -> None:
    for folder, at, size in ((tmp_path, times[0], 100), (server.root, times[1], 100 if same_size else 90)):
        (folder / "a").write_bytes(bytes(size))
        os.chmod(folder / "a", 0o666)
        os.utime(folder / "a", (at, at))
    step = server.step("upload", source="a", destination=f"{server.at}a", overwrite=rule)
    if server.at:  # a user of its own, who may not write to what root made
        os.chown(server.root / "a", server.root.stat().st_uid, -1)
    done = do(step)
    assert (done.status, len(done.report["transferred"])) == ("succeeded", transferred), done.error


def test_times_and_permissions_are_kept(server: Any, do: Any, tmp_path: Path) -> None:
    fill(tmp_path, "a")
    os.utime(tmp_path / "a", (OLD, OLD))
    (tmp_path / "a").chmod(0o6751)
    keep = {"preserveTimes": True, "preservePermissions": not server.at}
    sent = do(server.step("upload", source="a", destination=f"{server.at}a", **keep))
    assert sent.status == "succeeded", sent.error
    there = (server.root / "a").stat()
    assert there.st_mtime == OLD
    fetched = do(server.step("download", source=f"{server.at}a", destination="b", **keep))
    assert fetched.status == "succeeded", fetched.error
    assert (tmp_path / "b").stat().st_mtime == OLD
    if not server.at:  # anonymous users have no permissions to give
        assert there.st_mode & 0o7777 == 0o751
        assert (tmp_path / "b").stat().st_mode & 0o7777 == 0o751


def test_sources_go_away_once_verified(server: Any, do: Any, tmp_path: Path) -> None:
    fill(tmp_path / "out", "a", "b")
    before = tree(tmp_path / "out")
    more = {"deleteSource": True, "verify": "sha256"}
    sent = do(server.step("upload", source="out/*", destination=f"{server.at}got", **more))
    assert sent.status == "succeeded", sent.error
    assert (tree(server.root / "got"), tree(tmp_path / "out")) == (before, {})
    fetched = do(server.step("download", source=f"{server.at}got/*", destination="back", **more))
    assert fetched.status == "succeeded", fetched.error
    assert (tree(tmp_path / "back"), tree(server.root / "got")) == (before, {})


def test_young_files_wait(server: Any, do: Any, tmp_path: Path) -> None:
    fill(tmp_path, "old.txt", "young.txt")
    os.utime(tmp_path / "old.txt", (OLD, OLD))
    done = do(server.step("upload", source="*.txt", destination=f"{server.at}.", minAge="1h"))
    assert [row["source"] for row in done.report["transferred"]] == ["old.txt"]
    assert done.report["skipped"][0]["source"] == "young.txt"
    os.utime(server.root / "old.txt", None)
    step = server.step("download", source=f"{server.at}old.txt", destination="x", minAge="1h")
    assert do(step).report["transferred"] == []
    step["config"]["minAge"] = 0
    assert len(do(step).report["transferred"]) == 1


def test_nothing_found(server: Any, do: Any, tmp_path: Path) -> None:
    for command in ("upload", "download", "delete"):
        for source in ("nothing.txt", "no/such/*.txt"):
            done = do(server.step(command, source=f"{server.at}{source}", destination="x/"))
            assert (done.status, done.code) == ("failed", 23), (command, source, done.error)
            fine = do(server.step(command, source=f"{server.at}{source}", destination="x/", allowEmpty=True))
            assert (fine.status, fine.code) == ("succeeded", 0)
    fill(tmp_path, "folder/a")
    done = do(server.step("upload", source="folder", destination=f"{server.at}x"))
    assert done.code == 20 and "recursive" in done.error


def test_the_form_without_a_command(sshd: Any, do: Any, tmp_path: Path) -> None:
    fill(tmp_path / "out", "a", "x/b")
    sent = do(sshd.step(None, direction="upload", source="out", destination="got"))
    assert sent.status == "succeeded", sent.error
    fetched = do(sshd.step(None, direction="download", source="got", destination="back"))
    assert fetched.status == "succeeded"
    assert tree(tmp_path / "back") == tree(tmp_path / "out") == tree(sshd.root / "got")


def test_links_to_files_are_files_and_links_to_folders_are_left(sshd: Any, do: Any, tmp_path: Path) -> None:
    fill(sshd.root / "s", "a", "sub/b")
    (sshd.root / "s/link").symlink_to("a")
    (sshd.root / "s/loop").symlink_to(".")
    (sshd.root / "s/gone").symlink_to("nowhere")
    done = do(sshd.step("download", source="s", recursive=True, destination="d"))
    assert done.status == "succeeded", done.error
    assert tree(tmp_path / "d").keys() == {"a", "link", "sub/b"}


def test_special_files_are_left(sshd: Any, do: Any, tmp_path: Path) -> None:
    fill(tmp_path / "s", "a")
    os.mkfifo(tmp_path / "s/pipe")
    done = do(sshd.step("upload", source="s/*", destination="d"))
    assert done.status == "succeeded", done.error
    assert done.report["skipped"] == [{"source": "s/pipe", "reason": "neither a file nor a folder"}]
    assert tree(sshd.root / "d").keys() == {"a"}
