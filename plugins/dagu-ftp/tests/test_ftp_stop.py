"""Stops and cuts: nothing is half there under its name, and what is there already is not sent again."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MEGA = 1 << 20


def everything(folder: Path) -> list[str]:
    """All names below a folder, halves included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def halves(folder: Path) -> list[Path]:
    return list(folder.rglob(".part-*"))


def when(condition: Callable[[], Any], action: Callable[[], None]) -> threading.Thread:
    """Does `action` in a thread of its own as soon as `condition` holds."""

    def watch() -> None:
        until = time.monotonic() + 20
        while not condition() and time.monotonic() < until:
            time.sleep(0.005)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def big(path: Path, size: int = 4 * MEGA) -> Path:
    path.write_bytes(os.urandom(size))
    return path


@pytest.mark.parametrize("command", ["upload", "download"])
@pytest.mark.parametrize("kind", ["vsftpd", "sshd"])
def test_a_stop_leaves_nothing_behind(
    request: pytest.FixtureRequest, run: Any, tmp_path: Path, kind: str, command: str
) -> None:
    server = request.getfixturevalue(kind)
    here, there = tmp_path / "here", server.root
    here.mkdir()
    source, target = (here, there) if command == "upload" else (there, here)
    big(source / "big")
    step = server.step(
        command,
        source="here/big" if command == "upload" else f"{server.at}big",
        destination=f"{server.at}copy" if command == "upload" else "here/copy",
        maxBytesPerSec=500_000,
    )
    begun = when(lambda: halves(target), lambda: None)
    done = run(step, stop_after=1.2)
    assert done.status == "aborted"
    assert everything(target) == []
    assert "stopped: 0 of 1 files" in done.stderr
    assert server.connections == 0
    begun.join(0.1)
    assert not begun.is_alive(), "it had not begun"


def test_long_transfers_say_how_far_they_are(vsftpd: Any, run: Any, tmp_path: Path) -> None:
    big(tmp_path / "big")
    step = vsftpd.step("upload", source="big", destination="in/copy", maxBytesPerSec=3_500_000)
    done = run({**step, "config": {**step["config"], "progressSec": 1}})
    assert done.status == "succeeded"
    assert re.match(r"0 of 1 files, \d\.\d MB, \d\.\d MB/s, at big\n", done.stderr)


@pytest.mark.parametrize("command", ["upload", "download"])
def test_a_stop_leaves_no_half_under_its_own_name_either(
    vsftpd: Any, run: Any, tmp_path: Path, command: str
) -> None:
    here, there = tmp_path / "here", vsftpd.root
    here.mkdir()
    source, target = (here, there) if command == "upload" else (there, here)
    big(source / "big")
    step = vsftpd.step(command, maxBytesPerSec=500_000, atomic=False)
    paths = ["here/big", "in/copy"] if command == "upload" else ["in/big", "here/copy"]
    step["config"] |= dict(zip(("source", "destination"), paths, strict=True))
    begun = when(lambda: everything(target) == ["copy"], lambda: None)
    done = run(step, stop_after=0.8)
    assert done.status == "aborted"
    assert everything(target) == []
    begun.join(0.1)
    assert not begun.is_alive(), "it had not begun"


def test_a_stop_while_the_server_is_silent(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = {"host": "127.0.0.1", "port": silent.getsockname()[1], "source": "a", "timeout": 60}
        for kind in ("ftp", "sftp"):
            step = {"type": kind, "command": "upload", "config": config}
            done = run(step, stop_after=0.5, dag={"maxCleanUpTimeSec": 1})
            assert done.status == "aborted"
            assert done.result.stopping < 5


def test_a_silent_server_is_given_up(do: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = {"host": "127.0.0.1", "port": silent.getsockname()[1], "source": "a", "timeout": "300ms"}
        for kind in ("ftp", "ftps", "sftp"):
            done = do({"type": kind, "command": "upload", "config": {**config, "retries": 0}})
            assert (done.status, done.code) == ("failed", 5)


@pytest.mark.parametrize(("kind", "command"), [("own_vsftpd", "upload"), ("own_sshd", "download")])
def test_a_killed_server_leaves_no_file_and_the_retry_resumes(
    request: pytest.FixtureRequest, run: Any, tmp_path: Path, kind: str, command: str
) -> None:
    made = request.getfixturevalue(kind)
    server = made() if callable(made) else made
    here = tmp_path / "here"
    here.mkdir()
    source, target = (here, server.root) if command == "upload" else (server.root, here)
    content = big(source / "big").read_bytes()
    size_of_half: list[int] = []

    def kill() -> None:
        server.kill()
        assert not (target / "copy").exists()
        size_of_half.append(halves(target)[0].stat().st_size)
        server.begin()

    killing = when(lambda: any(each.stat().st_size > MEGA for each in halves(target)), kill)
    step = server.step(
        command,
        source="here/big" if command == "upload" else f"{server.at}big",
        destination=f"{server.at}copy" if command == "upload" else "here/copy",
        maxBytesPerSec=3_000_000,
        retries=0,
    )
    done = run({**step, "retryPolicy": {"limit": 30, "intervalSec": 0}})
    killing.join()
    assert (done.status, done.result.step.attempts > 1) == ("succeeded", True), done.error
    assert (target / "copy").read_bytes() == content
    assert halves(target) == []
    assert 0 < done.report["bytes"] <= len(content) - min(size_of_half[0], MEGA), (
        "it was sent again as a whole"
    )


@pytest.mark.parametrize("command", ["upload", "download"])
def test_a_cut_data_connection_is_opened_again(pyftpd: Any, do: Any, tmp_path: Path, command: str) -> None:
    here = tmp_path / "here"
    here.mkdir()
    source, target = (here, pyftpd.root) if command == "upload" else (pyftpd.root, here)
    content = big(source / "big").read_bytes()
    pyftpd.cut_after.append(2 * MEGA)
    step = pyftpd.step(command, source="here/big" if command == "upload" else "big", verify="sha256")
    step["config"]["destination"] = "copy" if command == "upload" else "here/copy"
    done = do(step)
    assert done.status == "succeeded", done.error
    assert (target / "copy").read_bytes() == content
    assert pyftpd.cut_after == [] and halves(target) == []
    assert ("APPE" if command == "upload" else "REST") in pyftpd.commands


class _CuttingProxy:
    """Hands bytes on to a port; the first connection is cut after so many of them."""

    def __init__(self, port: int, after: int) -> None:
        self._target, self._after, self._first = port, after, True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            behind = socket.create_connection(("127.0.0.1", self._target))
            budget = [self._after] if self._first else []
            self._first = False
            for pair in ((client, behind), (behind, client)):
                threading.Thread(target=self._pass_on, args=(*pair, budget), daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket, budget: list[int]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                if budget:
                    budget[0] -= len(data)
                    if budget[0] < 0:
                        break
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize("command", ["upload", "download"])
def test_X05_a_cut_ssh_connection_is_opened_again(sshd: Any, do: Any, tmp_path: Path, command: str) -> None:
    here = tmp_path / "here"
    here.mkdir()
    source, target = (here, sshd.root) if command == "upload" else (sshd.root, here)
    content = big(source / "big").read_bytes()
    proxy = _CuttingProxy(sshd.port, 3 * MEGA)
    try:
        public = (sshd.root.parent / "host_key.pub").read_text().rsplit(" ", 1)[0]
        step = sshd.step(command, source="here/big" if command == "upload" else "big", port=proxy.port)
        step["config"] |= {"destination": "copy" if command == "upload" else "here/copy", "hostKey": public}
        done = do(step)
    finally:
        proxy.close()
    assert done.status == "succeeded", done.error
    assert (target / "copy").read_bytes() == content
    assert halves(target) == []
    assert done.report["bytes"] < 2 * len(content) - MEGA, "it was sent again as a whole"


def test_a_source_that_changed_is_not_patched_together(sshd: Any, do: Any, tmp_path: Path) -> None:
    first = big(tmp_path / "big").read_bytes()
    proxy = _CuttingProxy(sshd.port, 3 * MEGA)
    try:
        public = (sshd.root.parent / "host_key.pub").read_text().rsplit(" ", 1)[0]
        more = {"port": proxy.port, "hostKey": public, "retries": 0}
        step = sshd.step("upload", source="big", destination="copy", **more)
        assert do(step).code == 5
        assert len(halves(sshd.root)) == 1
        second = big(tmp_path / "big").read_bytes()
        os.utime(tmp_path / "big", (1, 1))
        assert do(step).status == "succeeded"
    finally:
        proxy.close()
    assert first != second == (sshd.root / "copy").read_bytes()
