"""`dagu doctor` in real life: dead runs, strays, a store somebody locks, a folder that went away."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dagu_core.app import decisions
from dagu_core.contracts.store import Change
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus
from dagu_core.testing.requirements import require
from tests.faults.chaos import Home, kill, kill_everything, within
from tests.faults.test_pool import ONE, begin_pool, ended, enqueue, pool, runners_of

#: waits without work until the test lets go of the file
WAITS = "steps: [{name: a, command: 'mark start; flock -s $DAG_ROOT/gate true; mark end'}]"


def examined(home: Home, *words: str, **env: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code of the doctor, and what it found."""
    done = home.cli("doctor", "--json", *words, env=env)
    assert done.err == ""
    return done.code, json.loads(done.out)["findings"]


@pytest.mark.timeout(200)
def test_P22_fifty_kills_leave_no_orphan_once_a_worker_is_there(home: Home) -> None:
    dag, count = home.write("waits", WAITS), 50
    gate = (home.root / "gate").open("w")
    fcntl.flock(gate, fcntl.LOCK_EX)
    for first in range(0, count, 10):
        ids = [f"r{number}" for number in range(first, first + 10)]
        begun = [home.begin("start", f"--run-id={run_id}", dag) for run_id in ids]
        within(30, partial(all_begun, home, ids))
        for process in begun:
            kill(process)
    code, found = examined(home)
    assert code == 1
    dead = [one for one in found if one["check"] == "runs"]
    assert len(dead) == 21 and dead[-1]["message"] == "and 30 more like this"
    gate.close()
    with pool(home):
        within(30, lambda: ended(home, count))
        within(10, lambda: len(home.locks()) == 2)
        assert examined(home) == (0, [])
    assert home.ledger.steps() == home.ledger.steps("end") == ["a"] * count
    assert {run.status for run in home.runs()} == {RunStatus.SUCCEEDED}
    assert home.orphans() == [] == home.locks()
    assert examined(home) == (0, [])


def all_begun(home: Home, ids: list[str]) -> bool:
    return set(ids) <= {entry.run for entry in home.ledger.entries() if entry.what == "start"}


def test_P22_strays_of_a_home_that_is_gone_are_listed_and_ended(home: Home, tmp_path: Path) -> None:
    gone = Home(tmp_path / "gone")
    process = gone.begin("start", gone.write("long", "steps: [{name: a, command: mark start; sleep 300}]"))
    within(15, gone.ledger.steps)
    try:
        kill(process)
        shutil.rmtree(gone.path)
        left = set(gone.orphans())
        code, found = examined(home)
        mine = [one for one in found if str(gone.path) in one["message"]]
        assert code == 1 and mine and all("its home is gone" in one["message"] for one in mine)
        assert set(gone.orphans()) == left, "nothing is ended unasked"
        code, found = examined(home, "--kill")
        assert [one["done"] for one in found if str(gone.path) in one["message"]] == ["ended"] * len(mine)
        within(5, lambda: not gone.orphans())
    finally:
        kill_everything(gone)


def test_S06_a_damaged_item_is_set_aside_and_the_next_begins_at_once(home: Home) -> None:
    dag = home.write("one", ONE)
    enqueue(home, dag, 2)
    sql(home, "UPDATE runs SET body = 'garbage' WHERE run_id = 'r0'")
    with pool(home, runners=1):
        within(3, lambda: home.status("one", "r1") == "succeeded")
        code, (found,) = examined(home)
        assert (code, found["check"], found["where"]) == (1, "records", "run one:r0")
        assert "ended as failed" in examined(home, "--repair")[1][0]["done"]
        assert examined(home) == (0, [])
    assert home.status("one", "r0") == "failed"
    assert home.ledger.steps() == ["a"]


def test_S04_a_damaged_run_of_a_dead_engine_is_left_alone_and_stops_nobody(home: Home) -> None:
    dag = home.write("long", "queue: q\nsteps: [{name: a, command: mark start; sleep 300}]")
    worker = begin_pool(home, runners=1)
    enqueue(home, dag, 1)
    within(10, home.ledger.steps)
    for pid in [worker.pid, *runners_of(home)]:
        os.kill(pid, signal.SIGKILL)
    worker.wait()
    sql(home, "UPDATE runs SET body = substr(body, 5)")
    with pool(home, runners=1):
        enqueue(home, home.write("one", ONE), 1)
        within(5, lambda: home.status("one", "r0") == "succeeded")
        assert home.ledger.steps() == ["a", "a"]
        said = (home.root / "said").read_text()
        assert said.count("long:r0") <= 1, said
        code, found = examined(home, "--fix")
        done = {one["check"]: bool(one["done"]) for one in found}
        assert (code, done["records"], done["processes"]) == (1, True, False)
        # not by --kill: other tests may have strays of their own at the moment
        for one in found:
            if one["check"] == "processes":
                os.kill(int(one["where"].split()[1].rstrip(":")), signal.SIGKILL)
        assert examined(home) == (0, [])
    assert home.status("long", "r0") == "failed"


def test_S18_a_locked_store_is_told_in_time(home: Home) -> None:
    assert home.cli("doctor").code == 0
    database = sqlite3.connect(home.path / "data" / "dagu.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    code, found = examined(home, DAGU_STORE=f"sqlite://{home.path}/data/dagu.db?busy_timeout=1")
    database.execute("ROLLBACK")
    database.close()
    assert time.monotonic() - begun < 10
    assert code == 1 and "locked by another process" in found[0]["message"]


@pytest.mark.parametrize("what", ["newer store", "unusable folder"])
def test_S03_S20_a_worker_that_cannot_use_its_home_says_so_and_ends(home: Home, what: str) -> None:
    assert home.cli("doctor").code == 0
    if what == "newer store":
        sql(home, "PRAGMA user_version = 999")
    else:
        shutil.rmtree(home.path / "data" / "engines", ignore_errors=True)
        (home.path / "data" / "engines").write_text("no folder can be made here")
    done = home.cli("worker", limit=10)
    assert done.code == 5 and "no runner could start" in done.err and "Traceback" not in done.err
    assert ("has schema 999" if what == "newer store" else f"{home.path}/data/engines") in done.err


def test_S03_a_read_only_home_is_told_by_worker_and_doctor(home: Home) -> None:
    assert home.cli("doctor").code == 0
    require(os.geteuid() == 0, "root, to mount a folder read-only")
    path = str(home.path)
    made = subprocess.run(["mount", "--bind", path, path])
    require(made.returncode == 0, "the right to mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", path], check=True)
        done = home.cli("worker", limit=10)
        assert done.code == 5 and f"{path}/data/engines: Read-only file system" in done.err
        code, found = examined(home, "--fix")
        assert code == 1 and "mounted read-only" in found[0]["message"]
        assert found[0]["where"] == f"{path}/data"
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def test_S20_a_newer_store_is_one_finding_in_one_sentence(home: Home) -> None:
    assert home.cli("doctor").code == 0
    sql(home, "PRAGMA user_version = 999")
    done = home.cli("doctor")
    assert done.code == 1 and "has schema 999" in done.out and "Upgrade dagu" in done.out
    assert "Traceback" not in done.out + done.err


def test_S19_a_worker_goes_on_after_its_data_folder_was_removed(home: Home) -> None:
    dag = home.write("one", ONE)
    with pool(home, runners=1):
        enqueue(home, dag, 1)
        within(10, lambda: ended(home, 1))
        shutil.rmtree(home.path / "data")
        enqueue(home, dag, 1)
        within(10, lambda: ended(home, 1))
    assert home.ledger.steps("end") == ["a", "a"]


def test_the_worker_removes_what_is_too_old(home: Home) -> None:
    dag = home.write("one", ONE)
    enqueue(home, dag, 2)

    async def age(app: Any) -> None:
        stored = await app.store.load(RunRef("one", "r0"))
        run = stored.summary
        run.status, run.created_at, run.finished_at = RunStatus.SUCCEEDED, 1.0, 2.0
        await app.store.commit(Change(run))

    home.ask(age)
    sql(home, "UPDATE runs SET created_at = 1.0 WHERE run_id = 'r0'")
    with pool(home, runners=1):
        within(10, lambda: [run.ref.run_id for run in home.runs()] == ["r1"])
        (decision,) = within(5, lambda: home.ask(lambda app: decisions.of(app, "one")))
        assert (decision.kind, decision.reason, decision.count) == ("removed", "retention", 1)


def sql(home: Home, statement: str) -> None:
    database = sqlite3.connect(home.path / "data" / "dagu.db")
    with database:
        database.execute(statement)
    database.close()
