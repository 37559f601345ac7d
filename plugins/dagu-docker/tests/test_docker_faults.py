"""Engines of both kinds that go away, and containers that are killed, with real processes."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.harness import offering, run_step
from dagu_docker.config import ContainerField
from dagu_docker.executor import DockerExecutor

BOX = "image: box:1, pullPolicy: never"


def count(name: str, number: int, code: int) -> str:
    """A command that writes a line to a file outside, then a line a moment to both its streams."""
    return (
        f"sh -c 'echo {name} >> /out/ledger; for i in $(seq {number}); "
        f"do echo line $i; echo err $i >&2; sleep 0.1; done; exit {code}'"
    )


ENDLESS = "sh -c 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done'"


def lines(word: str, count: int) -> str:
    return "".join(f"{word} {number}\n" for number in range(1, count + 1))


def ledger(lab: Any) -> list[str]:
    """The names of the commands that were begun."""
    return (lab.root / "ledger").read_text().split()


def recovered(lab: Any) -> Any:
    return lab.end(lab.begin("recover"))


def test_X06_a_killed_engine_finds_its_attempts_again(lab: Any) -> None:
    """One container each, several commands in one, and the container of the DAG."""
    process = lab.start(f"""
        container: {{{BOX}, volumes: ['.:/out']}}
        type: graph
        steps:
          - {{name: fresh, container: {{{BOX}, volumes: ['.:/out']}}, command: "{count("fresh", 30, 7)}"}}
          - name: several
            container: {{{BOX}, volumes: ['.:/out']}}
            command: [echo first, "{count("several", 30, 7)}", echo never]
          - {{name: shared, command: "{count("shared", 30, 7)}"}}
        """)
    lab.until_written("fresh several shared")
    process.kill()
    process.wait()
    ran = recovered(lab)
    for name in ("fresh", "several", "shared"):
        step = ran.step(name)
        assert (ran.status(name), step.exit_code, step.done_count) == ("failed", 7, 1)
        assert ran.out(name).removeprefix("first\n") == lines("line", 30)
        assert ran.err(name) == lines("err", 30)
    assert sorted(ledger(lab)) == ["fresh", "several", "shared"]


def test_X06_attempts_are_found_by_label_when_everything_of_ours_was_killed(
    lab: Any, engine: Any, wait: Any
) -> None:
    """Also what ended while nobody lived; a command that nobody listens to cannot be heard again."""
    lab.start(f"""
        container: {{{BOX}, volumes: ['.:/out']}}
        type: graph
        handlerOn:
          exit:
            command: sh -c "ps | grep -c '[s]eq 777'; true"
        steps:
          - {{name: long, container: {{{BOX}, volumes: ['.:/out']}}, command: "{count("long", 50, 0)}"}}
          - {{name: short, container: {{{BOX}, volumes: ['.:/out']}}, command: "{count("short", 15, 9)}"}}
          - name: silent
            command: ["sh -c 'echo silent >> /out/ledger; echo line 3; sleep 4'", echo after]
          - {{name: talking, command: "{count("talking", 777, 0)}"}}
        """)
    lab.until_written("long short silent talking")
    lab.kill_all()
    wait(20, lambda: any(each["State"] == "exited" for each in engine.api.containers(all=True)))
    ran = recovered(lab)
    assert (ran.status("long"), ran.step("long").done_count) == ("succeeded", 1)
    assert (ran.out("long"), ran.err("long")) == (lines("line", 50), lines("err", 50))
    assert (ran.status("short"), ran.step("short").exit_code) == ("failed", 9)
    assert (ran.out("short"), ran.err("short")) == (lines("line", 15), lines("err", 15))
    assert (ran.status("silent"), ran.out("silent")) == ("succeeded", "line 3\nafter\n")
    assert (ran.status("talking"), ran.step("talking").exit_code) == ("failed", None)
    assert ran.error("talking") == "lost: nobody was there to hear how the command ended"
    assert ran.out("onExit") == "0\n"
    assert sorted(ledger(lab)) == ["long", "short", "silent", "talking"]


def test_X06_a_killed_worker_is_replaced_and_a_stop_still_reaches_the_container(
    lab: Any, engine: Any, wait: Any
) -> None:
    process = lab.start(f"""
        steps:
          - {{name: one, container: {{{BOX}}}, command: "{ENDLESS}"}}
        """)
    lab.until_written("one")
    (worker,) = [pid for pid in lab.processes() if b"dagu_docker.work" in _command(pid)]
    os.kill(worker, signal.SIGKILL)
    (log,) = lab.home.rglob("one*.out")
    seen = log.read_text().count("\n")
    wait(30, lambda: log.read_text().count("\n") > seen + 5)
    assert log.read_text() == lines("line", log.read_text().count("\n"))
    lab.call("stop", "flow")
    assert lab.end(process).status("one") == "aborted"
    assert engine.names() == []


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_X06_a_container_that_is_ended_from_outside(lab: Any, engine: Any) -> None:
    trap = "sh -c 'trap \\\"exit 3\\\" TERM; while :; do echo line 3; sleep 0.1; done'"
    process = lab.start(f"""
        type: graph
        steps:
          - {{name: killed, container: {{{BOX}, name: killed}}, command: "{ENDLESS}"}}
          - {{name: asked, container: {{{BOX}, name: asked}}, command: "{trap}"}}
          - {{name: removed, container: {{{BOX}, name: removed}}, command: "{ENDLESS}"}}
        """)
    lab.until_written("killed asked removed")
    engine.api.kill("killed", signal="KILL")
    engine.api.kill("asked", signal="TERM")
    engine.api.remove_container("removed", force=True)
    ran = lab.end(process)
    assert (ran.step("killed").exit_code, ran.step("asked").exit_code) == (137, 3)
    assert "exit status 137 (killed)" in ran.error("killed") and "(killed)" not in ran.error("asked")
    assert ran.status("removed") == "failed"
    # Whoever looks first sees it dead, or does not see it at all.
    said = ran.error("removed")
    assert "removed by somebody else" in said or "exit status 137" in said


class Proxy:
    """Stands between a client and the engine's socket, and can cut the line."""

    def __init__(self, path: Path, target: str) -> None:
        self.host, self._target = f"unix://{path}", target
        self._path, self._pairs, self._open = path, [], False
        self._server: socket.socket | None = None
        self.listen()

    def listen(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self._path))
        self._server.listen(50)
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                near, _ = server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            self._pairs.append((near, far))
            threading.Thread(target=_pump, args=(near, far), daemon=True).start()

    def cut(self) -> None:
        """From now on nobody answers, and what was open is closed."""
        assert self._server is not None
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._path.unlink(missing_ok=True)
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()


def _pump(near: socket.socket, far: socket.socket) -> None:
    ends = {near: far, far: near}
    with near, far, contextlib.suppress(OSError):
        while ends:
            for one in select.select(list(ends), [], [])[0]:
                other = far if one is near else near
                if data := one.recv(1 << 16):
                    other.sendall(data)
                else:
                    ends.pop(one)
                    other.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(lab: Any, engine: Any) -> Iterator[Proxy]:
    one = Proxy(engine.folder / "p.sock", engine.host.removeprefix("unix://"))
    lab.environ["DOCKER_HOST"] = one.host
    yield one
    with contextlib.suppress(OSError):
        one.cut()


def test_X06_an_engine_that_comes_back_is_followed_on(lab: Any, proxy: Proxy, wait: Any) -> None:
    process = lab.start(f"""
        steps:
          - {{name: one, container: {{{BOX}, volumes: ['.:/out']}}, command: "{count("one", 30, 0)}"}}
        """)
    lab.until_written("one")
    proxy.cut()
    (log,) = lab.home.rglob("one*.err")
    wait(10, lambda: "the Docker engine is gone; waiting" in log.read_text())
    proxy.listen()
    ran = lab.end(process)
    assert (ran.status("one"), ran.out("one"), ledger(lab)) == ("succeeded", lines("line", 30), ["one"])


def test_X06_an_engine_that_stays_away_loses_the_attempt(
    lab: Any, engine: Any, proxy: Proxy, wait: Any
) -> None:
    lab.environ["DAGU_DOCKER_RECONNECT_SEC"] = "1"
    process = lab.start(f"""
        steps:
          - {{name: one, container: {{{BOX}, volumes: ['.:/out']}}, command: "{count("one", 99, 0)}"}}
        """)
    lab.until_written("one")
    proxy.cut()
    ran = lab.end(process)
    (name,) = engine.names()
    assert (ran.status("one"), ran.step("one").exit_code) == ("failed", None)
    assert ran.error("one").startswith(f"lost: unavailable: no Docker engine at {proxy.host}: No such file")
    assert f"the container {name} may go on" in ran.error("one")
    assert "may be left behind" in ran.err("one")
    engine.api.remove_container(name, force=True)


def test_a_stop_during_a_pull_leaves_nothing(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that accepts and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        image = f"127.0.0.1:{silent.getsockname()[1]}/slow:1"
        fields = {"container": ContainerField}
        result = run_step(
            {"container": {"image": image}, "command": "true"},
            plugins=[offering(DockerExecutor, dag_fields=fields)],
            dag={"maxCleanUpTimeSec": 2},
            stop_after=2,
        )
    assert (result.status, result.left) == ("aborted", ())
    assert result.stopping < 2
    assert b"pulling" in result.stderr and b"left behind" not in result.stderr


def test_what_ignores_the_signal_is_killed_within_the_grace(lab: Any, engine: Any, wait: Any) -> None:
    process = lab.start(f"""
        maxCleanUpTimeSec: 1
        steps:
          - name: one
            signalOnStop: SIGINT
            container: {{{BOX}}}
            command: >-
              sh -c "trap 'echo got it' INT; trap 'echo wrong' TERM;
              while :; do echo line 3; sleep 0.2; done"
        """)
    lab.until_written("one")
    lab.call("stop", "flow")
    ran = lab.end(process)
    assert ran.status("one") == "aborted"
    assert "got it" in ran.out("one") and "wrong" not in ran.out("one")
    assert engine.names() == []


def test_twenty_containers_at_once(lab: Any, engine: Any) -> None:
    steps = "\n".join(
        f"  - {{name: s{number}, container: {{{BOX}}}, command: echo {number}}}" for number in range(20)
    )
    ran = lab.run(f"type: graph\nsteps:\n{steps}")
    assert ran.code == 0, ran.said
    assert [ran.out(f"s{number}") for number in range(20)] == [f"{number}\n" for number in range(20)]
