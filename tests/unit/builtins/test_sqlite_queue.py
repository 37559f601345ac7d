"""Queues in the embedded store: damage, several processes, and a long history."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dagu_core.builtins.sqlite_store import SqliteStore, queue
from dagu_core.contracts.store import Change, QueueState
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus
from dagu_core.testing.store_contract import SOURCE, summary
from dagu_core.testing.store_queues import ids, waiting
from tests.faults.embedded_store import damage, with_store

SLOTS = 3


def test_a_damaged_run_leaves_its_queue_and_blocks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def fill(store: SqliteStore) -> None:
        for run in (waiting("bad", queued_at=1.0), waiting("good", queued_at=2.0)):
            await store.create(Change(run), SOURCE)

    async def test(store: SqliteStore) -> None:
        assert ids(await store.claim("q", engine="e", host="h", slots=1)) == ["good"]
        bad = (await store.load(RunRef("a", "bad"))).summary
        assert (bad.status, bad.reason, bad.engine) == (RunStatus.NOT_STARTED, "record_damaged", "")
        assert await store.queues() == [QueueState("q", 0, 1, None)]

    with_store(path, fill)
    damage(path, "UPDATE runs SET body = 'x' WHERE run_id = 'bad'")
    with_store(path, test)


def _claim_in_a_process(path: str, start: Any, results: Any) -> None:
    async def test(store: SqliteStore) -> tuple[list[str], int]:
        mine: list[str] = []
        most = 0
        for _ in range(10_000):
            claimed = await store.claim("q", engine="e", host="h", limit=2, slots=SLOTS)
            most = max(most, *(state.slots_used for state in await store.queues()), 0)
            mine += ids(claimed)
            for one in claimed:
                one.summary.status = RunStatus.SUCCEEDED
                await store.commit(Change(one.summary))
            states = await store.queues()
            if not claimed and not (states and states[0].waiting):
                break
        return mine, most

    start.wait()
    try:
        results.put(with_store(Path(path), test))
    except BaseException as error:
        results.put(([f"failed: {error!r}"], 0))


@pytest.mark.timeout(120)
def test_processes_that_claim_at_once_never_use_more_slots_than_there_are(tmp_path: Path) -> None:
    async def fill(store: SqliteStore) -> None:
        for number in range(150):
            await store.create(Change(waiting(f"r{number:03}", queued_at=float(number))), SOURCE)

    path = tmp_path / "s.db"
    with_store(path, fill)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    start, results = context.Event(), context.SimpleQueue()
    processes = [
        context.Process(target=_claim_in_a_process, args=(str(path), start, results)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    start.set()
    answers = [results.get() for _ in processes]
    for process in processes:
        process.join()
        process.close()
    claimed = [name for mine, _ in answers for name in mine]
    assert sorted(claimed) == [f"r{number:03}" for number in range(150)]
    assert max(most for _, most in answers) <= SLOTS
    for mine, _ in answers:
        assert mine == sorted(mine)


def test_claims_and_lists_of_queues_never_walk_the_history(tmp_path: Path) -> None:
    async def nothing(store: SqliteStore) -> None:
        await store.create(Change(summary()), SOURCE)

    path = tmp_path / "s.db"
    with_store(path, nothing)
    db = sqlite3.connect(path)
    questions: list[tuple[str, list[Any]]] = [
        (queue.COUNT_SLOTS, ["q", 1]),
        (queue.COUNT_ALL_SLOTS, []),
        (queue.COUNT_GUESTS, ["q", 1]),
        (queue.COUNT_ALL_GUESTS, []),
        (queue.COUNT_WAITING, []),
        (queue.PARENTS, ["q"]),
        (queue.NEXT + queue.IN_ORDER, ["q", 1]),
    ]
    for ref in (None, RunRef("a", "r")):
        for name in ("q", ""):
            for full in ([], ["own", "other"]):
                sql, values = queue.waiting(name, ref, full)
                questions.append((sql, [*values, 1]))
    for sql, values in questions:
        plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values))
        assert "INDEX" in plan and "B-TREE" not in plan, (sql, plan)
        assert any(index in plan for index in ("runs_slots", "runs_homes", "runs_queued", "run_id=?")), plan
    db.close()
