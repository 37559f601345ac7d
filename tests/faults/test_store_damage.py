"""Damaged records of the embedded store: each test carries the number of its row."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from dagu_core.base.errors import Unavailable
from dagu_core.builtins.sqlite_store import SqliteStore
from dagu_core.contracts.store import Change, RunQuery
from dagu_core.model.run.events import Noted, RunEnded
from dagu_core.model.run.run import RunRef, StepRun
from dagu_core.model.status import RunStatus, StepStatus
from dagu_core.testing.store_contract import SOURCE, summary
from tests.faults.embedded_store import REF, damage, two_runs, value, with_store

BODIES = ["", "{", '{"status":"x"}', "[]", "\x00\x01", '{"ref":{"dag":"z","run_id":"z"}}', None]


@pytest.mark.parametrize("body", BODIES)
def test_S04_a_damaged_run_stays_listed_and_its_text_is_kept(tmp_path: Path, body: str | None) -> None:
    path = tmp_path / "s.db"
    with_store(path, two_runs)
    broken = value(path, "SELECT body FROM runs WHERE run_id = 'r1'")[:40] if body is None else body
    damage(path, "UPDATE runs SET body = ? WHERE run_id = 'r1'", broken)

    async def test(store: SqliteStore) -> None:
        found = {run.ref.run_id: run for run in await store.find(RunQuery())}
        assert found["other"] == summary("other", status=RunStatus.RUNNING)
        stored = await store.load(REF)
        for run in (found["r1"], stored.summary):
            assert (run.ref, run.status, run.reason) == (REF, RunStatus.NOT_STARTED, "record_damaged")
            assert "last status was running" in run.error
        assert stored.steps["good"].status is StepStatus.SUCCEEDED
        assert (stored.summary.started_at, stored.summary.attempt_id, stored.summary.log) == (
            5.0,
            "att",
            "/log",
        )
        run = stored.summary
        run.status = RunStatus.FAILED
        await store.commit(Change(run, events=[RunEnded(9.0, RunStatus.FAILED)]))
        assert (await store.load(REF)).summary.status is RunStatus.FAILED

    with_store(path, test)
    assert value(path, "SELECT body FROM damaged WHERE step = ''") == broken


def test_S04_a_damaged_step_leaves_the_others_readable(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with_store(path, two_runs)
    damage(path, "UPDATE steps SET body = '{\"attempts\":7}' WHERE name = 'bad'")

    async def test(store: SqliteStore) -> None:
        stored = await store.load(REF)
        assert stored.summary.reason == stored.steps["bad"].reason == "record_damaged"
        assert stored.summary.queue == "q"
        assert stored.steps["good"].status is StepStatus.SUCCEEDED
        await store.commit(Change(summary(), {"bad": StepRun()}))
        assert (await store.load(REF)).steps["bad"] == StepRun()

    with_store(path, test)
    assert value(path, "SELECT body FROM damaged WHERE step = 'bad'") == '{"attempts":7}'


def test_S04_a_damaged_event_is_a_note_among_the_others(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with_store(path, two_runs)
    damage(path, "UPDATE events SET body = x'ff00' WHERE seq = 1")

    async def test(store: SqliteStore) -> None:
        (one, first), (two, second) = await store.events(REF)
        assert isinstance(first, Noted) and first.code == "record_damaged"
        assert (one, two, second) == (1, 2, Noted(6.0, "n", "m"))

    with_store(path, test)


def test_S04_a_thousand_bit_flips_never_go_unnoticed_nor_hurt_another_run(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with_store(path, two_runs)
    chance = random.Random(4)
    body = value(path, "SELECT body FROM runs WHERE run_id = 'r1'").encode()
    db = sqlite3.connect(path, isolation_level=None)

    async def test(store: SqliteStore) -> None:
        for _ in range(1000):
            bit = chance.randrange(len(body) * 8)
            flipped = bytearray(body)
            flipped[bit // 8] ^= 1 << bit % 8
            db.execute("UPDATE runs SET body = CAST(? AS TEXT) WHERE run_id = 'r1'", (bytes(flipped),))
            other, run = await store.find(RunQuery())
            assert run.ref == REF and run.reason == "record_damaged"
            assert (await store.load(REF)).summary.reason == "record_damaged"
            assert other.status is RunStatus.RUNNING

    with_store(path, test)
    db.close()


@pytest.mark.parametrize("column", ["status", "fence", "seq", "engine", "created_at", "crc", "priority"])
def test_S04_a_column_of_the_wrong_type_is_damage_and_no_trace(tmp_path: Path, column: str) -> None:
    path = tmp_path / "s.db"
    with_store(path, two_runs)
    damage(path, f"UPDATE runs SET {column} = x'ff' WHERE run_id = 'r1'")

    async def test(store: SqliteStore) -> None:
        assert {run.ref.run_id for run in await store.find(RunQuery())} == {"r1", "other"}
        stored = await store.load(REF)
        if column not in ("priority", "created_at"):
            assert stored.summary.reason == "record_damaged"
        run = summary(status=RunStatus.RUNNING, fence=2)
        await store.commit(Change(run, {"good": StepRun()}))
        assert (await store.load(REF)).summary.reason == ""

    with_store(path, test)


def test_S06_a_damaged_queued_run_does_not_block_the_next(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def queue(store: SqliteStore) -> None:
        for run_id in ("r1", "r2"):
            await store.create(Change(summary(run_id, status=RunStatus.QUEUED, queue="q")), SOURCE)

    async def test(store: SqliteStore) -> None:
        (claimed,) = await store.claim("q", engine="e", host="h")
        assert claimed.summary.ref == RunRef("a", "r2")
        assert await store.claim("q", engine="e", host="h") == []
        assert (await store.load(REF)).summary.reason == "record_damaged"

    with_store(path, queue)
    damage(path, "UPDATE runs SET body = 'x' WHERE run_id = 'r1'")
    with_store(path, test)


def test_S04_a_damaged_pair_is_told_and_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def put(store: SqliteStore) -> None:
        for key in ("bad", "good"):
            await store.put("n", key, 1)

    async def test(store: SqliteStore) -> None:
        with pytest.raises(Unavailable, match="n/bad is damaged"):
            await store.get("n", "bad")
        assert [key for key, _ in await store.scan("n")] == ["good"]
        assert await store.put("n", "bad", 2) == 2
        assert await store.remove("n", "bad")

    with_store(path, put)
    damage(path, "UPDATE pairs SET value = '{' WHERE key = 'bad'")
    with_store(path, test)
