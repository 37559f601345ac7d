"""A real scheduler with real runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagu_core.testing.scheduler import SchedulerHome

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


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SchedulerHome]:
    (tmp_path / "in").mkdir()
    with SchedulerHome(tmp_path) as made:
        yield made


def test_files_that_come_while_the_scheduler_is_dead_are_run_once(service: SchedulerHome) -> None:
    (service.home / "dags/inbox.yaml").write_text(INBOX)
    process = service.start()
    service.until(lambda: service.watched() == 1, "the trigger works")
    (service.home / "in/0.csv").write_text("a")
    service.until(lambda: service.lines("out") == ["create 0.csv"], "the first run")
    service.kill(process)
    for number in (1, 2, 3):
        (service.home / f"in/{number}.csv").write_text("a")
    service.start()
    service.until(lambda: len(service.lines("out")) >= 4, "three more runs")
    time.sleep(1)
    assert sorted(service.lines("out")) == [f"create {number}.csv" for number in range(4)]


def test_files_that_meet_an_active_run_are_given_up_by_name(service: SchedulerHome) -> None:
    (service.home / "dags/one.yaml").write_text(ONE_AT_A_TIME)
    service.start()
    service.until(lambda: service.watched() == 1, "the trigger works")
    for number in range(5):
        (service.home / f"in/{number}.csv").write_text("a")

    def given_up() -> list[dict[str, str]]:
        return list(json.loads(service.dagu("events", "one", "--kind", "skipped", "--json")))

    service.until(lambda: len(given_up()) == 4, "four are given up")
    service.until(lambda: service.lines("out"), "the run")
    (done,) = service.lines("out")
    names = {Path(each["fire"].split()[1]).name for each in given_up()}
    assert names | {done} == {f"{number}.csv" for number in range(5)}
    findings = json.loads(service.dagu("why", "one", "--json"))
    told = [each for each in findings if each["subject"] == "schedule"]
    assert len(told) == 4 and all(each["fire"] in each["message"] for each in told)


def test_a_file_that_goes_stops_the_run_that_it_began(service: SchedulerHome) -> None:
    (service.home / "dags/follower.yaml").write_text(FOLLOWER)
    service.start()
    service.until(lambda: service.watched() == 2, "the triggers work")
    (service.home / "ready").write_text("")
    service.until(lambda: service.lines("followed"), "the run")
    (service.home / "ready").unlink()

    def statuses() -> list[str]:
        listed = json.loads(service.dagu("history", "follower", "--json"))
        return [run["status"] for run in (listed["runs"] if isinstance(listed, dict) else listed)]

    service.until(lambda: statuses() not in (["running"], [1]), "the stop")
    assert statuses() == ["aborted"]
    assert service.lines("followed") == ["begun"]
