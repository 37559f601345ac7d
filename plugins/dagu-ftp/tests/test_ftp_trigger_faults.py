"""Servers that are away, refuse, hang or tell little: said in the health, tried again, nothing lost."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .servers import PASSWORD, Server
from .watching import Driver, watch

DAY = 86_400


@pytest.mark.parametrize("kind", ["vsftpd", "sshd"])
def test_a_server_that_is_away_is_told_and_nothing_is_lost(
    tmp_path: Path, own_vsftpd: Callable[..., Server], own_sshd: Server, kind: str
) -> None:
    server = own_sshd if kind == "sshd" else own_vsftpd()

    async def test(d: Driver) -> None:
        kept = d.write("kept.csv")
        await d.start()
        server.kill()
        await d.until(lambda: len([each for each in d.said if "next try" in each]) >= 4)
        delays = re.findall(r"next try is in ([\d.]+)s", " ".join(d.said))
        assert delays[:4] == ["0.1", "0.2", "0.4", "0.8"]
        assert d.trigger.health.startswith("degraded: 127.0.0.1") and kept.exists()
        d.write("meanwhile.csv")
        server.begin()
        await d.have(1)
        assert (d.names, d.trigger.health) == (["meanwhile.csv"], "")

    watch(test, tmp_path, server, events=["create", "write", "remove"])


def test_a_connection_that_idled_out_is_opened_again_without_a_word(
    tmp_path: Path, own_vsftpd: Callable[..., Server]
) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        d.write("a.csv")
        await d.have(1)
        assert not [each for each in d.said if each]

    watch(test, tmp_path, own_vsftpd(idle_session_timeout=1), pollInterval="2500ms")


def test_a_login_that_is_refused_is_not_tried_too_often(tmp_path: Path, vsftpd: Server) -> None:
    async def test(d: Driver) -> None:
        d.secrets["FTP_PASSWORD"] = "no-such-password-7"
        await d.start(settled=False)
        await d.until(lambda: d.said)
        assert "refused" in d.said[0] and d.said[0].endswith("the next try is in 60s")
        assert "no-such-password-7" not in d.said[0]

    watch(test, tmp_path, vsftpd, password="${FTP_PASSWORD}")


def test_a_server_that_repeats_the_password_does_not_spread_it(tmp_path: Path, vsftpd: Server) -> None:
    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            word, _, rest = line.decode().strip().partition(" ")
            writer.write((f"530 not {rest}" if word == "PASS" else "331 go on").encode() + b"\r\n")
        writer.close()

    async def test(d: Driver) -> None:
        server = await asyncio.start_server(repeat, "127.0.0.1", 0)
        d.entry["port"] = server.sockets[0].getsockname()[1]
        d.secrets["FTP_PASSWORD"] = PASSWORD
        await d.start(settled=False)
        await d.until(lambda: d.said)
        server.close()
        assert "530 not *******" in d.said[0] and PASSWORD not in d.said[0]

    watch(test, tmp_path, vsftpd, password="${FTP_PASSWORD}")


def test_the_password_is_a_secret_of_the_dag(tmp_path: Path, vsftpd: Server) -> None:
    async def test(d: Driver) -> None:
        d.secrets["FTP_PASSWORD"] = PASSWORD
        await d.start()
        d.write("a.csv")
        await d.have(1)
        written = b"".join(path.read_bytes() for path in d.scratch.rglob("*") if path.is_file())
        assert PASSWORD.encode() not in written

    watch(test, tmp_path, vsftpd, password="${FTP_PASSWORD}")


def test_a_secret_that_is_missing_is_told(tmp_path: Path, vsftpd: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start(settled=False)
        await d.until(lambda: d.said)
        assert d.said[0].startswith("degraded: the DAG has no secret FTP_PASSWORD")

    watch(test, tmp_path, vsftpd, password="${FTP_PASSWORD}")


def test_an_unknown_host_key_is_refused(tmp_path: Path, sshd: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start(settled=False)
        await d.until(lambda: d.said)
        assert "is not known in" in d.said[0]

    (tmp_path / "nobody").write_text("")
    watch(test, tmp_path, sshd, knownHostFile="nobody")


def test_a_missing_folder_is_waited_for(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        assert re.fullmatch(r"degraded: waiting for \S*/later", d.trigger.health)
        d.write("later/a.csv")
        await d.have(1)
        assert d.trigger.health == ""
        shutil.rmtree(d.server.root / "later")
        await d.until(lambda: d.trigger.health)
        await d.look(2)
        d.write("later/b.csv", "of another size")  # only now its files count as removed
        await d.have(3)
        assert sorted(d.events) == ["create", "create", "remove"]

    watch(test, tmp_path, server, watch=f"{server.at}later/*.csv", events=["create", "remove"])


def test_files_of_a_folder_that_is_closed_do_not_count_as_removed(tmp_path: Path, vsftpd: Server) -> None:
    async def test(d: Driver) -> None:
        d.write("sub/a.csv")
        await d.start()
        (d.server.root / "sub").chmod(0o700)
        await d.until(lambda: "/in/sub: " in d.trigger.health)
        d.write("b.csv")
        await d.have(1)
        (d.server.root / "sub").chmod(0o755)
        await d.until(lambda: not d.trigger.health)
        await d.have(1)

    watch(test, tmp_path, vsftpd, events=["create", "remove"])


def test_rough_times_may_move_by_a_day(tmp_path: Path, own_vsftpd: Callable[..., Server]) -> None:
    """Without MLSD and MDTM a time shifts with the clocks, and loses its hours with the months."""

    async def test(d: Driver) -> None:
        path = d.write("a.csv", "one")
        os.utime(path, (month_ago, month_ago))
        await d.start()
        os.utime(path, (month_ago, month_ago + 3600))
        await d.look(3)
        assert d.runs == {}
        os.utime(path, (month_ago, month_ago + 3 * DAY))
        await d.have(1)
        path.write_text("longer")
        os.utime(path, (month_ago, month_ago + 3 * DAY))
        await d.have(2)
        assert d.events == ["write", "write"]

    month_ago = time.time() // DAY * DAY - 30 * DAY + 3600

    watch(test, tmp_path, own_vsftpd(cmds_denied="MDTM"))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        yield listening


def test_a_server_that_never_answers_is_told(tmp_path: Path, vsftpd: Server, silent: socket.socket) -> None:
    async def test(d: Driver) -> None:
        await d.start(settled=False)
        await d.until(lambda: d.said)
        assert "did not answer in time" in d.said[0]

    watch(test, tmp_path, vsftpd, port=silent.getsockname()[1], timeout="500ms")


def test_a_server_that_never_answers_is_let_go_at_once(
    tmp_path: Path, vsftpd: Server, silent: socket.socket
) -> None:
    async def test(d: Driver) -> None:
        await d.start(settled=False)
        connection, _ = await asyncio.to_thread(silent.accept)
        began = time.monotonic()
        await d.stop()
        assert time.monotonic() - began < 15  # not the half minute it would wait for an answer
        connection.close()

    watch(test, tmp_path, vsftpd, port=silent.getsockname()[1], timeout="30s")


def test_names_that_lead_elsewhere_are_told_and_left_out(tmp_path: Path, sshd: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        (d.server.root / "a\nb.csv").write_text("x")
        d.write("c.csv")
        await d.have(1)
        assert "line break" in d.trigger.health

    watch(test, tmp_path, sshd)


def test_nothing_is_logged_for_a_server_that_talks_nonsense(
    tmp_path: Path, sshd: Server, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        writer.close()

    async def test(d: Driver) -> None:
        server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
        d.entry["port"] = server.sockets[0].getsockname()[1]
        await d.start(settled=False)
        await d.until(lambda: len(d.said) > 1)
        server.close()

    watch(test, tmp_path, sshd)
    assert (capfd.readouterr().err, caplog.text) == ("", "")
