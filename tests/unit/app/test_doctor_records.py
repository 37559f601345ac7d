"""The doctor finds damaged records, and loses nothing of them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from dagu_core.app.doctor import is_well
from dagu_core.app.requests import StartRequest
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.app.patient import Patient, only


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
