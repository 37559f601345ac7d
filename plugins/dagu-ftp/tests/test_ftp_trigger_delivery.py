"""What appears on a server is told: once, when it is whole, and whatever crashes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .servers import Server
from .watching import Driver, watch


def test_three_files_are_three_runs_and_what_was_there_is_none(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        d.write("old.csv")
        await d.start()
        for name in ("1.csv", "2.csv", "deep/er/3.csv", "no.txt"):
            d.write(name, name)
        await d.have(3)
        assert sorted(d.names) == ["1.csv", "2.csv", "3.csv"]
        fire = next(each for each in d.fires if each.env["DAGU_FILE_TRIGGER_NAME"] == "3.csv")
        path = fire.env["DAGU_FILE_TRIGGER_PATH"]
        assert path.endswith("/deep/er/3.csv") and path.startswith("/")
        assert fire.env["DAGU_FILE_TRIGGER_DIR"] == path.removesuffix("/3.csv")
        assert fire.env["DAGU_FILE_TRIGGER_SIZE"] == str(len("deep/er/3.csv"))
        assert fire.info == {"event": "create", "count": 1, "files": [path]}
        assert fire.params == {"SRC": path}
        assert d.trigger.health == ""

    watch(test, tmp_path, server, params={"SRC": "${DAGU_FILE_TRIGGER_PATH}"})


def test_a_slow_writer_makes_one_run_that_sees_the_whole_file(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        with (d.server.root / "slow.csv").open("ab", buffering=0) as file:
            for _ in range(8):
                file.write(bytes(1000))
                await d.look(2)
                assert d.runs == {}
        await d.have(1)
        assert d.fires[0].env["DAGU_FILE_TRIGGER_SIZE"] == "8000"

    watch(test, tmp_path, server, settle="3s")


def test_with_settle_0_two_looks_have_to_agree(tmp_path: Path, sshd: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        for size in range(1, 5):
            d.write("a.csv", "x" * size)
            await d.look(1)
            assert d.runs == {}
        await d.have(1)
        assert d.fires[0].env["DAGU_FILE_TRIGGER_SIZE"] == "4"

    watch(test, tmp_path, sshd, pollInterval="1s")


def test_a_file_that_was_moved_into_place_is_told_once(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        part = d.write("big.csv.part", "whole")
        d.write(".part-0123.csv", "half of an upload")
        await d.look(2)
        part.rename(d.server.root / "big.csv")
        await d.have(1)
        assert d.names == ["big.csv"]

    watch(test, tmp_path, server, watch=f"{server.at}*", exclude=["**/*.part"])


def test_writes_renames_and_removals(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        path = d.write("a.csv", "one")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        await d.start()
        path.write_text("another content")
        await d.have(1)
        path = path.rename(d.server.root / "b.csv")
        await d.have(2)
        path.unlink()
        await d.have(3)
        assert d.events == ["write", "rename", "remove"]
        assert d.names == ["a.csv", "b.csv", "b.csv"]

    watch(test, tmp_path, server, events=["create", "write", "rename", "remove"])


def test_a_new_file_that_looks_like_one_that_went_is_created(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        old = d.write("a.csv")
        os.utime(old, (1_700_000_000, 1_700_000_000))
        await d.start()
        d.write("b.tmp")
        os.utime(d.server.root / "b.tmp", (1_700_000_000, 1_700_000_000))
        (d.server.root / "b.tmp").rename(old.with_name("b.csv"))
        old.unlink()
        await d.have(1)
        assert (d.names, d.events) == (["b.csv"], ["create"])

    watch(test, tmp_path, server, events="create", pollInterval="500ms")


def test_the_same_size_at_another_second_is_written(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        path = d.write("a.csv", "one")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        await d.start()
        path.write_text("two")
        os.utime(path, (1_700_000_001, 1_700_000_001))  # in the same minute: `LIST` tells no more
        await d.have(1)
        assert d.events == ["write"]

    watch(test, tmp_path, server)


def test_a_restart_loses_and_repeats_nothing(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        d.write("1.csv")
        d.write("2.csv")
        await d.have(2)
        await d.stop()
        d.write("3.csv")
        await d.start(settled=False)
        await d.have(3)
        await d.stop()
        kept = d.cursor
        d.cursor = {**kept, "seq": kept["seq"] - 1}  # the last one was told, but never recorded
        await d.start()
        await d.have(3)
        assert [each.key for each in d.repeated] == [d.fires[-1].key]

    watch(test, tmp_path, server)


def test_when_the_journal_is_lost_the_cursor_counts(tmp_path: Path, sshd: Server) -> None:
    async def test(d: Driver) -> None:
        old = d.write("old.csv")
        os.utime(old, (1_700_000_000, 1_700_000_000))
        await d.start()
        d.write("1.csv")
        await d.have(1)
        await d.stop()
        (d.scratch / "journal").unlink()
        d.write("2.csv")
        await d.start()
        await d.have(2)
        assert d.names == ["1.csv", "2.csv"]  # the first may be told again, with the key it had

    watch(test, tmp_path, sshd)


def test_a_file_that_is_gone_for_a_while_is_not_told_again(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        path = d.write("a.csv")
        await d.start()
        path.rename(tmp_path / "away")
        await d.look(2)
        (tmp_path / "away").rename(path)
        await d.look(3)
        assert d.runs == {}

    watch(test, tmp_path, server)


def test_a_batch_of_500_is_one_run(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        for number in range(500):
            d.write(f"{number:03}.csv")
        await d.have(1)
        assert d.fires[0].info["count"] == 500
        listed = json.loads(Path(d.fires[0].env["DAG_TRIGGER_FILES"]).read_text())
        assert sorted(each["name"] for each in listed) == [f"{number:03}.csv" for number in range(500)]

    watch(test, tmp_path, server, batch={"window": "2s", "maxFiles": 500})


def test_500_at_once_are_500_runs(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        for number in range(500):
            d.write(f"{number:03}.csv")
        await d.have(500)

    watch(test, tmp_path, server)


def test_a_file_waits_for_its_marker(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        d.write("a.csv")
        await d.look(4)
        assert d.runs == {}
        d.write("a.csv.done")
        await d.have(1)

    watch(test, tmp_path, server, marker="{path}.done")


def test_existing_files_are_told_when_asked_for(tmp_path: Path, server: Server) -> None:
    async def test(d: Driver) -> None:
        d.write("a.csv")
        await d.start(settled=False)
        await d.have(1)
        await d.stop()
        await d.start()
        await d.have(1)

    watch(test, tmp_path, server, existing="trigger")


@pytest.mark.parametrize("follow", [False, True])
def test_links_count_when_asked_for_and_circles_end(tmp_path: Path, sshd: Server, follow: bool) -> None:
    async def test(d: Driver) -> None:
        (d.server.root / "circle").symlink_to(d.server.root)
        await d.start()
        d.write("real.txt")
        (d.server.root / "link.csv").symlink_to(d.server.root / "real.txt")
        d.write("b.csv")
        await d.have(2 if follow else 1)
        assert sorted(d.names) == (["b.csv", "link.csv"] if follow else ["b.csv"])

    watch(test, tmp_path, sshd, followSymlinks=follow)


@pytest.mark.parametrize("text", ["~/*.csv", "*.csv", "../in/*.csv", "{root}/*.csv"])
def test_patterns_begin_where_the_login_does(tmp_path: Path, sshd: Server, text: str) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        d.write("a.csv")
        await d.have(1)
        assert d.fires[0].env["DAGU_FILE_TRIGGER_PATH"] == str(d.server.root / "a.csv")

    watch(test, tmp_path, sshd, watch=text.format(root=sshd.root))


def test_a_look_asks_the_server_once_and_keeps_its_connection(tmp_path: Path, pyftpd: Server) -> None:
    async def test(d: Driver) -> None:
        await d.start()
        d.write("a.csv")
        await d.have(1)
        await d.look(5)
        assert pyftpd.commands.count("USER") == 1
        assert not {"RETR", "STOR", "DELE"} & set(pyftpd.commands)
        assert pyftpd.commands.count("MLSD") == pytest.approx(d.looks, abs=1)

    watch(test, tmp_path, pyftpd)
