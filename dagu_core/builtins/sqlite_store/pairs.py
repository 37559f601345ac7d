"""The work on signals, leases and key-value pairs, inside a transaction of the caller."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence

from dagu_core.base.errors import Conflict, Unavailable
from dagu_core.builtins.sqlite_store.rows import STATUSES
from dagu_core.builtins.sqlite_store.runs import run_number
from dagu_core.contracts.store import Versioned
from dagu_core.model.run.codec import Damaged, decode_signal, encode_signal, load_json
from dagu_core.model.run.run import RunRef
from dagu_core.model.run.signals import Signal

DB = sqlite3.Connection
# Expired pairs stay a while, so that a late writer meets a version that has moved on.
KEEP_EXPIRED = 86_400.0


def leave_signal(db: DB, ref: RunRef, signal: Signal) -> None:
    """Put a signal where the owner of the run finds it, as long as that is not over."""
    run = run_number(db, ref)
    (status,) = db.execute("SELECT status FROM runs WHERE id = ?", (run,)).fetchone()
    if not (status in STATUSES and STATUSES[status].is_over):
        db.execute("INSERT INTO signals (run, body) VALUES (?, ?)", (run, encode_signal(signal)))


def any_signal(db: DB) -> bool:
    """Whether any run has a signal waiting."""
    return db.execute("SELECT 1 FROM signals LIMIT 1").fetchone() is not None


def signals(db: DB, refs: Sequence[RunRef]) -> dict[RunRef, list[Signal]]:
    """The signals of these runs that wait."""
    waiting: dict[RunRef, list[Signal]] = {}
    for ref in dict.fromkeys(refs):
        rows = db.execute(
            "SELECT s.body FROM runs r JOIN signals s ON s.run = r.id"
            " WHERE r.run_id = ? AND r.dag = ? ORDER BY s.id",
            (ref.run_id, ref.dag),
        ).fetchall()
        for (body,) in rows:
            with contextlib.suppress(Damaged):
                waiting.setdefault(ref, []).append(decode_signal(body))
    return {ref: found for ref, found in waiting.items() if found}


def acquire(db: DB, key: str, owner: str, ttl: float, steady: tuple[str, float]) -> int | None:
    """Hold or renew a lease; one of an earlier boot is over."""
    boot, now = steady
    row = db.execute("SELECT owner, fence, expires_at, boot FROM leases WHERE key = ?", (key,)).fetchone()
    holder, fence, expires_at, its_boot = row or ("", 0, 0.0, "")
    lives = its_boot == boot and expires_at > now
    if lives and holder != owner:
        return None
    if not lives:
        fence += 1
    db.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)", (key, owner, fence, now + ttl, boot))
    return int(fence)


def release(db: DB, key: str, owner: str) -> None:
    """Give a lease back; its fence is remembered."""
    db.execute("UPDATE leases SET owner = '', expires_at = 0 WHERE key = ? AND owner = ?", (key, owner))


def get(db: DB, namespace: str, key: str, now: float) -> Versioned | None:
    """The value, unless there is none or it has expired. Raises Unavailable for a damaged one."""
    row = db.execute(
        "SELECT value, version FROM pairs WHERE namespace = ? AND key = ?"
        " AND (expires_at IS NULL OR expires_at > ?)",
        (namespace, key, now),
    ).fetchone()
    if row is None:
        return None
    try:
        return Versioned(load_json(row[0]), row[1])
    except Damaged as error:
        raise Unavailable(f"the stored value of {namespace}/{key} is damaged: {error}") from None


def put(
    db: DB, namespace: str, key: str, text: str, expected: int | None, expires_at: float | None, now: float
) -> int:
    """Store a value under the version after the last one."""
    row = db.execute(
        "SELECT version, expires_at FROM pairs WHERE namespace = ? AND key = ?", (namespace, key)
    ).fetchone()
    last, until = row or (0, None)
    version = 0 if until is not None and until <= now else last
    if expected is not None and expected != version:
        raise Conflict(f"{namespace}/{key} has version {version}, not {expected}", version=version)
    db.execute(
        "INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?, ?)", (namespace, key, text, last + 1, expires_at)
    )
    if expires_at is not None:
        db.execute("DELETE FROM pairs WHERE expires_at < ?", (now - KEEP_EXPIRED,))
    return int(last) + 1


def remove(db: DB, namespace: str, key: str, now: float) -> bool:
    """Forget a pair; whether there was one."""
    row = db.execute(
        "SELECT expires_at FROM pairs WHERE namespace = ? AND key = ?", (namespace, key)
    ).fetchone()
    db.execute("DELETE FROM pairs WHERE namespace = ? AND key = ?", (namespace, key))
    return row is not None and (row[0] is None or row[0] > now)


def scan(db: DB, namespace: str, prefix: str, limit: int, now: float) -> list[tuple[str, Versioned]]:
    """The pairs whose key starts with `prefix`, in key order; damaged ones are left out."""
    rows = db.execute(
        "SELECT key, value, version FROM pairs WHERE namespace = ? AND key >= ?"
        " AND (expires_at IS NULL OR expires_at > ?) ORDER BY key",
        (namespace, prefix, now),
    )
    found: list[tuple[str, Versioned]] = []
    for key, value, version in rows:
        if len(found) >= limit or not key.startswith(prefix):
            break
        with contextlib.suppress(Damaged):
            found.append((key, Versioned(load_json(value), version)))
    return found
