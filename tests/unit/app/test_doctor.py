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
def patient(tmp_path: Path) -> Patient:
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
        (MANY // 20, MANY, None, ""),
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
