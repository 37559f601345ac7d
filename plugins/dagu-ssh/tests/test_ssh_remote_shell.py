"""The lines that look after a command there, in every shell this machine has."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
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
    return SHELLS[request.param]


def begin(
    shell: list[str], argv: list[str], *, grace: float = 1.0, path: str = os.environ["PATH"]
) -> subprocess.Popen[bytes]:
    code = remote_shell.bootstrap(TOKEN).removeprefix("exec /bin/sh -c ")
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*shell, "-c", code.strip("'")],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={"PATH": path, "HOME": "/"},
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(remote_shell.lines(argv, {"A": "it's\n$A"}, token=TOKEN, grace=grace))
    process.stdin.flush()
    return process


def wait_for_start(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{TOKEN} start\n".encode()


def test_output_code_and_variables(shell: list[str]) -> None:
    process = begin(shell, ["sh", "-c", 'printf %s "$A"; echo err >&2; exit 7'])
    out, err = process.communicate(timeout=10)
    assert process.returncode == 7
    assert out.decode() == f"{TOKEN} start\nit's\n$A{TOKEN} end 7\n"
    assert err.decode() == f"{TOKEN} start\nerr\n{TOKEN} end 7\n"


def test_a_killed_command_says_nothing_of_itself(shell: list[str]) -> None:
    process = begin(shell, ["sh", "-c", "kill -KILL $$"])
    process.stdin.flush()  # type: ignore[union-attr]
    out, err = process.communicate(timeout=10)
    assert process.returncode == 137
    assert err.decode() == f"{TOKEN} start\n{TOKEN} end 137\n"


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_stop(lab: Any, shell: list[str], nap: str, name: str) -> None:
    process = begin(shell, ["sh", "-c", f"sleep {nap} & sleep {nap}"], grace=30)
    wait_for_start(process)
    process.stdin.write(remote_shell.stop_line(f"SIG{name}", 20))  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]
    process.stdout.read()  # type: ignore[union-attr]
    process.wait(10)
    assert not lab.running(nap)


def test_the_end_of_the_connection(lab: Any, shell: list[str], nap: str) -> None:
    process = begin(
        shell, ["sh", "-c", f"trap '' TERM; setsid sleep {nap} & while :; do sleep {nap}; done"], grace=0.5
    )
    wait_for_start(process)
    lab.within(5, lambda: len(lab.running(nap)) >= 3)
    process.communicate(timeout=10)
    assert not lab.running(nap)


def test_a_host_without_setsid(lab: Any, shell: list[str], nap: str, tmp_path: Path) -> None:
    for word in ("sed", "grep", "sleep", "sh", "true"):
        (tmp_path / word).symlink_to(shutil.which(word) or "")
    process = begin(shell, ["sh", "-c", f"sleep {nap} & sleep {nap}"], grace=0.5, path=str(tmp_path))
    wait_for_start(process)
    lab.within(5, lambda: len(lab.running(nap)) >= 2)
    process.communicate(timeout=10)
    lab.within(2, lambda: not lab.running(nap))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.99])
def test_lines_that_arrive_in_part_start_nothing(shell: list[str], tmp_path: Path, share: float) -> None:
    code = remote_shell.bootstrap(TOKEN).removeprefix("exec /bin/sh -c ").strip("'")
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
