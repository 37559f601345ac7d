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
#: writes a line to a file outside when it starts, and a line of output every tenth of a second
COUNT = (
    "sh -c 'echo ran >> /out/ledger; "
    "for i in $(seq {n}); do echo line $i; echo err $i >&2; sleep 0.1; done; exit {code}'"
)
ENDLESS = "sh -c 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done'"


def lines(word: str, count: int) -> str:
    return "".join(f"{word} {number}\n" for number in range(1, count + 1))


def ledger(lab: Any) -> str:
    path = lab.root / "ledger"
    return path.read_text() if path.exists() else ""


def recovered(lab: Any) -> Any:
    lab.call("recover")
    return lab.end(lab.begin("status", "flow"))


@pytest.mark.parametrize("how", ["fresh", "several", "shared"])
def test_X06_a_killed_engine_finds_the_attempt_again(lab: Any, wait: Any, how: str) -> None:
    own = "" if how == "shared" else f"container: {{{BOX}, volumes: ['.:/out']}}"
    dag = f"container: {{{BOX}, volumes: ['.:/out']}}" if how == "shared" else "env: []"
    first = "" if how != "several" else "\n              - echo first"
    process = lab.start(f"""
        {dag}
        steps:
          - name: one
            {own or "env: []"}
            command:{first}
              - {COUNT.format(n=40, code=7)}
        """)
    lab.until_written()
    process.kill()
    process.wait()
    ran = recovered(lab)
    assert (ran.status("one"), ran.step("one")["exitCode"], ran.step("one")["doneCount"]) == ("failed", 7, 1)
    assert ledger(lab) == "ran\n"
    assert ran.out("one").removeprefix("first\n") == lines("line", 40)
    assert ran.err("one") == lines("err", 40)


def test_X06_the_container_is_found_by_its_label_when_everything_of_ours_was_killed(
    lab: Any, engine: Any, wait: Any
) -> None:
    lab.start(f"""
        steps:
          - name: one
            container: {{{BOX}, volumes: ['.:/out']}}
            command: {COUNT.format(n=40, code=0)}
        """)
    lab.until_written()
    lab.kill_all()
    assert len(engine.names()) == 1
    ran = recovered(lab)
    assert (ran.code, ran.status("one"), ran.step("one")["doneCount"]) == (0, "succeeded", 1)
    assert ledger(lab) == "ran\n"
    assert ran.out("one") == lines("line", 40)
    assert ran.err("one") == lines("err", 40)


def test_X06_a_container_that_ended_while_nobody_lived_is_told_as_it_ended(
    lab: Any, engine: Any, wait: Any
) -> None:
    lab.start(f"""
        steps:
          - name: one
            container: {{{BOX}, volumes: ['.:/out']}}
            command: {COUNT.format(n=15, code=9)}
        """)
    lab.until_written()
    lab.kill_all()
    wait(20, lambda: engine.api.containers() == [])
    ran = recovered(lab)
    assert (ran.status("one"), ran.step("one")["exitCode"]) == ("failed", 9)
    assert (ledger(lab), ran.out("one"), ran.err("one")) == ("ran\n", lines("line", 15), lines("err", 15))


def test_X06_a_silent_command_is_found_when_everything_of_ours_was_killed(
    lab: Any, engine: Any, wait: Any
) -> None:
    lab.start(f"""
        container: {{{BOX}, volumes: ['.:/out']}}
        steps:
          - {{name: one, command: ["sh -c 'echo ran >> /out/ledger; echo line 3; sleep 3'", echo after]}}
          - {{name: two, command: hostname}}
        """)
    lab.until_written()
    lab.kill_all()
    ran = recovered(lab)
    assert (ran.status("one"), ran.status("two"), ledger(lab)) == ("succeeded", "succeeded", "ran\n")
    assert ran.out("one") == "line 3\nafter\n"


def test_X06_a_command_nobody_listens_to_is_lost_and_ended(lab: Any, engine: Any, wait: Any) -> None:
    lab.start(f"""
        container: {{{BOX}, volumes: ['.:/out']}}
        handlerOn:
          exit:
            command: sh -c "ps | grep -c '[s]eq 777'; true"
        steps:
          - {{name: one, command: "{COUNT.format(n=777, code=0)}"}}
        """)
    lab.until_written()
    lab.kill_all()
    ran = recovered(lab)
    assert (ran.status("one"), ran.step("one").get("exitCode")) == ("failed", None)
    assert ran.error("one") == "lost: nobody was there to hear how the command ended"
    assert (ledger(lab), ran.out("onExit")) == ("ran\n", "0\n")


def test_X06_a_killed_worker_is_replaced_and_a_stop_still_reaches_the_container(
    lab: Any, engine: Any, wait: Any
) -> None:
    process = lab.start(f"""
        steps:
          - {{name: one, container: {{{BOX}}}, command: "{ENDLESS}"}}
        """)
    lab.until_written()
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


@pytest.mark.parametrize("code", ["137", "3"])
def test_X06_a_container_that_is_killed_from_outside(lab: Any, engine: Any, wait: Any, code: str) -> None:
    line = "trap 'exit 3' TERM; while :; do echo line 3; sleep 0.1; done"
    process = lab.start(f"""
        steps: [{{name: one, container: {{{BOX}}}, command: "sh -c \\"{line}\\""}}]
        """)
    lab.until_written()
    (name,) = engine.names()
    engine.api.kill(name, signal="KILL" if code == "137" else "TERM")
    ran = lab.end(process)
    assert ran.step("one")["exitCode"] == int(code)
    assert f"exit status {code}" in ran.error("one") and ("(killed)" in ran.error("one")) is (code == "137")


def test_X06_a_container_that_is_removed_from_outside_is_lost(lab: Any, engine: Any, wait: Any) -> None:
    process = lab.start(f"""
        steps: [{{name: one, container: {{{BOX}}}, command: "{ENDLESS}"}}]
        """)
    lab.until_written()
    engine.api.remove_container(engine.names()[0], force=True)
    ran = lab.end(process)
    assert ran.status("one") == "failed"
    # Whoever looks first sees it dead, or does not see it at all.
    assert "removed by somebody else" in ran.error("one") or "exit status 137" in ran.error("one")


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
          - {{name: one, container: {{{BOX}, volumes: ['.:/out']}}, command: "{COUNT.format(n=40, code=0)}"}}
        """)
    lab.until_written()
    proxy.cut()
    (log,) = lab.home.rglob("one*.err")
    wait(10, lambda: "the Docker engine is gone; waiting" in log.read_text())
    proxy.listen()
    ran = lab.end(process)
    assert (ran.status("one"), ran.out("one"), ledger(lab)) == ("succeeded", lines("line", 40), "ran\n")


def test_X06_an_engine_that_stays_away_loses_the_attempt(
    lab: Any, engine: Any, proxy: Proxy, wait: Any
) -> None:
    lab.environ["DAGU_DOCKER_RECONNECT_SEC"] = "1"
    process = lab.start(f"""
        steps:
          - {{name: one, container: {{{BOX}, volumes: ['.:/out']}}, command: "{COUNT.format(n=99, code=0)}"}}
        """)
    lab.until_written()
    proxy.cut()
    ran = lab.end(process)
    (name,) = engine.names()
    assert (ran.status("one"), ran.step("one").get("exitCode")) == ("failed", None)
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
    lab.until_written()
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
