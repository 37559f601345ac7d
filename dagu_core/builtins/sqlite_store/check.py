"""Looks through the whole file for what cannot be read any more."""

from __future__ import annotations

import sqlite3

from dagu_core.builtins.sqlite_store.rows import RECORD_DAMAGED, RUN_COLUMNS, to_event, to_step, to_summary
from dagu_core.builtins.sqlite_store.schema import wrong_indexes
from dagu_core.contracts.store import Damage
from dagu_core.model.run.codec import Damaged, decode_source, load_json
from dagu_core.model.run.events import Noted
from dagu_core.model.run.run import RunRef

DB = sqlite3.Connection
#: how many damaged places of one kind are told
MOST = 1000


def check(db: DB) -> list[Damage]:
    """Everything that is wrong, the file itself first. Raises sqlite3.DatabaseError when the file is
    too broken to be walked through."""
    found = [
        Damage(f"the database file: {sentence}")
        for (sentence,) in db.execute("PRAGMA quick_check(20)")
        if sentence != "ok"
    ]
    for look in (_indexes, _runs, _steps, _events, _definitions, _pairs):
        found += look(db)[:MOST]
    return found


def names_of_dags(db: DB) -> list[str]:
    """The names of all DAGs with runs of their own, found by jumps through the index."""
    names: list[str] = []
    row = db.execute("SELECT min(dag) FROM runs").fetchone()
    while row[0] is not None:
        own = db.execute("SELECT 1 FROM runs WHERE dag = ? AND child = 0 LIMIT 1", row).fetchone()
        if own is not None:
            names.append(str(row[0]))
        row = db.execute("SELECT min(dag) FROM runs WHERE dag > ?", row).fetchone()
    return names


def _indexes(db: DB) -> list[Damage]:
    return [
        Damage(
            f"the index {name} is missing or has another form",
            hint=f"stop everything, and run in sqlite3: DROP INDEX IF EXISTS {name}; {statement};",
        )
        for name, statement in wrong_indexes(db).items()
    ]


def _runs(db: DB) -> list[Damage]:
    summaries = (to_summary(row) for row in db.execute(f"SELECT {RUN_COLUMNS} FROM runs"))
    return [Damage(one.error, one.ref) for one in summaries if one.reason == RECORD_DAMAGED]


def _steps(db: DB) -> list[Damage]:
    rows = db.execute("SELECT dag, r.run_id, s.name, s.body, s.crc FROM steps s JOIN runs r ON r.id = s.run")
    return [
        Damage(f"the stored record of step {name} is damaged", RunRef(str(dag), str(run_id)))
        for dag, run_id, name, body, crc in rows
        if to_step(body, crc) is None
    ]


def _events(db: DB) -> list[Damage]:
    rows = db.execute("SELECT dag, r.run_id, e.seq, e.body FROM events e JOIN runs r ON r.id = e.run")
    return [
        Damage(f"event {seq} of the run cannot be read", RunRef(str(dag), str(run_id)))
        for dag, run_id, seq, body in rows
        if isinstance(event := to_event(body), Noted) and event.code == RECORD_DAMAGED
    ]


def _definitions(db: DB) -> list[Damage]:
    found = []
    for key, body in db.execute("SELECT key, body FROM definitions").fetchall():
        try:
            decode_source(body)
        except Damaged:
            query = "SELECT dag, run_id FROM runs WHERE definition = ? LIMIT ?"
            refs = db.execute(query, (key, MOST)).fetchall()
            found += [Damage("the stored definition of the run is damaged", RunRef(*ref)) for ref in refs]
    return found


def _pairs(db: DB) -> list[Damage]:
    found = []
    for namespace, key, value in db.execute("SELECT namespace, key, value FROM pairs"):
        try:
            load_json(value)
        except Damaged:
            found.append(Damage(f"the stored value of {namespace}/{key} is damaged"))
    return found
