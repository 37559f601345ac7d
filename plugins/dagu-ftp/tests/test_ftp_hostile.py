"""Full disks, hostile names, talkative servers: refused, told, and nothing else touched."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def everything(folder: Path) -> list[str]:
    """All names below a folder, halves included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_full_disk_here(server: Any, do: Any, tmp_path: Path, small_disk: Any) -> None:
    (server.root / "big").write_bytes(os.urandom(4 << 20))
    small_disk(tmp_path / "small")
    done = do(server.step("download", source=f"{server.at}big", destination="small/"))
    assert (done.status, done.code) == ("failed", 24), done.error
    assert everything(tmp_path / "small") == []


@pytest.mark.parametrize("kind", ["vsftpd", "sshd"])
def test_a_full_disk_there(
    request: pytest.FixtureRequest, do: Any, tmp_path: Path, small_disk: Any, kind: str
) -> None:
    server = request.getfixturevalue(kind)
    (tmp_path / "big").write_bytes(os.urandom(4 << 20))
    small_disk(server.root / "full")
    done = do(server.step("upload", source="big", destination=f"{server.at}full/"))
    assert (done.status, done.code) == ("failed", 24), done.error
    assert everything(server.root / "full") == []


def test_finished_files_stay_when_others_fail(server: Any, do: Any, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    (server.root / "got").mkdir()
    (server.root / "got/b").mkdir()
    os.chown(server.root / "got", server.root.stat().st_uid, -1)
    done = do(server.step("upload", source="[abc]", destination=f"{server.at}got/"))
    assert (done.status, done.code) == ("failed", 20), done.error
    assert (done.sources(), done.sources("failed")) == (["a", "c"], ["b"])
    assert everything(server.root) == ["got", "got/a", "got/b", "got/c"]


@pytest.mark.parametrize("name", ["a\r\nDELE b", "a\nb", "a\rb", "a\0b"])
def test_names_with_line_breaks_reach_no_server(server: Any, do: Any, tmp_path: Path, name: str) -> None:
    for command in ("upload", "download", "delete", "list", "exists", "mkdir", "move"):
        for config in ({"source": name, "destination": "x"}, {"source": "x", "destination": name}):
            done = do(server.step(command, **config))
            assert (done.status, done.code) == ("failed", 2), (command, config, done.error)


def test_a_server_that_can_little_and_names_an_address_of_its_own_network(
    own_vsftpd: Any, do: Any, tmp_path: Path
) -> None:
    server = own_vsftpd(cmds_denied="FEAT,SIZE,MDTM,EPSV,OPTS,MLSD,MLST", pasv_address="192.0.2.1")
    (tmp_path / "a").write_text("hello")
    for destination in ("in/a", "in/new/"):
        done = do(server.step("upload", source="a", destination=destination, retries=0))
        assert done.status == "succeeded", done.error
    done = do(server.step("download", source="in", recursive=True, destination="back", retries=0))
    assert (done.status, done.sources()) == ("succeeded", ["in/a", "in/new/a"]), done.error
    assert (tmp_path / "back/new/a").read_text() == "hello"
    assert do(server.step("exists", source="in/none")).code == 23


def test_names_with_line_breaks_here_are_refused(server: Any, do: Any, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s/good").write_text("good")
    (tmp_path / "s/bad\r\nDELE good").write_text("bad")
    done = do(server.step("upload", source="s", recursive=True, destination=f"{server.at}d"))
    assert (done.code, done.sources(), len(done.report["failed"])) == (20, ["s/good"], 1)
    assert everything(server.root) == ["d", "d/good"]


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "..", "sub/escaped"])
def test_names_of_a_hostile_server_stay_inside(own_pyftpd: Any, do: Any, tmp_path: Path, name: str) -> None:
    from pyftpdlib.filesystems import AbstractedFS

    class Hostile(AbstractedFS):  # type: ignore[misc]
        def format_mlsx(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
            yield from super().format_mlsx(*args, **kwargs)
            yield f"type=file;size=3; {name}\r\n".encode()

    server = own_pyftpd(Hostile)
    (server.root / "good").write_text("abc")
    before = everything(tmp_path.parent)
    done = do(server.step("download", source="*", destination="inside/deeper"))
    assert done.code == 20 and "its name leads to another folder" in done.error
    assert done.sources() == ["good"]
    new = set(everything(tmp_path.parent)) - set(before)
    assert {Path(each).name for each in new} <= {"inside", "deeper", "good"}


def test_names_that_are_no_text_go_there_and_back(vsftpd: Any, do: Any, tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"x")
    done = do(vsftpd.step("upload", source="caf*", destination="in/d/"))
    assert done.status == "succeeded", done.error
    assert os.listdir(os.fsencode(vsftpd.root / "d")) == [b"caf\xe9.txt"]
    done = do(vsftpd.step("download", source="in/d/*", destination="back/"))
    assert done.status == "succeeded", done.error
    assert os.listdir(os.fsencode(tmp_path / "back")) == [b"caf\xe9.txt"]


def test_other_encodings(vsftpd: Any, do: Any, tmp_path: Path) -> None:
    (tmp_path / "café.txt").write_text("x")
    done = do(vsftpd.step("upload", source="*.txt", destination="in/", encoding="latin-1"))
    assert done.status == "succeeded", done.error
    assert os.listdir(os.fsencode(vsftpd.root)) == [b"caf\xe9.txt"]
    rows = do(vsftpd.step("list", source="in", encoding="latin-1")).report["entries"]
    assert [row["name"] for row in rows] == ["café.txt"]


def test_names_that_are_no_text_are_refused_by_sftp(sshd: Any, run: Any, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s/good").write_text("x")
    with open(os.fsencode(tmp_path) + b"/s/caf\xe9.txt", "wb") as file:
        file.write(b"x")
    done = run(sshd.step("upload", source="s/*", destination="d/"))
    assert (done.status, done.code, done.sources()) == ("failed", 20, ["s/good"]), done.error
    assert everything(sshd.root) == ["d", "d/good"]
    with open(os.fsencode(sshd.root) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"x")
    done = run(sshd.step("list", source="."))
    assert done.code == 20 and "encoding" in done.error and "Traceback" not in done.stderr


def test_a_password_in_an_answer_is_not_repeated(do: Any, tmp_path: Path) -> None:
    secret = "secret-0815-4711"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            word = line.split()[0].upper()
            writer.write(b"331 go on\r\n" if word == b"USER" else b"530 no: " + line)
        writer.close()

    started: list[Any] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        started.append(server.sockets[0].getsockname()[1])
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.01)
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait(5)
    config = {"host": "127.0.0.1", "port": started[0], "user": "u", "password": secret}
    done = do({"type": "ftp", "command": "list", "config": config})
    stop.set()
    thread.join()
    assert done.code == 21 and secret not in done.error and "*******" in done.error
