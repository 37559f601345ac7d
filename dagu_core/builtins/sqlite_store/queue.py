"""Queues: runs that wait, slots in use, and who gets the next one."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dagu_core.base.errors import Conflict
from dagu_core.builtins.sqlite_store.rows import GIVEN_BACK, HELD, RUN_COLUMNS, WANTED, to_summary
from dagu_core.builtins.sqlite_store.runs import load, not_found
from dagu_core.contracts.store import QueueState, StoredRun
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus

DB = sqlite3.Connection
QUEUED = f"status = {RunStatus.QUEUED:d}"
TAKES_SLOT = f"status = {RunStatus.RUNNING:d} AND slot > 0"
# Each is bound to its index: walking all runs that are queued or running would do, but not fast.
COUNT_SLOTS = f"SELECT count(*) FROM runs INDEXED BY runs_slots WHERE queue = ? AND slot = ? AND {TAKES_SLOT}"
COUNT_GUESTS = (
    f"SELECT count(*) FROM runs INDEXED BY runs_homes"
    f" WHERE home = ? AND slot = ? AND {TAKES_SLOT} AND home <> ''"
)
COUNT_ALL_SLOTS = (
    f"SELECT queue, slot, count(*) FROM runs INDEXED BY runs_slots WHERE {TAKES_SLOT} GROUP BY queue, slot"
)
COUNT_ALL_GUESTS = (
    f"SELECT home, slot, count(*) FROM runs INDEXED BY runs_homes"
    f" WHERE {TAKES_SLOT} AND home <> '' GROUP BY home, slot"
)
COUNT_WAITING = (
    "SELECT queue, engine, count(*) FROM runs INDEXED BY runs_queued_in"
    f" WHERE {QUEUED} GROUP BY queue, engine"
)
PARENTS = f"SELECT parent FROM runs WHERE {QUEUED} AND queue = ? AND engine > '' AND parent <> ''"
NEXT = f"SELECT dag, run_id FROM runs WHERE {QUEUED} AND queue = ? AND engine = ''"
IN_ORDER = " ORDER BY priority DESC, queued_at, id LIMIT ?"


def claim(
    db: DB, queue: str, engine: str, host: str, limit: int, slots: int | None, ref: RunRef | None
) -> list[StoredRun]:
    """Take queued runs; a damaged one leaves the queue, but is not handed out."""
    if slots is not None:
        free = slots - _count(db, queue, HELD) - _count(db, queue, WANTED)
        limit = min(limit, free if ref else free - _children(db, queue, free))
    claimed: list[StoredRun] = []
    full: list[str] = []
    while len(claimed) < limit:
        sql, values = waiting(queue, ref, full)
        rows = db.execute(sql, (*values, limit - len(claimed))).fetchall()
        if not rows:
            break
        for run, *row in rows:
            summary = to_summary(row)
            if summary.home and slots is not None and not _has_room(db, summary):
                full.append(summary.home)
                continue
            sound = summary.status is RunStatus.QUEUED
            status = RunStatus.RUNNING if sound else RunStatus.NOT_STARTED
            db.execute(
                f"UPDATE runs SET status = ?, slot = {HELD}, fence = fence + 1, engine = ?, host = ?"
                " WHERE id = ?",
                (int(status), engine if sound else "", host if sound else "", run),
            )
            if sound:
                claimed.append(load(db, summary.ref))
    return claimed


def waiting(queue: str, ref: RunRef | None, full: Sequence[str] = ()) -> tuple[str, list[Any]]:
    """The SELECT for runs that may be claimed, but for those whose home is full, with its values;
    their number comes last."""
    sql = f"SELECT id, {RUN_COLUMNS} FROM runs WHERE {QUEUED}"
    if full:
        sql += f" AND home NOT IN ({', '.join('?' * len(full))})"
    if ref is not None:
        sql, values = f"{sql} AND run_id = ? AND dag = ?", [*full, ref.run_id, ref.dag]
        return f"{sql} AND (queue = ? OR ? = '') LIMIT ?", [*values, queue, queue]
    where = " AND queue = ? AND engine = ''" if queue else " AND engine = ''"
    return sql + where + IN_ORDER, [*full, *([queue] if queue else [])]


def hold_slot(db: DB, ref: RunRef, fence: int, held: bool, slots: int | None) -> bool:
    """Give a slot back, take it again, or note that it is wanted."""
    row = db.execute(
        "SELECT id, queue, slot, fence, home, home_slots FROM runs WHERE run_id = ? AND dag = ?",
        (ref.run_id, ref.dag),
    ).fetchone()
    if row is None:
        raise not_found(ref)
    run, queue, before, stored, home, home_slots = row
    if stored != fence:
        raise Conflict(f"run {ref} has another owner (fence {stored}, this request {fence})")
    if not held:
        now = GIVEN_BACK
    elif before == HELD or slots is None:
        now = HELD
    elif _count(db, queue, HELD) < slots and (not home or _count(db, home, HELD) < home_slots):
        now = HELD
    else:
        now = WANTED
    if now != before:
        db.execute("UPDATE runs SET slot = ? WHERE id = ?", (now, run))
    return now == HELD


def queues(db: DB) -> list[QueueState]:
    """The queues in which runs wait or hold a slot."""
    counted: Counter[tuple[str, bool]] = Counter()
    for name, engine, count in db.execute(COUNT_WAITING):
        counted[name, bool(engine)] += count
    used: Counter[str] = Counter()
    for counting in (COUNT_ALL_SLOTS, COUNT_ALL_GUESTS):
        used.update({name: count for name, slot, count in db.execute(counting) if slot == HELD})
    found = []
    for name in sorted({name for name, _ in counted} | used.keys()):
        first = db.execute(NEXT + IN_ORDER, (name, 1)).fetchone()
        found.append(
            QueueState(
                name,
                waiting=counted[name, False],
                slots_used=used[name],
                next=RunRef(*first) if first else None,
                owned=counted[name, True],
            )
        )
    return found


def _count(db: DB, queue: str, slot: int) -> int:
    counted = (db.execute(counting, (queue, slot)).fetchone() for counting in (COUNT_SLOTS, COUNT_GUESTS))
    return sum(int(count) for (count,) in counted)


def _has_room(db: DB, guest: RunSummary) -> bool:
    """Whether the home of a run has a slot for it."""
    return _count(db, guest.home, HELD) + _count(db, guest.home, WANTED) < guest.home_slots


def _children(db: DB, queue: str, most: int) -> int:
    """How many queued sub-DAG runs with a running parent there are; no more than `most` are counted."""
    found = 0
    for (parent,) in db.execute(PARENTS, (queue,)):
        if found >= most:
            break
        dag, _, run_id = parent.partition(":")
        row = db.execute("SELECT status FROM runs WHERE run_id = ? AND dag = ?", (run_id, dag)).fetchone()
        found += row == (RunStatus.RUNNING,)
    return found
