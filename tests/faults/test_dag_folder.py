"""A folder of DAGs in which anything may lie: broken files, half-written ones, and no files at all."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.faults.chaos import Home, within
from tests.faults.test_scheduler_leaders import QUIET, scheduler, stop_all

pytestmark = pytest.mark.timeout(120)

GOOD = 'schedule: "* * * * * *"\noverlapPolicy: allow\nsteps: [mark %s]\n'
BROKEN = (
    "steps: [\n",
    'schedule: "61 * * * *"\nsteps: ["true"]\n',
    "stepz: []\n",
    "steps:\n  - {name: a, depends: nope, command: x}\n",
    "\x00\x01",
)


def folder_of(home: Home) -> Path:
    folder = home.path / "dags"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_Y19_five_hundred_broken_files_are_each_listed_beside_the_good_one(home: Home) -> None:
    folder = folder_of(home)
    for number in range(500):
        (folder / f"b{number:03}.yaml").write_text(BROKEN[number % len(BROKEN)])
    (folder / "good.yaml").write_text('schedule: "0 1 * * *"\nsteps: ["true"]\n')
    listed = home.cli("schedule", "list", "--json")
    rows = {row["name"]: row for row in json.loads(listed.out)}
    assert rows["good"]["next"] and "problem" not in rows["good"]
    for number in range(500):
        row = rows[f"b{number:03}"]
        assert row["file"].endswith(f"b{number:03}.yaml") and row["problem"].startswith(row["file"] + ":")
    told = home.cli("doctor")
    assert told.code == 1 and "500" in told.out and "Traceback" not in told.out + told.err
    assert home.cli("validate", "good").code == 0


def test_Y20_what_is_no_file_is_never_opened_and_a_loop_is_told(home: Home) -> None:
    folder = folder_of(home)
    (folder / "good.yaml").write_text('schedule: "0 1 * * *"\nsteps: ["true"]\n')
    os.mkfifo(folder / "pipe.yaml")  # to open one waits for a writer, for ever
    (folder / "folder.yaml").mkdir()
    (folder / "zero.yaml").symlink_to("/dev/zero")
    (folder / "one.yaml").symlink_to("other.yaml")
    (folder / "other.yaml").symlink_to("one.yaml")
    listed = home.cli("schedule", "list", limit=20)
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] == ["good"]
    assert "one.yaml" in listed.err and "other.yaml" in listed.err
    told = home.cli("doctor", limit=20).out
    assert "one.yaml to other.yaml" in told
    for name in ("pipe", "folder", "zero", "one"):
        for verb in ("validate", "start", "dry"):
            refused = home.cli(verb, name, limit=20)
            assert refused.code == 3 and "there is no DAG" in refused.err
    serving = scheduler(home)
    (folder / "late.yaml").write_text(GOOD % "late")
    within(10, lambda: len(home.ledger.entries()) > 0)
    stop_all(home, [serving])


def test_Y20_a_half_written_file_runs_nothing_until_it_is_whole(home: Home) -> None:
    folder = folder_of(home)
    whole = GOOD % "start"
    half = whole[: whole.index("[mark") + 3]
    path = folder / "slow.yaml"
    path.write_text(half)
    serving = scheduler(home)

    def refused() -> int:
        rows = json.loads(home.cli("events", "slow", "--json").out or "[]")
        return sum(row["kind"] == "refused" and "slow.yaml:3:" in row["message"] for row in rows)

    within(20, lambda: refused() > 1)
    assert home.runs(dag="slow") == []
    path.write_text(whole)
    within(10, lambda: len(home.runs(dag="slow")) > 1)
    path.write_text(half)
    known = refused()
    within(20, lambda: refused() > known)
    path.write_text(whole)
    before = len(home.runs(dag="slow"))
    within(10, lambda: len(home.runs(dag="slow")) > before)
    stop_all(home, [serving])
    assert "failed" not in {run.status.label for run in home.runs(dag="slow")}


def test_Y20_a_thousand_files_at_once_are_all_scheduled(home: Home) -> None:
    folder = folder_of(home)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serving = home.begin("scheduler", "--no-runners", env={**QUIET, "DAGU_SCHEDULER_PORT": str(port)})

    def scheduled() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                return int(json.load(answer)["dags"])
        except OSError:
            return -1  # it is not up yet

    within(15, lambda: scheduled() == 0)
    for number in range(1000):
        (folder / f"d{number:03}.yaml").write_text('schedule: "0 1 * * *"\nsteps: ["true"]\n')
    within(30, lambda: scheduled() == 1000)
    stop_all(home, [serving])
