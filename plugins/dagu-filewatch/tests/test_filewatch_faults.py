"""Folders that go, limits of the kernel, names that are no text, links in circles."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagu_core import Unavailable
from dagu_filewatch.inotify import Inotify, Subscription
from dagu_filewatch.mounts import is_blind

Drive = Callable[..., None]


@pytest.mark.parametrize("mode", ["inotify", "poll"])
def test_a_folder_that_is_removed_and_made_again_is_watched_again(drive: Drive, mode: str) -> None:
    async def test(d: Any) -> None:
        await d.start()
        d.write("a.csv")
        await d.have(1)
        shutil.rmtree(d.inbox)
        await d.until(lambda: "waiting for" in d.trigger.health)
        d.write("sub/b.csv")
        await d.until(lambda: len(d.runs) == 2)
        assert d.trigger.health == ""
        d.write("sub/c.csv")
        await d.have(3)
        assert d.paths == ["a.csv", "sub/b.csv", "sub/c.csv"]

    drive(test, mode=mode, pollInterval="200ms")


def test_a_folder_that_is_replaced_behind_its_back_is_noticed(drive: Drive) -> None:
    async def test(d: Any) -> None:
        deep = d.folder / "up/in"
        deep.mkdir(parents=True)
        await d.start()
        (d.folder / "up").rename(d.folder / "old")
        deep.mkdir(parents=True)
        (deep / "a.csv").write_text("a")
        await d.have(1)

    drive(test, watch="up/in/*.csv", pollInterval="200ms")


def test_files_of_a_folder_that_was_away_are_neither_removed_nor_new(drive: Drive) -> None:
    async def test(d: Any) -> None:
        d.write("a.csv")
        await d.start()
        d.inbox.rename(d.folder / "away")
        await d.until(lambda: "waiting for" in d.trigger.health)
        (d.folder / "away").rename(d.inbox)
        await d.until(lambda: d.trigger.health == "")
        d.write("b.csv")
        await d.have(1)
        assert d.events == ["create"]

    drive(test, events=["create", "remove"], pollInterval="200ms")


def test_a_folder_without_permission_is_told_and_loses_nothing(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: set[str] = set()
    scandir = os.scandir

    def guarded(path: str) -> Any:
        if str(path) in locked:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)

    async def test(d: Any) -> None:
        d.write("sub/a.csv")
        await d.start()
        locked.add(str(d.inbox / "sub"))
        (d.inbox / "sub").chmod(0o700)
        await d.until(lambda: "Permission denied" in d.trigger.health)
        assert d.trigger.health == f"degraded: {d.inbox}/sub: Permission denied"
        d.write("c.csv")
        locked.clear()
        await d.until(lambda: d.trigger.health == "")
        d.write("sub/b.csv")
        await d.have(2)
        assert sorted(d.paths) == ["c.csv", "sub/b.csv"]

    drive(test, events=["create", "remove"], pollInterval="200ms")


def test_without_a_watch_left_it_polls_and_says_so(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Subscription, folder: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Subscription, "add", full)

    async def test(d: Any) -> None:
        await d.start()
        d.write("a.csv")
        await d.have(1)
        assert d.trigger.health.startswith("polling every 0.2s: the limit of watches is reached")

    drive(test, pollInterval="200ms")


def test_without_a_descriptor_left_it_polls_and_says_so(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(cls: type[Inotify]) -> Subscription:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Inotify, "subscribe", classmethod(none))

    async def test(d: Any) -> None:
        await d.start()
        d.write("a.csv")
        await d.have(1)
        assert d.trigger.health == "polling every 0.2s: Too many open files"

    drive(test, pollInterval="200ms")


def test_an_overflow_of_the_kernel_loses_nothing(drive: Drive) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())

    async def test(d: Any) -> None:
        await d.start()
        lost = []
        tell_lost = Subscription.tell_lost
        subscription = next(iter(Inotify_of(asyncio.get_running_loop())._subscriptions))
        subscription.tell_lost = lambda: (lost.append(1), tell_lost(subscription))  # type: ignore[method-assign]
        # Nobody reads meanwhile: this is the thread of the loop. Four signs for each file.
        for number in range(limit // 2):
            os.close(os.open(d.inbox / f"{number}.txt", os.O_CREAT | os.O_WRONLY))
        for number in range(5):
            d.write(f"{number}.csv")
        await d.have(5)
        assert lost

    drive(test)


def Inotify_of(loop: asyncio.AbstractEventLoop) -> Inotify:
    from dagu_filewatch import inotify

    return inotify._hubs[loop]


@pytest.mark.parametrize("mode", ["inotify", "poll"])
def test_a_name_that_is_no_text_is_passed_as_its_bytes(drive: Drive, mode: str) -> None:
    async def test(d: Any) -> None:
        await d.start()
        name = b"caf\xe9\n.csv"
        (d.inbox / os.fsdecode(name)).write_text("a")
        await d.have(1)
        assert os.fsencode(d.fires[0].env["DAGU_FILE_TRIGGER_NAME"]) == name
        d.fires[0].key.encode()
        str(d.fires[0].info).encode()

    drive(test, mode=mode, pollInterval="200ms")


def test_links_count_only_if_asked_for_and_circles_end(drive: Drive) -> None:
    async def test(d: Any) -> None:
        d.write("sub/x.txt")
        (d.inbox / "sub/loop").symlink_to(d.inbox)
        (d.folder / "outside").mkdir()
        (d.folder / "outside/b.csv").write_text("b")
        d.entry["followSymlinks"] = False
        await d.start()
        (d.inbox / "link").symlink_to(d.folder / "outside")
        d.write("a.csv")
        await d.have(1)
        await d.stop()
        d.entry["followSymlinks"] = True
        await d.start()
        await d.have(2)
        assert d.paths == ["a.csv", "link/b.csv"]
        (d.folder / "outside/c.csv").write_text("c")
        await d.have(3)

    drive(test, settle=0)


def test_pipes_and_sockets_are_never_opened(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        os.mkfifo(d.inbox / "pipe.csv")
        (d.inbox / "folder.csv").mkdir()
        d.write("a.csv")
        await d.have(1)
        assert d.paths == ["a.csv"]

    drive(test)


def test_with_its_folder_lost_only_what_is_new_is_told(drive: Drive) -> None:
    async def test(d: Any) -> None:
        d.write("old.csv")
        await d.start()
        d.write("a.csv")
        await d.have(1)
        await d.stop()
        shutil.rmtree(d.scratch)
        d.scratch.mkdir()
        d.cursor["since"] = time.time() - 0.05
        d.write("b.csv")
        await d.start()
        await d.have(2)
        assert d.paths == ["a.csv", "b.csv"]

    drive(test)


def test_a_leader_that_was_frozen_cannot_spoil_the_memory_of_its_successor(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        old = d._task
        await d.start()
        d.write("a.csv")
        with pytest.raises(Unavailable, match="another scheduler"):
            await old
        await d.have(1)
        assert not d.repeated

    drive(test)


def test_waiting_costs_nothing_and_nothing_stays_open(drive: Drive) -> None:
    async def test(d: Any) -> None:
        for number in range(200):
            d.write(f"{number}.csv")
        await d.start()
        assert opened() == {"anon_inode:inotify", f"{d.scratch}/journal"}
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent = used.ru_utime + used.ru_stime
        # Not until(): the wait itself must not look.
        await asyncio.sleep(1.5)
        used = resource.getrusage(resource.RUSAGE_SELF)
        assert used.ru_utime + used.ru_stime - spent < 0.05
        await d.stop()
        assert opened() == set()

    def opened() -> set[str]:
        found = set()
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):
                found.add(os.readlink(f"/proc/self/fd/{number}"))
        return {each for each in found if each.endswith(("inotify", "/journal", "/journal.new"))}

    drive(test)


@pytest.mark.parametrize(
    ("kind", "blind"),
    [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("ext4", False), ("overlay", False)],
)
def test_network_mounts_are_polled(tmp_path: Path, kind: str, blind: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 0:1 / / rw - ext4 /dev/root rw\n"
        f"2 1 0:2 / {str(tmp_path).replace(' ', chr(92) + '040')} rw shared:1 - {kind} server:/x rw\n"
    )
    assert is_blind(str(tmp_path / "in/missing"), str(mounts)) is blind
    assert not is_blind("/elsewhere", str(mounts))
