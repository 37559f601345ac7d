"""Queues: runs that wait, slots in use, and who gets the next one."""

from __future__ import annotations

import sqlite3

from dagu_core.builtins.sqlite_store.rows import RUN_COLUMNS, to_summary
from dagu_core.builtins.sqlite_store.runs import load
from dagu_core.contracts.store import QueueState, StoredRun
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus

DB = sqlite3.Connection


def claim(
    db: DB, queue: str, engine: str, host: str, limit: int, slots: int | None, ref: RunRef | None
) -> list[StoredRun]:
    """Take queued runs; a damaged one leaves the queue, but is not handed out."""
    where, values = (" AND queue = ?", [queue]) if queue else ("", [])
    where += " AND engine = ''" if ref is None else " AND run_id = ? AND dag = ?"
    values += [] if ref is None else [ref.run_id, ref.dag]
    if slots is not None:
        limit = min(limit, slots - _slots_used(db, queue))
    claimed: list[StoredRun] = []
    while len(claimed) < limit:
        rows = db.execute(
            f"SELECT id, {RUN_COLUMNS} FROM runs WHERE status = {RunStatus.QUEUED:d}{where}"
            " ORDER BY priority DESC, queued_at, id LIMIT ?",
            (*values, limit - len(claimed)),
        ).fetchall()
        if not rows:
            break
        for run, *row in rows:
            summary = to_summary(row)
            sound = summary.status is RunStatus.QUEUED
            status = RunStatus.RUNNING if sound else RunStatus.NOT_STARTED
            db.execute(
                "UPDATE runs SET status = ?, slot = 1, fence = fence + 1, engine = ?, host = ? WHERE id = ?",
                (int(status), engine if sound else "", host if sound else "", run),
            )
            if sound:
                stored = load(db, summary.ref)
                stored.summary.holds_slot = True
                claimed.append(stored)
    return claimed


def queues(db: DB) -> list[QueueState]:
    """The queues in which runs wait or hold a slot."""
    waiting = dict(
        db.execute(
            f"SELECT queue, count(*) FROM runs WHERE status = {RunStatus.QUEUED:d} AND engine = ''"
            " GROUP BY queue"
        ).fetchall()
    )
    used = dict(
        db.execute(
            f"SELECT queue, count(*) FROM runs WHERE status = {RunStatus.RUNNING:d} AND slot = 1"
            " GROUP BY queue"
        ).fetchall()
    )
    found = []
    for name in sorted(waiting.keys() | used.keys()):
        first = db.execute(
            f"SELECT dag, run_id FROM runs WHERE status = {RunStatus.QUEUED:d} AND queue = ?"
            " AND engine = '' ORDER BY priority DESC, queued_at, id LIMIT 1",
            (name,),
        ).fetchone()
        found.append(
            QueueState(name, waiting.get(name, 0), used.get(name, 0), RunRef(*first) if first else None)
        )
    return found


def _slots_used(db: DB, queue: str) -> int:
    (used,) = db.execute(
        f"SELECT count(*) FROM runs WHERE queue = ? AND status = {RunStatus.RUNNING:d} AND slot = 1", (queue,)
    ).fetchone()
    return int(used)
