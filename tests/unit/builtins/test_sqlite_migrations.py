"""Migrations of the embedded store: shipped ones stay as they are, and older files come to the same end."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from dagu_core.base.errors import Unavailable
from dagu_core.builtins.sqlite_store import SqliteStore, schema
from dagu_core.builtins.sqlite_store.rows import checksum
from dagu_core.contracts.store import Change, Damage, QueueState
from dagu_core.model.run.codec import encode_summary
from dagu_core.model.run.run import RunRef
from dagu_core.testing.store_contract import SOURCE
from dagu_core.testing.store_queues import ids, running, waiting
from tests.faults.embedded_store import damage, nothing, with_store

#: the shipped migrations, by digest; a new one is added at the end, the others are never changed
SHIPPED = (
    "a185c9aa6962e6fc",
    "792146a2280f35e5",
    "294ec3ca2ed7701c",
    "bd4dc69c5abd217f",
    "dc43e910592acc87",
)

#: how version 1 kept a run
INSERT_1 = (
    "INSERT INTO runs (dag, run_id, status, fence, seq, engine, host, queue, priority, queued_at,"
    " created_at, child, root, parent, definition, tags, body, crc)"
    " VALUES ('a', ?, ?, 1, 0, '', '', 'q', 0, 1.0, 1.0, 0, '', '', 'd', '[]', ?, ?)"
)
#: the form which version 2 made for a while
OLD_SLOTS = "CREATE INDEX runs_slots ON runs (queue) WHERE status = 1 AND slot = 1"
OLD_QUEUED = "CREATE INDEX runs_queued ON runs (priority DESC, queued_at) WHERE status = 5"
OLD_QUEUED_IN = "CREATE INDEX runs_queued_in ON runs (queue, priority DESC, queued_at) WHERE status = 5"

OldFile = Callable[..., Path]


def test_shipped_migrations_are_never_edited() -> None:
    digests = tuple(hashlib.sha256(each.encode()).hexdigest()[:16] for each in schema.MIGRATIONS)
    assert digests[: len(SHIPPED)] == SHIPPED
    assert len(digests) == len(SHIPPED), "pin the new migration here, once, when it is done"


@pytest.fixture
def old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OldFile:
    """Makes a file of an older version, with what is done to it then."""

    def make(version: int, *statements: tuple[str, tuple[object, ...]]) -> Path:
        path = tmp_path / "s.db"
        with monkeypatch.context() as before:
            before.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:version])
            db = sqlite3.connect(path, isolation_level=None)
            schema.migrate(db, str(path))
        for statement, values in statements:
            db.execute(statement, values)
        db.close()
        return path

    return make


def test_a_file_of_version_1_gets_its_slots(old_file: OldFile) -> None:
    # A run as version 1 wrote it, with its checksum.
    bodies = [(run, encode_summary(run)) for run in (running("r"), waiting("w"))]
    rows = [(INSERT_1, (run.ref.run_id, int(run.status), body, checksum(body))) for run, body in bodies]

    async def test(store: SqliteStore) -> None:
        assert await store.queues() == [QueueState("q", 1, 1, RunRef("a", "w"))]
        assert (await store.load(RunRef("a", "r"))).summary.holds_slot is True
        assert await store.claim("q", engine="e", host="h", slots=1) == []
        assert ids(await store.claim("q", engine="e", host="h", slots=2)) == ["w"]

    with_store(old_file(1, *rows), test)


def test_a_file_with_the_indexes_of_an_early_version_2_works_again(old_file: OldFile) -> None:
    dropped = [
        f"DROP INDEX {name}" for name in ("runs_slots", "runs_queued", "runs_queued_in", "run_tags_by_run")
    ]
    path = old_file(3, *((one, ()) for one in (*dropped, OLD_SLOTS, OLD_QUEUED, OLD_QUEUED_IN)))

    async def test(store: SqliteStore) -> tuple[list[QueueState], list[Damage]]:
        await store.create(Change(waiting("w"), {}, []), SOURCE)
        return await store.queues(), await store.check()

    queues, damages = with_store(path, test)
    assert [(one.name, one.waiting) for one in queues] == [("q", 1)]
    assert damages == []


def test_an_index_that_is_not_as_it_should_be_is_found_and_told(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with_store(path, nothing)
    damage(path, "DROP INDEX runs_slots")
    damage(path, OLD_SLOTS)
    damage(path, "DROP INDEX runs_by_root")

    async def test(store: SqliteStore) -> list[Damage]:
        with pytest.raises(Unavailable) as caught:
            await store.queues()
        assert "dagu doctor" in caught.value.hint
        return await store.check()

    by_name = {one.what.split()[2]: one.hint for one in with_store(path, test)}
    assert by_name.keys() == {"runs_slots", "runs_by_root"}
    for hint in by_name.values():
        follow(path, hint.partition("sqlite3: ")[2])
    assert with_store(path, SqliteStore.check) == []


def follow(path: Path, statements: str) -> None:
    """Do what the hint says."""
    db = sqlite3.connect(path)
    db.executescript(statements)
    db.close()
