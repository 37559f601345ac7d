"""Files and folders there and back, on a real sshd."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core.contracts.work import Failed
from dagu_core.testing.harness import StepResult, run_step
from dagu_ssh import plugin
from dagu_ssh.connection import Target, connect
from dagu_ssh.copies import Copies


def run(step: Any, **more: Any) -> StepResult:
    return run_step(step, plugins=[plugin], **more)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def copies(sshd: Any, told: list[str]) -> Iterator[Copies]:
    target = Target(
        host="127.0.0.1",
        port=sshd.port,
        user=sshd.user,
        key=str(sshd.key),
        key_passphrase="",
        password="",
        strict_host_key=True,
        known_host_file=str(sshd.known_hosts),
        timeout=10,
    )
    transport = connect(target, told.append)
    try:
        yield Copies(transport, "there", "12345678", told.append)
    finally:
        transport.close()
        transport.join(5)


def test_files_go_before_the_commands_and_come_back_after_them(sshd: Any, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    script = tmp_path / "here" / "work.sh"
    script.write_text("#!/bin/sh\ntr a-z A-Z <$1 >$2\n", "utf-8")
    script.chmod(0o751)
    (tmp_path / "here" / "in").write_text("text", "utf-8")
    there = tmp_path / "there"
    step = {
        **sshd.step(
            f"{there}/work.sh {there}/in {there}/out",
            upload=[{"from": "work.sh", "to": f"{there}/"}, {"from": "in", "to": f"{there}/in"}],
            download={"from": f"{there}/out", "to": "result/out"},
        ),
        "workingDir": str(tmp_path / "here"),
    }
    result = run(step)
    assert result.status == "succeeded", result.step.error
    assert (tmp_path / "here" / "result" / "out").read_text("utf-8") == "TEXT"
    assert stat.S_IMODE((there / "work.sh").stat().st_mode) == 0o751
    assert sorted(path.name for path in there.iterdir()) == ["in", "out", "work.sh"]


def test_a_step_may_only_copy(sshd: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\0\xff")
    assert (
        run(sshd.step(upload={"from": str(tmp_path / "a"), "to": str(tmp_path / "b")})).status == "succeeded"
    )
    assert (tmp_path / "b").read_bytes() == b"\0\xff"


def test_nothing_comes_back_when_a_command_failed(sshd: Any, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    step = sshd.step("exit 3", download={"from": str(tmp_path / "a"), "to": str(tmp_path / "b")})
    assert run(step).outcome.exit_code == 3
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("way", ["upload", "download"])
def test_a_folder(copies: Copies, told: list[str], tmp_path: Path, way: str) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    (source / "in" / "empty").mkdir(parents=True)
    (source / "in" / "ünï \n code").write_bytes(b"x" * 100_000)
    (source / "secret").write_bytes(b"s")
    (source / "secret").chmod(0o600)
    (source / "link").symlink_to("secret")
    (source / "elsewhere").symlink_to("/tmp")
    os.mkfifo(source / "pipe")
    getattr(copies, way)(str(source), str(to))
    found = sorted(str(path.relative_to(to)) for path in to.rglob("*"))
    assert found == ["in", "in/empty", "in/ünï \n code", "link", "secret"]
    assert (to / "in" / "ünï \n code").read_bytes() == b"x" * 100_000
    assert stat.S_IMODE((to / "secret").stat().st_mode) == 0o600
    assert (to / "link").read_bytes() == b"s" and not (to / "link").is_symlink()
    assert len(told) == 2


@pytest.mark.parametrize("way", ["upload", "download"])
def test_a_large_file_replaces_the_old_one_at_once(copies: Copies, tmp_path: Path, way: str) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    source.write_bytes(os.urandom(5 << 20))
    to.write_text("old", "utf-8")
    old = to.open("rb")
    getattr(copies, way)(str(source), str(to))
    assert to.read_bytes() == source.read_bytes()
    with old:
        assert old.read() == b"old"  # somebody who reads the old one is not disturbed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "to"]


@pytest.mark.parametrize("way", ["upload", "download"])
def test_errors_name_the_file_and_leave_nothing(copies: Copies, tmp_path: Path, way: str) -> None:
    (tmp_path / "source").touch()
    (tmp_path / "folder").mkdir()
    copy = getattr(copies, way)
    with pytest.raises(Failed, match=r"cannot copy .*nowhere to .*No such file"):
        copy(str(tmp_path / "nowhere"), str(tmp_path / "to"))
    with pytest.raises(Failed, match="folder"):
        copy(str(tmp_path / "source"), str(tmp_path / "folder"))
    copy(str(tmp_path / "source"), f"{tmp_path}/folder/")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "source", "source"]


def test_a_host_cannot_choose_names_that_lead_out_of_the_folder(
    copies: Copies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").mkdir()
    bad = SimpleNamespace(filename="../out", st_mode=stat.S_IFREG, st_size=0)
    monkeypatch.setattr(copies._sftp, "listdir_attr", lambda path: [bad])
    with pytest.raises(Failed, match="the host shows a file of the name"):
        copies.download(str(tmp_path / "source"), str(tmp_path / "to"))
    assert not (tmp_path / "out").exists()


def test_a_stop_in_the_middle_leaves_no_half_file(sshd: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(20 << 30)
    step = sshd.step(download={"from": str(source), "to": str(tmp_path / "to")})
    result = run(step, dag={"maxCleanUpTimeSec": 4}, stop_after=1.2)
    assert (result.status, result.left) == ("aborted", ())
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
