"""The doctor finds what is wrong, says where and what to do, and does only what it was asked to."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagu_core.app import disk
from dagu_core.app.app import App
from dagu_core.app.checks import machine, places
from dagu_core.app.checks.finding import Finding, Treatment
from dagu_core.app.disk import Room, room_of
from dagu_core.app.doctor import is_well
from dagu_core.app.requests import StartRequest
from dagu_core.cli.verbs.doctor import paragraph
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.store import RunQuery
from dagu_core.testing.fakes import FakeClock
from tests.unit.app.patient import MANY, Patient, only


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


# -- how it is shown ---------------------------------------------------------------------------------


def test_a_finding_says_what_where_and_what_to_do() -> None:
    one = Finding("locks", "warning", "old locks", "/there", "remove them")
    assert paragraph(one) == "warning: old locks  [locks]\n  where: /there\n  do:    remove them"
    done = Finding("locks", "warning", "old locks", "", "remove them", "removed")
    assert paragraph(done) == "done: old locks  [locks]\n  done:  removed"
    assert is_well([done]) and not is_well([done, one])
