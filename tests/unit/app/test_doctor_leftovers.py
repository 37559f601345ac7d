"""The doctor finds what the dead have left: runs, locks, services, processes."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagu_core.app.app import App
from dagu_core.app.checks import strays
from dagu_core.app.checks.finding import Finding
from dagu_core.app.doctor import is_well
from dagu_core.app.requests import StartRequest
from dagu_core.app.services import NAMESPACE
from dagu_core.contracts.executor import MARK
from dagu_core.engine.liveness import host_name
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus
from tests.unit.app.patient import Patient, only


@pytest.fixture
def engine(patient: Patient) -> Iterator[Callable[[str], Path]]:
    """Makes the lock file of an engine, held by this process when it is to live."""
    held = []

    def make(name: str, lives: bool = False) -> Path:
        path = patient.home / "data" / "engines" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
        file.write(f"{os.getpid()}\n")
        file.flush()
        if lives:
            fcntl.flock(file, fcntl.LOCK_EX)
        held.append(file)
        return path

    yield make
    for file in held:
        file.close()


def test_a_run_whose_engine_is_dead(patient: Patient, engine: Callable[..., Path]) -> None:
    patient.enqueue("r")
    patient.change("r", status=RunStatus.RUNNING, engine="gone", host=host_name())
    lock = engine("gone")
    one = only(patient.examine(fix=True))
    assert (one.check, one.where) == ("runs", "run flow:r") and "dagu recover" in one.advice
    assert lock.exists(), "a run still needs it"


def test_lock_files_nobody_needs_are_removed_if_asked(patient: Patient, engine: Callable[..., Path]) -> None:
    patient.examine()
    lock, living = engine("gone"), engine("here", lives=True)
    assert "1 lock file" in only(patient.examine()).what and lock.exists()
    assert is_well(patient.examine(fix=True))
    assert not lock.exists() and living.exists()
    assert patient.examine() == []


def test_a_service_that_says_it_lives(patient: Patient, engine: Callable[..., Path]) -> None:
    engine("here", lives=True)

    async def notes(app: App) -> None:
        for name, host in (("gone", host_name()), ("here", host_name()), ("far", "elsewhere")):
            await app.store.put(NAMESPACE, f"runner/{name}", {"host": host, "pid": 1, "since": 0.0})

    patient.ask(notes)
    (patient.home / "data").chmod(0o750)
    one = only(patient.examine())
    assert "its process is dead" in one.what and "runner gone" in one.where
    assert is_well(patient.examine(fix=True))
    assert patient.examine() == []


def test_runs_that_wait_for_nobody_and_one_that_cannot_begin(patient: Patient) -> None:
    patient.write("other", "queue: slow\nsteps: ['true']")
    for run_id in ("a", "b"):
        patient.enqueue(run_id)
    patient.enqueue("c", "other")
    found = patient.examine()
    assert [(one.what, one.where) for one in found] == [
        ("2 runs wait, and no runner is there", "queue flow"),
        ("1 run waits, and no runner is there", "queue slow"),
    ]
    patient.sql("DELETE FROM definitions WHERE body LIKE '%slow%'")
    found = patient.examine()
    assert found[-1].where == "run other:c in queue slow" and "definition" in found[-1].what


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    monkeypatch.setattr(strays, "YOUNG", 0.05)
    begun = []

    def process(env: dict[str, str], *argv: str) -> subprocess.Popen[bytes]:
        one = subprocess.Popen(argv or ("sleep", "60"), env={"PATH": os.environ["PATH"]} | env)
        begun.append(one)
        until = time.monotonic() + 5
        while Path(f"/proc/{one.pid}/exe").exists() and time.monotonic() < until:
            if os.readlink(f"/proc/{one.pid}/exe") != os.path.realpath(sys.executable):
                break
            time.sleep(0.01)
        return one

    yield process
    for one in begun:
        one.kill()
        one.wait()


def about(found: list[Finding], process: subprocess.Popen[bytes]) -> list[Finding]:
    return [one for one in found if one.where.startswith(f"pid {process.pid}:")]


def token(patient: Patient, run_id: str, attempt: str, index: int = 0, number: int = 1) -> dict[str, str]:
    return {MARK: str(patient.home / "data" / "work" / f"flow.{run_id}" / f"{attempt}.{index}.{number}")}


def test_processes_of_attempts_that_are_over_are_strays(patient: Patient, begin: Any) -> None:
    patient.ask(lambda app: app.runs.start(StartRequest(dag="flow", run_id="over")))
    patient.ask(lambda app: app.runs.start(StartRequest(dag="flow", run_id="now")))
    attempt = patient.ask(lambda app: app.store.load(RunRef("flow", "now"))).summary.attempt_id
    patient.sql("UPDATE runs SET status = 1, engine = 'x' WHERE run_id = 'now'")
    working = begin(token(patient, "now", attempt))
    strangers = [begin({}), begin({MARK: str(patient.home / "elsewhere")}), begin({MARK: "no path"})]
    expected = {
        begin(token(patient, "over", "x")): "run flow:over is over",
        begin(token(patient, "never", "x")): "its run is not on record",
        begin(token(patient, "now", "earlier")): "an earlier attempt of run flow:now is over",
        begin(token(patient, "now", attempt, 1, 0)): "attempt 0 of step b of run flow:now is over",
    }
    found = patient.examine()
    assert {process: [one.what for one in about(found, process)] for process in expected} == {
        process: [why] for process, why in expected.items()
    }
    patient.examine(kill=True)
    assert [process.poll() for process in expected] == [-signal.SIGTERM] * 4
    assert [process.poll() for process in (working, *strangers)] == [None] * 4
    assert not any(about(patient.examine(), process) for process in expected)


def test_processes_of_a_home_that_is_gone_are_strays(
    patient: Patient, begin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, there = tmp_path / "gone", tmp_path / "there"
    for home in ("there", "soon gone"):
        (tmp_path / home / "data").mkdir(parents=True)
    path = "data/work/flow.r/a.0.1"
    known = strays._home_of
    # Only in the eyes of this test: another doctor at work on this machine might end it first.
    monkeypatch.setattr(
        strays, "_home_of", lambda one: gone if "soon gone" in str(one.status) else known(one)
    )
    stubborn = ("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    stray = begin({MARK: str(tmp_path / "soon gone" / path)}, *stubborn)
    others = [begin({MARK: str(there / path)}), begin({"DAGU_HOME": str(gone)})]
    (one,) = about(patient.examine(), stray)
    assert one.what == f"its home is gone: {gone}"
    (one,) = about(patient.examine(kill=True), stray)
    assert one.done == "ended" and stray.wait(5) == -signal.SIGKILL
    assert [process.poll() for process in others] == [None, None]
