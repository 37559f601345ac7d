"""A real scheduler with real runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .servers import PASSWORD, Server

PATIENCE = 25.0


class Service:
    """A home folder, and a scheduler that can be started and killed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "dags").mkdir()
        known = {key: value for key, value in os.environ.items() if not key.startswith("DAGU_")}
        self._environment = {**known, "DAGU_HOME": str(home), "PARTNER_PASSWORD": PASSWORD}
        self._processes: list[subprocess.Popen[bytes]] = []

    def write(self, server: Server, **more: Any) -> None:
        """A DAG that notes each file of the server."""
        given = {"watch": f"{server.at}*.csv", "settle": 0, "pollInterval": "200ms", **more}
        entry = {"type": server.kind, **server.config(**given)}
        dag = {
            "secrets": [{"name": "FTP_PASSWORD", "provider": "env", "key": "PARTNER_PASSWORD"}],
            "triggers": [entry],
            "steps": [{"command": f'echo "$DAGU_FILE_TRIGGER_NAME" >> {self.home}/out'}],
        }
        lines = (f"{key}: {json.dumps(value)}\n" for key, value in dag.items())
        (self.home / "dags/inbox.yaml").write_text("".join(lines))

    def start(self) -> subprocess.Popen[bytes]:
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dagu_core", "scheduler"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def dagu(self, *words: str) -> str:
        command = [sys.executable, "-m", "dagu_core", *words]
        return subprocess.run(
            command, env=self._environment, capture_output=True, check=True, text=True
        ).stdout

    def runs(self) -> int:
        listed = json.loads(self.dagu("history", "inbox", "--json"))
        return len(listed["runs"] if isinstance(listed, dict) else listed)

    def lines(self, name: str) -> list[str]:
        path = self.home / name
        return path.read_text().splitlines() if path.exists() else []

    def until(self, is_so: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < end, f"{what}: {self.lines('log')}"
            time.sleep(0.05)

    def is_watching(self) -> bool:
        return bool(list((self.home / "data/triggers").glob("*/*/journal")))

    def close(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("kind", ["vsftpd", "sshd", "ftps"])
def test_three_files_are_three_runs_whatever_is_killed(
    service: Service, kind: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(kind)
    if kind == "vsftpd":
        service.write(server, password="${FTP_PASSWORD}")
    else:
        service.write(server)
    process = service.start()
    service.until(service.is_watching, "the trigger works")
    (server.root / "0.csv").write_text("a")
    service.until(lambda: service.lines("out") == ["0.csv"], "the first run")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for number in (1, 2, 3):
        (server.root / f"{number}.csv").write_text("a")
    service.start()
    service.until(lambda: len(service.lines("out")) >= 4, "three more runs")
    time.sleep(1)  # five empty looks
    assert sorted(service.lines("out")) == [f"{number}.csv" for number in range(4)]
    assert service.runs() == 4
    assert PASSWORD not in "".join(service.lines("log"))


def test_a_server_that_is_away_leaves_a_reason_and_no_history(
    service: Service, own_vsftpd: Callable[..., Server]
) -> None:
    server = own_vsftpd()
    service.write(server)
    service.start()
    service.until(service.is_watching, "the trigger works")
    server.kill()
    service.until(lambda: "next try is in" in service.dagu("schedule", "list"), "the reason is told")
    assert PASSWORD not in service.dagu("schedule", "list")
    assert service.runs() == 0
    server.begin()
    (server.root / "late.csv").write_text("a")
    service.until(lambda: service.lines("out") == ["late.csv"], "the run")
    assert "Traceback" not in "".join(service.lines("log"))
