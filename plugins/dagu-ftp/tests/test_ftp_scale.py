"""Large files at flat memory, large folders in proportion."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

MEGA = 1 << 20


@pytest.mark.parametrize("kind", ["vsftpd", "sshd"])
def test_memory_stays_flat_over_100_megabytes(
    request: pytest.FixtureRequest, run: Any, tmp_path: Path, kind: str
) -> None:
    server = request.getfixturevalue(kind)
    with (tmp_path / "big").open("wb") as file:
        file.truncate(100 * MEGA)
    sent = run(server.step("upload", source="big", destination=f"{server.at}big"))
    assert sent.status == "succeeded", sent.error
    fetched = run(server.step("download", source=f"{server.at}big", destination="back"))
    assert fetched.status == "succeeded", fetched.error
    for done in (sent, fetched):
        assert done.report["bytes"] == 100 * MEGA
        assert done.result.outcome.usage["max_rss_kib"] < 80 << 10


def test_2000_small_files_take_commands_in_proportion(pyftpd: Any, do: Any, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for number in range(2000):
        (tmp_path / f"s/{number}").write_bytes(b"x" * (number % 50))
    more = {"recursive": True, "overwrite": "ifNewer", "parallel": 2}
    done = do(pyftpd.step("upload", source="s", destination="d", **more))
    assert len(done.report["transferred"]) == 2000, done.error
    assert len(pyftpd.commands) < 2000 * 7
    pyftpd.commands.clear()
    done = do(pyftpd.step("upload", source="s", destination="d", **more))
    assert len(done.report["skipped"]) == 2000
    assert len(pyftpd.commands) < 50


def test_2000_small_files_of_a_server_without_mlsd(vsftpd: Any, do: Any, tmp_path: Path) -> None:
    for number in range(2000):
        (vsftpd.root / str(number)).write_bytes(b"x" * (number % 50))
    log = vsftpd.root.parent.parent / "log"
    before = log.read_text().count("FTP command")
    step = vsftpd.step("download", source=f"{vsftpd.at}*", destination="d", overwrite="never")
    done = do(step)
    assert len(done.report["transferred"]) == 2000, done.error
    assert len(os.listdir(tmp_path / "d")) == 2000
    assert log.read_text().count("FTP command") - before < 2000 * 3
    again = do(step)
    assert len(again.report["skipped"]) == 2000
