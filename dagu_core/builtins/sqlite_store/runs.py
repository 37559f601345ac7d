"""The work on runs, each function inside a transaction of its caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from dagu_core.base.errors import AlreadyExists, Conflict, NotFound
from dagu_core.builtins.sqlite_store.rows import (
    RECORD_DAMAGED,
    RUN_COLUMNS,
    STATUSES,
    checksum,
    find_statement,
    is_sound,
    mark_damaged,
    new_row,
    queued_at,
    to_event,
    to_step,
    to_summary,
    whole,
)
from dagu_core.contracts.store import Change, RunQuery, StoredRun
from dagu_core.model.plan.plan import Source
from dagu_core.model.run.codec import (
    Damaged,
    decode_source,
    dump_json,
    encode_event,
    encode_signal,
    encode_source,
    encode_step,
    encode_summary,
)
from dagu_core.model.run.events import Event, RunEnded, RunReset, RunStarted
from dagu_core.model.run.run import RunRef, RunSummary, StepRun

DB = sqlite3.Connection


def create(db: DB, change: Change, definition: Source) -> None:
    """Add a run, or raise AlreadyExists."""
    row = new_row(change.summary, len(change.events))
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    try:
        run = db.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", list(row.values())).lastrowid
    except sqlite3.IntegrityError:
        raise _already_exists(db, change.summary.ref) from None
    assert run is not None
    key = change.summary.definition
    db.execute("INSERT OR IGNORE INTO definitions VALUES (?, ?)", (key, encode_source(definition)))
    _write_tags(db, run, change.summary)
    _write_steps(db, run, change)
    _write_events(db, run, change, 0)


def commit(db: DB, change: Change) -> None:
    """Write the change if the caller still owns the run."""
    summary = change.summary
    found = db.execute(
        "SELECT id, status, fence, seq, queue, priority, queued_at, home, home_slots, tags, body, crc"
        " FROM runs WHERE run_id = ? AND dag = ?",
        (summary.ref.run_id, summary.ref.dag),
    ).fetchone()
    if found is None:
        raise not_found(summary.ref)
    run, status, fence, seq, *before, tags, old, crc = found
    if whole(fence) > summary.fence:
        raise Conflict(f"run {summary.ref} has another owner (fence {fence}, this commit {summary.fence})")
    if status in STATUSES and STATUSES[status].is_over and not _is_retry(change.events):
        raise Conflict(
            f"run {summary.ref} is over: it {STATUSES[status].label}", status=STATUSES[status].label
        )
    if not is_sound(old, crc):
        db.execute("INSERT INTO damaged VALUES (?, '', ?)", (run, str(old)))
    if not isinstance(seq, int):
        (seq,) = db.execute("SELECT coalesce(max(seq), 0) FROM events WHERE run = ?", (run,)).fetchone()
    body = encode_summary(summary)
    values = [summary.fence, seq + len(change.events), summary.engine, summary.host, body, checksum(body)]
    sets = "fence = ?, seq = ?, engine = ?, host = ?, body = ?, crc = ?"
    now = [summary.queue, summary.priority, queued_at(summary), summary.home, summary.home_slots]
    # Most commits change no indexed column; leaving those out saves the work on four indexes.
    if int(summary.status) != status or now != before:
        sets += ", status = ?, queue = ?, priority = ?, queued_at = ?, home = ?, home_slots = ?"
        values += [int(summary.status), *now]
    db.execute(f"UPDATE runs SET {sets} WHERE id = ?", (*values, run))
    if tags != (new := dump_json(summary.tags)):
        db.execute("UPDATE runs SET tags = ? WHERE id = ?", (new, run))
        db.execute("DELETE FROM run_tags WHERE run = ?", (run,))
        _write_tags(db, run, summary)
    if change.steps:
        _write_steps(db, run, change)
    if change.events:
        _write_events(db, run, change, seq)
    if summary.status.is_over:
        db.execute("DELETE FROM signals WHERE run = ?", (run,))
    for one in change.heard:
        db.execute("DELETE FROM signals WHERE run = ? AND body = ?", (run, encode_signal(one)))


def load(db: DB, ref: RunRef) -> StoredRun:
    """The run as last committed, as far as it can be read."""
    run, status, *row = _row(db, ref)
    summary = to_summary(row)
    steps: dict[str, StepRun] = {}
    complete = True
    for name, body, crc in db.execute("SELECT name, body, crc FROM steps WHERE run = ?", (run,)):
        step = to_step(body, crc)
        complete = complete and step is not None
        steps[name] = step or StepRun(reason=RECORD_DAMAGED)
    if not complete:
        mark_damaged(summary, status)
    if summary.reason == RECORD_DAMAGED and summary.started_at is None:
        _replay(db, run, summary)
    return StoredRun(summary, steps)


def find(db: DB, query: RunQuery) -> list[RunSummary]:
    """The runs that match, newest first."""
    return [to_summary(row) for row in db.execute(*find_statement(query))]


def definition(db: DB, key: str) -> Source:
    """The stored definition."""
    row = db.execute("SELECT body FROM definitions WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise NotFound(f"definition {key!r} is not stored")
    try:
        return decode_source(row[0])
    except Damaged as error:
        raise NotFound(f"definition {key!r} is damaged: {error}") from None


def events(db: DB, ref: RunRef, after: int, limit: int) -> list[tuple[int, Event]]:
    """The events of the run with numbers above `after`."""
    rows = db.execute(
        "SELECT seq, body FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
        (run_number(db, ref), after, max(limit, 0)),
    )
    return [(seq, to_event(body)) for seq, body in rows]


def adopt(db: DB, ref: RunRef, fence: int, engine: str, host: str) -> int:
    """Change the owner if the fence still is `fence`."""
    done = db.execute(
        "UPDATE runs SET fence = fence + 1, engine = ?, host = ?, slot = slot & 1"
        " WHERE run_id = ? AND dag = ? AND fence = ?",
        (engine, host, ref.run_id, ref.dag, fence),
    )
    if done.rowcount == 0:
        run_number(db, ref)
        raise Conflict(f"run {ref} was taken over by another process")
    return fence + 1


def delete(db: DB, refs: Sequence[RunRef]) -> int:
    """Remove the named runs that are not active, and everything below them that is not."""
    removed = 0
    for ref in dict.fromkeys(refs):
        row = db.execute(
            "SELECT id, status FROM runs WHERE run_id = ? AND dag = ?", (ref.run_id, ref.dag)
        ).fetchone()
        if row is None or _is_active(row[1]):
            continue
        removed += 1
        below = db.execute(
            "WITH RECURSIVE below (id, name) AS ("
            " SELECT id, dag || ':' || run_id FROM runs WHERE id = ?"
            " UNION SELECT r.id, r.dag || ':' || r.run_id FROM below JOIN runs r"
            "  ON r.parent = below.name AND r.parent <> ''"
            ") SELECT r.id, r.status, r.definition FROM runs r WHERE r.id IN (SELECT id FROM below)"
            " OR (r.root = ? AND r.root <> '')",
            (row[0], str(ref)),
        ).fetchall()
        for run, status, key in below:
            if not _is_active(status):
                _forget(db, run, key)
    return removed


def run_number(db: DB, ref: RunRef) -> int:
    """The number of the run within this file; raises NotFound."""
    row = db.execute("SELECT id FROM runs WHERE run_id = ? AND dag = ?", (ref.run_id, ref.dag)).fetchone()
    if row is None:
        raise not_found(ref)
    return int(row[0])


def not_found(ref: RunRef) -> NotFound:
    """The error for a run that is not stored."""
    return NotFound(f"run {ref} does not exist")


def _row(db: DB, ref: RunRef) -> list[Any]:
    row = db.execute(
        f"SELECT id, status, {RUN_COLUMNS} FROM runs WHERE run_id = ? AND dag = ?", (ref.run_id, ref.dag)
    ).fetchone()
    if row is None:
        raise not_found(ref)
    return list(row)


def _already_exists(db: DB, ref: RunRef) -> AlreadyExists:
    status = to_summary(_row(db, ref)[2:]).status.label
    return AlreadyExists(f"run id {ref.run_id} already exists", dag=ref.dag, run_id=ref.run_id, status=status)


def _is_retry(found: Sequence[Event]) -> bool:
    return any(isinstance(event, (RunReset, RunStarted)) for event in found)


def _is_active(status: Any) -> bool:
    return status in STATUSES and STATUSES[status].is_active


def _write_tags(db: DB, run: int, summary: RunSummary) -> None:
    rows = [(tag, summary.created_at, run) for tag in dict.fromkeys(summary.tags)]
    db.executemany("INSERT INTO run_tags VALUES (?, ?, ?)", rows)


def _write_steps(db: DB, run: int, change: Change) -> None:
    for name, step in change.steps.items():
        old = db.execute("SELECT body, crc FROM steps WHERE run = ? AND name = ?", (run, name)).fetchone()
        if old is not None and not is_sound(*old):
            db.execute("INSERT INTO damaged VALUES (?, ?, ?)", (run, name, str(old[0])))
        body = encode_step(step)
        db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?)", (run, name, body, checksum(body)))


def _write_events(db: DB, run: int, change: Change, last: int) -> None:
    rows = [(run, last + number, encode_event(event)) for number, event in enumerate(change.events, 1)]
    db.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)


def _replay(db: DB, run: int, summary: RunSummary) -> None:
    for (body,) in db.execute("SELECT body FROM events WHERE run = ? ORDER BY seq", (run,)):
        match to_event(body):
            case RunStarted(at=at, attempt_id=attempt_id, params=params, log=log):
                summary.started_at = at
                summary.attempt_id, summary.params, summary.log = attempt_id, params, log
            case RunEnded(at=at):
                summary.finished_at = at


def _forget(db: DB, run: int, definition_key: str) -> None:
    for table in ("steps", "events", "signals", "damaged", "run_tags"):
        db.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
    db.execute("DELETE FROM runs WHERE id = ?", (run,))
    db.execute(
        "DELETE FROM definitions WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE definition = ?1)",
        (definition_key,),
    )
