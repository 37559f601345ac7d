"""The lines that look after a command there, in every shell this machine has."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.requirements import require
from dagu_ssh import remote_shell
from dagu_ssh.marks import Marks

TOKEN = "0123456789abcdef0123456789abcdef"
#: how each shell is called on a machine that has it as /bin/sh
SHELLS = {
    "dash": ["dash"],
    "bash": ["bash", "--posix"],
    "busybox": ["busybox", "sh"],
    "zsh": ["zsh", "--emulate", "sh"],
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    if request.param in ("bash", "dash", "busybox"):
        require(shutil.which(request.param), f"{request.param}: apt install {request.param}")
    elif not shutil.which(request.param):
        pytest.skip(f"no {request.param} here")
    name, *arguments = SHELLS[request.param]
    return [shutil.which(name) or name, *arguments]


class Wrapped:
    """A command with its lines, run here. Its stdin is the connection."""

    def __init__(self, shell: list[str], argv: list[str], *, grace: float, path: str) -> None:
        pipe = subprocess.PIPE
        code = remote_shell.bootstrap(TOKEN).removeprefix("exec /bin/sh -c '").removesuffix("'")
        env = {"PATH": path, "HOME": "/"}
        self.process = subprocess.Popen(
            [*shell, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, env=env, start_new_session=True
        )
        self.send(remote_shell.lines(argv, {"A": "it's\n$A"}, token=TOKEN, grace=grace))

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_for_start(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{TOKEN} start\n".encode()

    def cut(self) -> None:
        """End the connection, and wait for what that ends."""
        self.process.communicate(timeout=10)

    def end(self) -> tuple[int, str, str]:
        """Its exit code and what it wrote."""
        assert self.process.stdout is not None and self.process.stderr is not None
        out, err = self.process.stdout.read().decode(), self.process.stderr.read().decode()
        return self.process.wait(10), out, err


@pytest.fixture
def begin(shell: list[str]) -> Iterator[Callable[..., Wrapped]]:
    begun: list[Wrapped] = []

    def one(*argv: str, grace: float = 1.0, path: str = os.environ["PATH"]) -> Wrapped:
        begun.append(Wrapped(shell, list(argv), grace=grace, path=path))
        return begun[-1]

    yield one
    for each in begun:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.process.pid, signal.SIGKILL)
        with each.process:
            pass


def test_output_code_and_variables(begin: Any) -> None:
    code, out, err = begin("sh", "-c", 'printf %s "$A"; echo err >&2; exit 7').end()
    assert code == 7
    assert out == f"{TOKEN} start\nit's\n$A{TOKEN} end 7\n"
    assert err == f"{TOKEN} start\nerr\n{TOKEN} end 7\n"


def test_nothing_is_said_of_a_killed_command(begin: Any) -> None:
    code, _, err = begin("sh", "-c", "kill -KILL $$").end()
    assert (code, err) == (137, f"{TOKEN} start\n{TOKEN} end 137\n")


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_stop(lab: Any, begin: Any, nap: str, name: str) -> None:
    command = begin("sh", "-c", f"sleep {nap}; sleep {nap}", grace=30)
    command.wait_for_start()
    command.send(remote_shell.stop_line(f"SIG{name}", 20))
    began = time.monotonic()
    command.end()
    assert time.monotonic() - began < 8
    assert not lab.running(nap)


def test_the_end_of_the_connection(lab: Any, begin: Any, nap: str) -> None:
    line = f"trap '' TERM; setsid sleep {nap} & while :; do sleep {nap}; done"
    command = begin("sh", "-c", line, grace=0.5)
    lab.within(5, lambda: len(lab.running(nap)) >= 3)
    command.cut()
    assert not lab.running(nap)


def test_a_host_without_setsid(lab: Any, begin: Any, nap: str, tmp_path: Path) -> None:
    for word in ("env", "grep", "sleep"):
        (tmp_path / word).symlink_to(shutil.which(word) or "")
    command = begin("/bin/sh", "-c", f"sleep {nap} & sleep {nap}", grace=0.5, path=str(tmp_path))
    lab.within(5, lambda: len(lab.running(nap)) >= 2)
    command.cut()
    assert not lab.running(nap)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.99])
def test_lines_that_arrive_in_part_start_nothing(shell: list[str], tmp_path: Path, share: float) -> None:
    code = remote_shell.bootstrap(TOKEN).removeprefix("exec /bin/sh -c '").removesuffix("'")
    text = remote_shell.lines(["touch", str(tmp_path / "ran")], {}, token=TOKEN, grace=1)
    part = text[: int(len(text) * share)]
    subprocess.run([*shell, "-c", code], input=part, capture_output=True, timeout=10)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 33, 1000])
def test_marks_are_found_however_the_stream_is_cut(size: int) -> None:
    before_in, before_out = os.pipe()
    during_in, during_out = os.pipe()
    marks = Marks(TOKEN.encode(), before_out, during_out)
    body = f"{TOKEN[:20]} {TOKEN}x {TOKEN[:31]}\nend 0".encode()
    data = f"rc noise {TOKEN} start\n".encode() + body + f"{TOKEN} end 3\nlate".encode()
    for at in range(0, len(data), size):
        marks.feed(data[at : at + size])
    marks.flush()
    for each in (before_out, during_out):
        os.close(each)
    with open(before_in, "rb") as before, open(during_in, "rb") as during:
        assert (before.read(), during.read(), marks.code) == (b"rc noise ", body, 3)


def test_signals_have_their_short_names() -> None:
    assert remote_shell.stop_line(signal.SIGTERM.name, 1.26) == b"TERM 13\n"
