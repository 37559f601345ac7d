"""Rows S18 and S19: a store that is locked by another process, or gone, while runs go on."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.step_home import StepHome, within

CHAIN = """
params: N=1
steps:
  - {name: a, command: "echo a >> ledger; touch $DAG_READY; sleep 1; echo end of a >> ledger"}
  - {name: b, command: "echo b >> ledger"}
  - {name: c, command: "echo c >> ledger"}
"""


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Nobody else may write, or open, the store."""
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.fixture
def impatient(here: StepHome) -> StepHome:
    """A home whose commands wait half a second for a locked store."""
    here.environ["DAGU_STORE"] = f"sqlite://{here.home}/data/dagu.db?busy_timeout=0.5"
    return here


def ledger(here: StepHome) -> list[str]:
    return (here.root / "ledger").read_text().splitlines()


def test_S18_a_running_run_outlasts_a_locked_store(impatient: StepHome) -> None:
    here = impatient
    process = here.begin("start", "--run-id", "r1", str(here.write(CHAIN)))
    within(20, here.is_running)
    with locked(here.home / "data" / "dagu.db"):
        within(20, lambda: "end of a" in ledger(here))
        # Far longer than one wait for the lock, which a command does not outlast.
        refused = here.call("enqueue", str(here.write("steps: ['true']", "other")))
        assert (refused.code, "locked by another process" in refused.err) == (5, True), refused.err
        assert refused.seconds < 10
        time.sleep(2)
        assert process.poll() is None
        # Record, then act: nothing begins that could not be written down.
        assert ledger(here) in (["a", "end of a"], ["a", "end of a", "b"])
    done = here.end(process)
    assert done.code == 0, done.err
    assert ledger(here) == ["a", "end of a", "b", "c"]
    events = json.loads(here.call("status", "flow", "--events", "--json").out)
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    told = [(one["type"], one.get("step")) for one in events if one["type"].startswith("attempt_")]
    assert told == [(kind, step) for step in "abc" for kind in ("attempt_started", "attempt_ended")]
    assert [one["at"] for one in events] == sorted(one["at"] for one in events)


def test_S18_a_run_that_waits_no_longer_leaves_its_steps_alone(
    impatient: StepHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever drives it again joins the step, or takes the end it wrote down."""
    here = impatient
    program = (
        "import sys; from dagu_core.engine import record; record.PATIENCE = 0.2;"
        "from dagu_core.cli.main import main; sys.argv[0] = 'dagu'; main()"
    )
    import subprocess
    import sys

    words = ["start", "--run-id", "r1", str(here.write(CHAIN))]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env=here.env(),
        cwd=here.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    within(20, here.is_running)
    with locked(here.home / "data" / "dagu.db"):
        gone = here.end(process)
        assert (gone.code, "locked by another process" in gone.err) == (5, True), gone.err
    done = here.call("recover")
    assert done.code == 0, done.err
    assert ledger(here) == ["a", "end of a", "b", "c"]
    assert here.details()["statusLabel"] == "succeeded"


def test_S19_a_data_folder_that_is_gone_ends_the_command_and_comes_back(here: StepHome) -> None:
    process = here.begin("start", "--run-id", "r1", str(here.write(CHAIN)))
    within(20, here.is_running)
    data = here.home / "data"
    data.rename(here.root / "away")
    gone = here.end(process)
    assert gone.code == 5, gone.err
    assert str(data) in gone.err and "Traceback" not in gone.err
    within(20, lambda: "end of a" in ledger(here))
    # Whatever looked meanwhile may have made an empty one.
    assert here.call("status", "flow").code in (3, 5)
    if data.exists():
        data.rename(here.root / "empty")
    (here.root / "away").rename(data)
    done = here.call("recover")
    assert done.code == 0, done.err
    assert ledger(here) == ["a", "end of a", "b", "c"]
    assert here.details()["statusLabel"] == "succeeded"
