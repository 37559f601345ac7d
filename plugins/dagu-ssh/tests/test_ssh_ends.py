"""How a command on another machine is stopped, and what becomes of it when the connection breaks."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.harness import StepResult, run_step
from dagu_ssh import plugin
from dagu_ssh.remote_shell import MARK


def run(step: Any, *, grace: int = 3, **more: Any) -> StepResult:
    return run_step(step, plugins=[plugin], dag={"maxCleanUpTimeSec": grace}, **more)


@contextmanager
def meanwhile(do: Callable[[], None]) -> Iterator[None]:
    """`do` in a thread, while the block runs."""
    errors: list[BaseException] = []

    def target() -> None:
        try:
            do()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    yield
    thread.join()
    assert not errors, errors


# -- stop ----------------------------------------------------------------------------------------


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
        step = _step(server.getsockname()[1], timeout=30)
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


# -- X05: changed key, cut connection, flood of greetings -----------------------------------------


def test_X05_a_host_key_that_changed_is_refused_and_nothing_runs(sshd: Any, tmp_path: Path) -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHHl6ob0C7SP0OGpzUkuTgPlZd5PkWhzdAMn8oLhGCEk"
    known = tmp_path / "known_hosts"
    known.write_text(f"# mine\n[127.0.0.1]:{sshd.port} {other}\n", "utf-8")
    ran = tmp_path / "ran"
    result = run(sshd.step(f"touch {ran}", knownHostFile=str(known)))
    assert (result.status, result.outcome.exit_code) == ("failed", 255)
    assert "refused, nothing was run" in result.step.error and "HAS CHANGED" in result.step.error
    assert f"{known}, line 2" in result.step.error
    assert not ran.exists()
    assert known.read_text("utf-8") == f"# mine\n[127.0.0.1]:{sshd.port} {other}\n"


@pytest.mark.parametrize("command", ["sleep {nap}", "trap '' TERM; while :; do sleep {nap}; done"])
def test_X05_a_connection_cut_while_the_command_runs_is_lost(
    lab: Any, sshd: Any, proxy: Any, nap: str, command: str
) -> None:
    def cut() -> None:
        lab.within(10, lambda: lab.running(nap))
        proxy.cut()

    with meanwhile(cut):
        result = run(_through(sshd, proxy, command.format(nap=nap)))
    assert result.outcome is not None
    assert (result.status, result.outcome.ended, result.outcome.exit_code) == ("failed", "lost", None)
    assert "was cut while the command ran" in result.step.error
    assert result.step.reason == "lost"
    lab.within(4, lambda: not lab.running(nap))


def test_X05_a_cut_is_no_exit_code_for_a_retry(lab: Any, sshd: Any, proxy: Any, nap: str) -> None:
    def cut() -> None:
        lab.within(10, lambda: lab.running(nap))
        proxy.cut()

    step = {
        **_through(sshd, proxy, f"sleep {nap}"),
        "retryPolicy": {"limit": 1, "intervalSec": 0, "exitCode": [255]},
    }
    with meanwhile(cut):
        result = run(step)
    assert (result.outcome.ended, result.step.attempts) == ("lost", 1)


def test_X05_a_line_that_falls_silent_is_noticed(lab: Any, sshd: Any, proxy: Any, nap: str) -> None:
    def silence() -> None:
        lab.within(10, lambda: lab.running(nap))
        proxy.fall_silent()

    began = time.monotonic()
    with meanwhile(silence):
        result = run(_through(sshd, proxy, f"sleep {nap}", keepAlive=0.5))
    assert result.outcome.ended == "lost"
    assert time.monotonic() - began < 10
    proxy.cut()  # only now the other side can know
    lab.within(4, lambda: not lab.running(nap))


def test_X05_a_stop_that_nobody_confirms_is_told(lab: Any, sshd: Any, proxy: Any, nap: str) -> None:
    def silence() -> bool:
        if lab.running(nap):
            proxy.fall_silent()
            return True
        return False

    result = lab.stop_when(silence, _through(sshd, proxy, f"sleep {nap}"), grace=2)
    assert result.status == "aborted" and result.stopping < 4
    assert b"did not confirm" in result.stderr
    proxy.cut()
    lab.within(4, lambda: not lab.running(nap))


def test_X05_a_silent_command_on_a_living_line_is_let_alone(sshd: Any) -> None:
    result = run(sshd.step("sleep 2; echo done", shell="sh", keepAlive=0.2))
    assert (result.status, result.stdout) == ("succeeded", b"done\n")


@pytest.mark.parametrize(
    "greeting", [b"x" * 65536, b"hello\r\n" * 10000, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
def test_X05_a_flood_of_greetings_or_none_ends_within_the_timeout(greeting: bytes) -> None:
    with _talker(greeting) as port:
        began = time.monotonic()
        result = run(_step(port, timeout=1))
        took = time.monotonic() - began
    assert (result.status, result.outcome.exit_code) == ("failed", 255)
    assert took < 5
    said = result.step.error
    assert "does not answer as an SSH server" in said or "timed out after 1 s" in said
    if greeting.startswith((b"x", b"hello")):
        assert "timed out" not in said, "a flood must not be read to the end of patience"
    assert "Traceback" not in said and "Traceback" not in result.stderr.decode()
    assert len(said) < 1000


def test_X05_a_greeting_that_drips_is_bounded_by_the_timeout() -> None:
    with _talker(b"a\r\n", pause=0.2) as port:
        began = time.monotonic()
        result = run(_step(port, timeout=1))
        assert time.monotonic() - began < 5
    assert "timed out after 1 s" in result.step.error


# -- what stands in for a bad server --------------------------------------------------------------


def _step(port: int, **config: Any) -> dict[str, Any]:
    config = {"host": "127.0.0.1", "port": port, "user": "a", "password": "b", **config}
    return {"type": "ssh", "command": "true", "config": config}


def _through(sshd: Any, proxy: Any, command: str, **config: Any) -> dict[str, Any]:
    known = sshd.folder / "known_of_proxies"
    with known.open("a", encoding="utf-8") as file:
        file.write(f"[127.0.0.1]:{proxy.port} {sshd.host_key}\n")
    config = {"port": proxy.port, "knownHostFile": str(known), "shell": "sh", **config}
    step: dict[str, Any] = sshd.step(command, **config)
    return step


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


@contextmanager
def _talker(greeting: bytes, pause: float = 0.0) -> Iterator[int]:
    """A server that says the same over and over."""
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        try:
            one, _ = server.accept()
        except OSError:
            return
        with one:
            one.settimeout(0.2)
            while not over.wait(pause):
                try:
                    one.sendall(greeting)
                    if not greeting:
                        over.wait(0.1)
                except TimeoutError:
                    continue
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        over.set()
    thread.join(5)


def test_the_mark_is_a_name_of_ours() -> None:
    assert MARK.startswith("DAGU_")
