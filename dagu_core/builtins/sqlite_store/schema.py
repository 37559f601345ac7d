"""The tables, as numbered steps from an empty file to what this code expects."""

from __future__ import annotations

import sqlite3

from dagu_core.base.errors import Unavailable

# `body` is the JSON of the codec and `crc` its checksum; the columns beside it are what queries ask
# for and, for status, fence, seq, engine and host, the truth. `child` = started by another run.
_V1 = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    dag TEXT NOT NULL, run_id TEXT NOT NULL,
    status INTEGER NOT NULL, fence INTEGER NOT NULL, seq INTEGER NOT NULL,
    engine TEXT NOT NULL, host TEXT NOT NULL,
    queue TEXT NOT NULL, priority INTEGER NOT NULL, queued_at REAL NOT NULL,
    created_at REAL NOT NULL, child INTEGER NOT NULL,
    root TEXT NOT NULL, parent TEXT NOT NULL,
    definition TEXT NOT NULL, tags TEXT NOT NULL,
    body TEXT NOT NULL, crc INTEGER NOT NULL,
    UNIQUE (run_id, dag)
);
CREATE INDEX runs_by_time ON runs (created_at);
CREATE INDEX runs_by_time_roots ON runs (created_at) WHERE child = 0;
CREATE INDEX runs_by_dag ON runs (dag, created_at);
CREATE INDEX runs_by_status ON runs (status, created_at);
CREATE INDEX runs_by_queue ON runs (queue, created_at) WHERE queue <> '';
CREATE INDEX runs_by_root ON runs (root, created_at) WHERE root <> '';
CREATE INDEX runs_by_parent ON runs (parent) WHERE parent <> '';
CREATE INDEX runs_by_definition ON runs (definition);
CREATE INDEX runs_queued ON runs (priority DESC, queued_at) WHERE status = 5;
CREATE INDEX runs_queued_in ON runs (queue, priority DESC, queued_at) WHERE status = 5;
CREATE TABLE run_tags (
    tag TEXT NOT NULL, created_at REAL NOT NULL, run INTEGER NOT NULL,
    PRIMARY KEY (tag, created_at, run)
) WITHOUT ROWID;
CREATE INDEX run_tags_by_run ON run_tags (run);
CREATE TABLE steps (
    run INTEGER NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE TABLE events (
    run INTEGER NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE TABLE damaged (run INTEGER NOT NULL, step TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX damaged_by_run ON damaged (run);
CREATE TABLE definitions (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE signals (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX signals_by_run ON signals (run);
CREATE TABLE leases (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, fence INTEGER NOT NULL, expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE pairs (
    namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    version INTEGER NOT NULL, expires_at REAL,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID;
CREATE INDEX pairs_by_expiry ON pairs (expires_at) WHERE expires_at IS NOT NULL;
"""

# `slot`: while it is running the run takes a slot of its queue (1), takes none (0), or wants one (2).
# `queued_at` is the time a waiting run is ordered by, which is not when it was queued if it was moved.
_V2 = """
ALTER TABLE runs ADD COLUMN slot INTEGER NOT NULL DEFAULT 1;
CREATE INDEX runs_slots ON runs (queue, slot) WHERE status = 1 AND slot > 0;
DROP INDEX runs_queued;
DROP INDEX runs_queued_in;
CREATE INDEX runs_queued ON runs (engine, priority DESC, queued_at) WHERE status = 5;
CREATE INDEX runs_queued_in ON runs (queue, engine, priority DESC, queued_at) WHERE status = 5;
"""

# Leases end by a clock that nobody sets: `expires_at` counts the seconds of its `boot`.
_V3 = """
ALTER TABLE leases ADD COLUMN boot TEXT NOT NULL DEFAULT '';
"""

# Some files reached version 3 with other indexes than those of V1 and V2 above.
_V4 = """
DROP INDEX IF EXISTS runs_slots;
DROP INDEX IF EXISTS runs_queued;
DROP INDEX IF EXISTS runs_queued_in;
CREATE INDEX runs_slots ON runs (queue, slot) WHERE status = 1 AND slot > 0;
CREATE INDEX runs_queued ON runs (engine, priority DESC, queued_at) WHERE status = 5;
CREATE INDEX runs_queued_in ON runs (queue, engine, priority DESC, queued_at) WHERE status = 5;
CREATE INDEX IF NOT EXISTS run_tags_by_run ON run_tags (run);
"""

# A run that was sent to another queue takes a slot of the queue of its DAG, its `home`, as well.
_V5 = """
ALTER TABLE runs ADD COLUMN home TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN home_slots INTEGER NOT NULL DEFAULT 0;
CREATE INDEX runs_homes ON runs (home, slot) WHERE status = 1 AND slot > 0 AND home <> '';
"""

# Never edit one that was shipped, not even to repair it: files that have it keep its old form. Add one.
MIGRATIONS: tuple[str, ...] = (_V1, _V2, _V3, _V4, _V5)


def migrate(db: sqlite3.Connection, path: str, *, writable: bool = True) -> None:
    """Bring the file to the newest version; a no-op when it is there already.

    Raises Unavailable when it was written by a newer version of this program, or cannot be
    written although it must be.
    """
    version = _version(db)
    if version > len(MIGRATIONS):
        raise Unavailable(
            f"store {path} has schema {version}, but this version of dagu knows only {len(MIGRATIONS)}",
            hint="Upgrade dagu, or point the setting `store` at another file.",
            path=path,
        )
    if version == len(MIGRATIONS):
        return
    if not writable:
        raise Unavailable(f"store {path} needs an upgrade of its schema, but is read-only", path=path)
    if version == 0:
        db.execute("PRAGMA journal_mode=WAL")
    db.execute("BEGIN EXCLUSIVE")
    try:
        # Another process may have been faster while this one waited for the lock.
        _climb(db, _version(db))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def wrong_indexes(db: sqlite3.Connection) -> dict[str, str]:
    """The indexes that are missing or not as this version makes them, each with its statement."""
    model = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _climb(model, 0)
        due = _indexes_of(model)
    finally:
        model.close()
    there = _indexes_of(db)
    return {name: statement for name, statement in due.items() if there.get(name) != statement}


def _indexes_of(db: sqlite3.Connection) -> dict[str, str]:
    """The statements that made the indexes of a file, by their names."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    return {str(name): " ".join(str(sql).split()) for name, sql in db.execute(query)}


def _climb(db: sqlite3.Connection, version: int) -> None:
    for number in range(version, len(MIGRATIONS)):
        for statement in MIGRATIONS[number].split(";\n"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version={number + 1}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
