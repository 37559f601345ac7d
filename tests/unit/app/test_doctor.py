"""The doctor finds what is wrong, says where and what to do, and does only what it was asked to."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core.app import disk
from dagu_core.app.app import App
from dagu_core.app.checks import machine, places, strays
from dagu_core.app.checks.finding import Finding, Treatment
from dagu_core.app.disk import Room, room_of
from dagu_core.app.doctor import examine, is_well
from dagu_core.app.requests import StartRequest
from dagu_core.app.services import NAMESPACE
from dagu_core.base.settings import Settings
from dagu_core.cli.verbs.doctor import paragraph
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.store import Change, RunQuery
from dagu_core.engine.liveness import host_name
from dagu_core.engine.processes import MARK
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus, StepStatus
from dagu_core.testing.fakes import FakeClock

FLOW = "steps: [{name: a, command: 'true'}, {name: b, command: 'true'}]"
MANY = 1 << 40


@dataclass
class Patient:
    """A home with a DAG `flow` in it."""

    home: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        environ = {"DAGU_HOME": str(self.home), "HOME": str(self.home), "PATH": os.environ["PATH"]}
        return Settings.load(environ=environ | self.more)

    def examine(self, **treatment: Any) -> list[Finding]:
        host = PluginHost.of(self.settings, discover=False)
        return asyncio.run(examine(self.settings, host, Treatment(**treatment)))

    def ask(self, question: Callable[[App], Awaitable[Any]]) -> Any:
        async def work() -> Any:
            async with App.open(self.settings, discover=False) as app:
                return await question(app)

        return asyncio.run(work())

    def write(self, name: str, text: str) -> None:
        (self.home / "dags").mkdir(parents=True, exist_ok=True)
        (self.home / "dags" / f"{name}.yaml").write_text(text)

    def enqueue(self, run_id: str, dag: str = "flow") -> None:
        self.ask(lambda app: app.runs.enqueue(StartRequest(dag=dag, run_id=run_id)))

    def sql(self, statement: str, *values: object) -> None:
        database = sqlite3.connect(self.home / "data" / "dagu.db")
        with database:
            assert database.execute(statement, values).rowcount
        database.close()

    def change(self, run_id: str, **changes: Any) -> None:
        """Write a run as if its engine had left it so."""

        async def work(app: App) -> None:
            stored = await app.store.load(RunRef("flow", run_id))
            for name, value in changes.items():
                setattr(stored.summary, name, value)
            await app.store.commit(Change(stored.summary))

        self.ask(work)


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    every = strays._processes

    def of_this_test() -> Iterator[strays.Process]:
        return (one for one in every() if str(one.status or one.home).startswith(str(tmp_path)))

    monkeypatch.setattr(strays, "_processes", of_this_test)
    one = Patient(tmp_path / "home")
    one.write("flow", FLOW)
    return one


def only(found: list[Finding]) -> Finding:
    (one,) = found
    assert one.what and one.where and one.advice
    return one


def test_a_fresh_home_and_one_that_was_used_are_well(patient: Patient) -> None:
    assert patient.examine() == []
    patient.ask(lambda app: app.runs.start(StartRequest(dag="flow", run_id="r")))
    assert patient.examine() == []


@pytest.mark.parametrize(
    ("free", "total", "severity", "part"),
    [
        (64 << 20, 1 << 30, None, ""),
        ((64 << 20) - 1, 1 << 30, "error", "disk is full: 64 MiB free, 64 MiB needed"),
        (MANY // 100 - 1, MANY, "error", "disk is full"),
        (MANY // 20 - 1, MANY, "warning", "5.0 % of the disk is free"),
        (MANY // 20 + 1, MANY, None, ""),
    ],
)
def test_a_disk_is_full_low_or_fine(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, free: int, total: int, severity: str | None, part: str
) -> None:
    monkeypatch.setattr(places, "room_of", lambda folder: Room(patient.home, free, total))
    found = places.disks(patient.settings)
    assert [one.severity for one in found] == ([severity] if severity else [])
    assert all(part in one.what for one in found)


def test_a_disk_without_names_for_new_files_is_low(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(patient.home, MANY, MANY, free_names=4, names=100)
    monkeypatch.setattr(places, "room_of", lambda folder: room)
    assert "4 more files" in only(places.disks(patient.settings)).what


def test_the_room_of_a_folder_that_is_not_there_is_that_of_its_parent(tmp_path: Path) -> None:
    room = room_of(tmp_path / "a" / "b")
    assert room is not None and room.folder == tmp_path and 0 < room.free <= room.total
    assert room.needed >= disk.MIN_FREE_BYTES


@pytest.mark.parametrize(
    ("name", "mode", "part"),
    [
        ("data", 0o755, "everybody may read"),
        ("data", 0o770, "group may write"),
        ("dags", 0o777, "everybody may"),
    ],
)
def test_folders_that_others_may_use_are_told(patient: Patient, name: str, mode: int, part: str) -> None:
    patient.examine()
    (patient.home / name).chmod(mode)
    one = only(patient.examine())
    assert part in one.what and one.where == str(patient.home / name) and one.advice.startswith("chmod 0")
    subprocess.run(one.advice.split(), check=True)
    assert patient.examine() == []


def test_a_file_where_a_folder_should_be(patient: Patient) -> None:
    (patient.home / "logs").write_text("")
    assert "no folder" in only(patient.examine()).what


def test_a_store_of_a_newer_version_or_none_at_all_is_one_finding(patient: Patient) -> None:
    patient.examine()
    database = sqlite3.connect(patient.home / "data" / "dagu.db")
    database.execute("PRAGMA user_version = 999")
    database.close()
    one = only(patient.examine())
    assert one.check == "store" and "999" in one.what and "Upgrade" in one.advice
    (patient.home / "data" / "dagu.db").write_bytes(b"this is no database" * 1000)
    assert only(patient.examine()).check == "store"


def test_a_read_only_folder_is_told_with_its_path(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.examine()
    data = patient.home / "data"
    monkeypatch.setattr(places, "_may", lambda path, what: path != data or not what & os.W_OK)
    one = only(places.folders(patient.settings))
    assert "cannot be written" in one.what and one.where == str(data)


def test_a_plugin_that_did_not_load(patient: Patient) -> None:
    (patient.home / "plugins").mkdir()
    (patient.home / "plugins" / "odd.py").write_text("raise RuntimeError('no such luck')\n")
    host = PluginHost.of(patient.settings)
    one = only([one for one in machine.plugins(host) if "odd" in one.what])
    assert "no such luck" in one.what


@pytest.mark.parametrize("where", ["TZ", "setting"])
def test_a_time_zone_nobody_knows(patient: Patient, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setenv("TZ", "Mars/Olympus" if where == "TZ" else "UTC")
    assert len(machine.zone(patient.settings)) == (where == "TZ")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert machine.zone(patient.settings) == []


def test_few_files_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 4096))
    assert "256" in only(machine.limits()).what
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    assert machine.limits() == []


@pytest.mark.parametrize(("back", "told"), [(3600.0, True), (30.0, False)])
def test_a_clock_that_was_set_back(patient: Patient, back: float, told: bool) -> None:
    patient.enqueue("r")

    async def work(app: App) -> list[Finding]:
        (one,) = await app.store.find(RunQuery())
        stood = SimpleNamespace(store=app.store, clock=FakeClock(one.created_at - back))
        return await machine.clock(stood, Treatment())  # type: ignore[arg-type]

    found = patient.ask(work)
    assert bool(found) is told
    assert all("was set back" in one.what and "3600 s" in one.what for one in found)


def test_definitions_that_cannot_be_read_and_schedules_without_a_scheduler(patient: Patient) -> None:
    patient.write("broken", "steps: {")
    patient.write("timed", 'schedule: {start: {at: "2099-01-01T00:00:00Z"}}\nsteps: []')
    broken, timed = patient.examine()
    assert broken.what == "1 definition cannot be read: broken" and broken.advice == "dagu validate broken"
    assert timed.what.startswith("1 scheduled, and no scheduler") and timed.severity == "warning"


# -- records -----------------------------------------------------------------------------------------


def test_a_damaged_run_is_shown_written_out_and_ended_without_loss(patient: Patient, tmp_path: Path) -> None:
    for run_id in ("good", "bad"):
        patient.enqueue(run_id)
    patient.sql("UPDATE runs SET status = 1, engine = 'dead', body = substr(body, 9) WHERE run_id = 'bad'")
    patient.sql("UPDATE runs SET status = 4 WHERE run_id = 'good'")
    one = only(patient.examine())
    assert (one.check, one.where, one.done) == ("records", "run flow:bad", "")
    assert "last status was running" in one.what

    out = tmp_path / "out"
    (found,) = patient.examine(export=out)
    assert not is_well([found])
    saved = json.loads((out / "flow.bad.json").read_text())
    assert saved["run"]["ref"] == {"dag": "flow", "run_id": "bad"}
    assert (out / "flow.bad.json").stat().st_mode & 0o777 == 0o600

    (found,) = patient.examine(fix=True)
    assert is_well([found]) and "ended as failed" in found.done
    assert patient.examine() == []
    run = patient.ask(lambda app: app.store.load(RunRef("flow", "bad"))).summary
    assert run.status is RunStatus.FAILED and "damaged" in run.error


def test_a_damaged_step_ends_its_run_and_is_never_begun_again(patient: Patient) -> None:
    patient.ask(lambda app: app.runs.start(StartRequest(dag="flow", run_id="r")))
    patient.sql("UPDATE steps SET body = '{}' WHERE name = 'b'")
    patient.sql("UPDATE runs SET status = 1, engine = 'dead'")
    assert patient.ask(lambda app: app.runs.recover()) == []
    assert "step b is damaged" in patient.examine()[0].what
    patient.examine(fix=True)
    stored = patient.ask(lambda app: app.store.load(RunRef("flow", "r")))
    assert (stored.summary.status, stored.steps["b"].status) == (RunStatus.FAILED, StepStatus.FAILED)
    assert stored.steps["a"].status is StepStatus.SUCCEEDED
    assert patient.examine() == []


def test_a_broken_file_is_told_by_the_store(patient: Patient) -> None:
    for number in range(40):
        patient.enqueue(f"r{number}")
    path = patient.home / "data" / "dagu.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 5] = bytes(4096 * 2)
    path.write_bytes(content)
    found = patient.examine()
    assert any("malformed" in one.what or "database file" in one.what for one in found)


def test_what_else_is_damaged_is_told(patient: Patient) -> None:
    patient.ask(lambda app: app.runs.start(StartRequest(dag="flow", run_id="r")))
    patient.ask(lambda app: app.store.put("n", "key", 1))
    patient.sql("UPDATE pairs SET value = '{' WHERE namespace = 'n'")
    patient.sql("UPDATE events SET body = '{' WHERE seq = 1")
    patient.sql("UPDATE definitions SET body = '{'")
    told = " / ".join(one.what for one in patient.examine())
    assert "n/key is damaged" in told and "event 1" in told and "definition of the run is damaged" in told


# -- who works ---------------------------------------------------------------------------------------


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


# -- stray processes ---------------------------------------------------------------------------------


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


# -- how it is shown ---------------------------------------------------------------------------------


def test_a_finding_says_what_where_and_what_to_do() -> None:
    one = Finding("locks", "warning", "old locks", "/there", "remove them")
    assert paragraph(one) == "warning: old locks  [locks]\n  where: /there\n  do:    remove them"
    done = Finding("locks", "warning", "old locks", "", "remove them", "removed")
    assert paragraph(done) == "done: old locks  [locks]\n  done:  removed"
    assert is_well([done]) and not is_well([done, one])
