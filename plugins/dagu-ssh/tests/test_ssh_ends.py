"""How a command on another machine is stopped, and ends when we do."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dagu_ssh.remote_shell import MARK

from .steps import meanwhile, refused_step, run


def sleepers(lab: Any, word: str, count: int = 1) -> Callable[[], bool]:
    """Whether so many processes sleep."""
    return lambda: sum(line.startswith(f"sleep {word}") for line in lab.running(word)) >= count


def test_a_stop_ends_the_command_there(lab: Any, sshd: Any, nap: str) -> None:
    result = lab.stop_when(sleepers(lab, nap), sshd.step(f"sleep {nap}"))
    assert result.status == "aborted" and result.stopping < 2
    assert not lab.running(nap)


def test_a_timeout_ends_the_command_there(lab: Any, sshd: Any, nap: str) -> None:
    result = run({**sshd.step(f"sleep {nap} & sleep {nap}; echo late", shell="sh"), "timeoutSec": 2})
    assert (result.status, result.step.exit_code, result.stdout) == ("failed", 124, b"")
    assert not lab.running(nap)


def test_a_stop_sends_the_signal_of_the_step(lab: Any, sshd: Any, nap: str) -> None:
    line = f"trap 'echo heard; exit 0' USR1; while :; do sleep {nap} & wait $!; done"
    step = {**sshd.step(line, shell="sh"), "signalOnStop": "SIGUSR1"}
    result = lab.stop_when(sleepers(lab, nap), step)
    assert (result.status, result.stdout) == ("aborted", b"heard\n")
    assert not lab.running(nap)


def test_an_interrupt_is_heard(lab: Any, sshd: Any, nap: str) -> None:
    step = {**sshd.step(f"sleep {nap}"), "signalOnStop": "SIGINT"}
    result = lab.stop_when(sleepers(lab, nap), step, grace=20)
    assert result.status == "aborted" and result.stopping < 5
    assert not lab.running(nap)


def test_what_ignores_the_signal_is_killed_within_the_grace(lab: Any, sshd: Any, nap: str) -> None:
    line = f"trap '' TERM; while :; do sleep {nap}; done"
    result = lab.stop_when(sleepers(lab, nap), sshd.step(line, shell="sh"))
    assert result.status == "aborted" and 1 < result.stopping < 4
    # The end was seen: nobody had to be left behind.
    assert "step.killed" not in result.notes
    assert not lab.running(nap)


def test_what_left_the_session_is_ended_too(lab: Any, sshd: Any, nap: str) -> None:
    line = f"setsid sleep {nap} </dev/null >/dev/null 2>&1 & nohup sleep {nap} >/dev/null 2>&1 & sleep {nap}"
    result = lab.stop_when(sleepers(lab, nap, 3), sshd.step(line, shell="sh"))
    assert result.status == "aborted"
    assert not lab.running(nap)


def test_a_stop_while_output_floods(lab: Any, sshd: Any, nap: str) -> None:
    result = lab.stop_when(lambda: lab.running(f"yes\0{nap}"), sshd.step(f"yes {nap}"))
    assert result.status == "aborted" and result.stopping < 4
    assert not lab.running(nap)


def test_a_stop_without_grace(lab: Any, sshd: Any, nap: str) -> None:
    result = lab.stop_when(sleepers(lab, nap), sshd.step(f"sleep {nap}"), grace=0)
    assert result.status == "aborted"
    lab.within(3, lambda: not lab.running(nap))


def test_a_stop_while_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        step = refused_step(server.getsockname()[1], timeout=30)
        result = run(step, stop_after=0.5)
    assert (result.status, result.left) == ("aborted", ())
    assert result.stopping < 2


def test_a_plain_command_loses_its_connection_at_a_stop(lab: Any, sshd: Any, tmp_path: Path) -> None:
    # Nobody looks after it there; it ends when it writes into the void.
    step = sshd.step(f"touch {tmp_path}/on; while :; do echo on; sleep 0.1; done", plain=True)
    result = lab.stop_when((tmp_path / "on").exists, step)
    assert result.status == "aborted" and result.stopping < 3


def test_the_death_of_our_process_ends_the_command_there(lab: Any, sshd: Any, nap: str) -> None:
    def kill() -> None:
        lab.within(10, lambda: lab.running(f"sleep\0{nap}") or lab.running(nap))
        for pid in _workers():
            os.kill(pid, signal.SIGKILL)

    with meanwhile(kill):
        result = run(sshd.step(f"sleep {nap}"))
    assert (result.status, result.outcome.ended) == ("failed", "lost")
    assert "was killed" in result.step.error
    lab.within(4, lambda: not lab.running(nap))


def _workers() -> list[int]:
    """Processes of steps started by this test process."""
    own = f"DAGU_HOME={os.environ.get('TMPDIR', '/tmp')}/dagu-step-".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line, environ = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"dagu_ssh.work:main" in line and own in environ and _is_ours(int(entry.name)):
            found.append(int(entry.name))
    return found


def _is_ours(pid: int) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()[1])
    return False


def test_the_mark_is_a_name_of_ours() -> None:
    assert MARK.startswith("DAGU_")
