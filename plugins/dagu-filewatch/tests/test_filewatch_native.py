"""The way of kernels other than Linux, tried on this one."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable
from typing import Any

import pytest

from dagu_filewatch import inotify

Drive = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_inotify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inotify, "IS_HERE", False)


@pytest.mark.parametrize("settle", ["200ms", 0])
def test_changes_are_told_without_polling(drive: Drive, settle: Any) -> None:
    async def test(d: Any) -> None:
        before = len(os.listdir("/proc/self/fd"))
        await d.start()
        d.write("a.csv")
        d.write("new/folder/b.csv")
        await d.have(2)
        d.write("a.csv", "changed")
        await d.have(3)
        (d.inbox / "new/folder/b.csv").unlink()
        await d.have(4)
        assert sorted(d.events) == ["create", "create", "remove", "write"]
        assert d.trigger.health == ""
        await d.stop()
        await d.until(lambda: not [each for each in threading.enumerate() if each.name == "file trigger"])
        await d.until(lambda: len(os.listdir("/proc/self/fd")) <= before)

    drive(test, pollInterval="60s", settle=settle, events=["create", "write", "remove"])


def test_a_folder_that_is_made_again_is_heard_again(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        shutil.rmtree(d.inbox)
        await d.until(lambda: "waiting for" in d.trigger.health)
        d.inbox.mkdir()
        await d.until(lambda: d.trigger.health == "")
        await asyncio.sleep(0.2)
        d.entry["pollInterval"] = "60s"
        d.write("a.csv")
        await d.have(1)

    drive(test, pollInterval="500ms")


def test_a_folder_by_the_name_of_a_link_is_heard(drive: Drive) -> None:
    async def test(d: Any) -> None:
        (d.folder / "link").symlink_to(d.inbox)
        await d.start()
        d.write("a.csv")
        await d.have(1)
        assert d.fires[0].env["DAGU_FILE_TRIGGER_PATH"] == str(d.folder / "link/a.csv")

    drive(test, watch="link/*.csv", pollInterval="60s")
