"""What becomes of a command when its connection breaks, or never was one of SSH (X05)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .steps import meanwhile, refused_step, run


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
        result = run(through(sshd, proxy, command.format(nap=nap)))
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
        **through(sshd, proxy, f"sleep {nap}"),
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
        result = run(through(sshd, proxy, f"sleep {nap}", keepAlive=0.5))
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

    result = lab.stop_when(silence, through(sshd, proxy, f"sleep {nap}"), grace=2)
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
        result = run(refused_step(port, timeout=1))
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
        result = run(refused_step(port, timeout=1))
        assert time.monotonic() - began < 5
    assert "timed out after 1 s" in result.step.error


def through(sshd: Any, proxy: Any, command: str, **config: Any) -> dict[str, Any]:
    known = sshd.folder / "known_of_proxies"
    with known.open("a", encoding="utf-8") as file:
        file.write(f"[127.0.0.1]:{proxy.port} {sshd.host_key}\n")
    config = {"port": proxy.port, "knownHostFile": str(known), "shell": "sh", **config}
    step: dict[str, Any] = sshd.step(command, **config)
    return step


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
