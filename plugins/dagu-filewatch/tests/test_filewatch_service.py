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

PATIENCE = 25.0

INBOX = """
triggers:
  - type: file
    watch: ../in/*.csv
    settle: 200ms
    params: {SRC: "${DAGU_FILE_TRIGGER_PATH}"}
params: {SRC: none}
maxActiveRuns: 5
steps:
  - command: printf '%s %s\\n' "$DAGU_FILE_TRIGGER_EVENT" "$(basename "$SRC")" >> ../out
"""
ONE_AT_A_TIME = """
overlapPolicy: skip
triggers: [{type: file, watch: ../in/*.csv, settle: 200ms}]
steps:
  - command: echo "$DAGU_FILE_TRIGGER_NAME" >> ../out; sleep 60
"""
FOLLOWER = """
triggers:
  - {type: file, watch: ../ready, events: create, settle: 0}
  - {type: file, watch: ../ready, events: remove, action: stop}
steps:
  - command: echo begun >> ../followed; sleep 60
"""


class Service:
    """A home folder, and a scheduler that can be started and killed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name in ("dags", "in"):
            (home / name).mkdir()
        known = {key: value for key, value in os.environ.items() if not key.startswith("DAGU_")}
        self._environment = {**known, "DAGU_HOME": str(home)}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        log = (self.home / "log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "dagu_core", "scheduler"],
            env=self._environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self._processes.append(process)
        return process

    def dagu(self, *words: str) -> Any:
        made = subprocess.run(
            [sys.executable, "-m", "dagu_core", *words],
            env=self._environment,
            capture_output=True,
            check=True,
        )
        return json.loads(made.stdout)

    def lines(self, name: str) -> list[str]:
        path = self.home / name
        return path.read_text().splitlines() if path.exists() else []

    def until(self, is_so: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < end, f"{what}: {self.lines('log')}"
            time.sleep(0.05)

    def watched(self) -> int:
        """How many triggers are at work."""
        return len(list((self.home / "data/triggers").glob("*/*/journal")))

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


def test_files_that_come_while_the_scheduler_is_dead_are_run_once(service: Service) -> None:
    (service.home / "dags/inbox.yaml").write_text(INBOX)
    process = service.start()
    service.until(lambda: service.watched() == 1, "the trigger works")
    (service.home / "in/0.csv").write_text("a")
    service.until(lambda: service.lines("out") == ["create 0.csv"], "the first run")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for number in (1, 2, 3):
        (service.home / f"in/{number}.csv").write_text("a")
    service.start()
    service.until(lambda: len(service.lines("out")) >= 4, "three more runs")
    time.sleep(1)
    assert sorted(service.lines("out")) == [f"create {number}.csv" for number in range(4)]


def test_files_that_meet_an_active_run_are_given_up_by_name(service: Service) -> None:
    (service.home / "dags/one.yaml").write_text(ONE_AT_A_TIME)
    service.start()
    service.until(lambda: service.watched() == 1, "the trigger works")
    for number in range(5):
        (service.home / f"in/{number}.csv").write_text("a")

    def given_up() -> list[dict[str, str]]:
        return list(service.dagu("events", "one", "--kind", "skipped", "--json"))

    service.until(lambda: len(given_up()) == 4, "four are given up")
    service.until(lambda: service.lines("out"), "the run")
    (done,) = service.lines("out")
    names = {Path(each["fire"].split()[1]).name for each in given_up()}
    assert names | {done} == {f"{number}.csv" for number in range(5)}
    told = [each for each in service.dagu("why", "one", "--json") if each["subject"] == "schedule"]
    assert len(told) == 4 and all(each["fire"] in each["message"] for each in told)


def test_a_file_that_goes_stops_the_run_that_it_began(service: Service) -> None:
    (service.home / "dags/follower.yaml").write_text(FOLLOWER)
    service.start()
    service.until(lambda: service.watched() == 2, "the triggers work")
    (service.home / "ready").write_text("")
    service.until(lambda: service.lines("followed"), "the run")
    (service.home / "ready").unlink()

    def statuses() -> list[str]:
        listed = service.dagu("history", "follower", "--json")
        return [run["status"] for run in (listed["runs"] if isinstance(listed, dict) else listed)]

    service.until(lambda: statuses() not in (["running"], [1]), "the stop")
    assert statuses() == ["aborted"]
    assert service.lines("followed") == ["begun"]
