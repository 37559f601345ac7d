"""Faults of the embedded store, provoked: each test carries the number of its row."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from dagu_core.base.errors import Unavailable
from dagu_core.builtins.sqlite_store import SqliteStore
from dagu_core.contracts.store import Change, RunQuery
from dagu_core.model.run.events import Noted
from dagu_core.model.status import RunStatus
from dagu_core.testing.store_contract import SOURCE, summary
from tests.faults.embedded_store import REF, damage, nothing, two_runs, with_store


@contextlib.contextmanager
def as_somebody_without_rights() -> Iterator[None]:
    """Root may write anywhere, so the effective user is another one meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    path = folder / "s.db"
    with_store(path, two_runs)
    for each in (tmp_path, *tmp_path.parents):
        if each == Path(tempfile.gettempdir()):
            break
        each.chmod(each.stat().st_mode | 0o055)
    path.chmod(0o444)
    folder.chmod(0o555)
    yield path
    folder.chmod(0o750)


@pytest.mark.skipif(sys.platform == "win32", reason="file modes of POSIX")
def test_S03_read_only_home_can_be_read_and_says_so_on_writes(read_only: Path) -> None:
    async def test(store: SqliteStore) -> None:
        assert len(await store.find(RunQuery())) == 2
        assert (await store.load(REF)).summary.status is RunStatus.RUNNING
        start = monotonic()
        with pytest.raises(Unavailable, match=f"{read_only}.*read-only"):
            await store.commit(Change(summary()))
        assert monotonic() - start < 2

    with as_somebody_without_rights():
        with_store(read_only, test)


@pytest.mark.skipif(sys.platform == "win32", reason="file modes of POSIX")
def test_S03_a_store_that_cannot_be_created_names_its_path(read_only: Path) -> None:
    path = read_only.parent / "deeper" / "new.db"
    with as_somebody_without_rights(), pytest.raises(Unavailable, match=str(path)) as caught:
        with_store(path, nothing)
    assert caught.value.exit_code == 5


def test_S18_a_locked_store_is_unavailable_after_a_bounded_wait(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with_store(path, two_runs)
    db = sqlite3.connect(path, isolation_level=None)

    async def test(store: SqliteStore) -> None:
        db.execute("BEGIN EXCLUSIVE")
        start = monotonic()
        with pytest.raises(Unavailable, match=f"{path}: locked") as caught:
            await store.commit(Change(summary(error="x")))
        assert 0.2 < monotonic() - start < 5
        assert caught.value.exit_code == 5
        assert len(await store.find(RunQuery())) == 2
        db.execute("COMMIT")
        await store.commit(Change(summary(error="x")))

    with_store(path, test, "?busy_timeout=0.3")
    db.close()


def test_S18_the_wait_is_ten_seconds_unless_told_otherwise(tmp_path: Path) -> None:
    async def test(store: SqliteStore) -> int:
        return await store._write(lambda db: int(db.execute("PRAGMA busy_timeout").fetchone()[0]))

    assert with_store(tmp_path / "s.db", test) == 10_000


def test_S20_a_newer_schema_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with_store(path, two_runs)
    damage(path, "PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="schema 99") as caught:
        with_store(path, nothing)
    assert (caught.value.exit_code, str(caught.value).count("\n")) == (5, 0)
    assert path.read_bytes() == before


def test_S20_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_text("not a database, " * 100)
    with pytest.raises(Unavailable, match=str(path)):
        with_store(path, nothing)
    assert path.read_text().startswith("not a database")


@pytest.mark.parametrize("durable", [True, False])
def test_S21_after_a_failed_fsync_nothing_is_written_any_more(tmp_path: Path, durable: bool) -> None:
    calls: list[int] = []

    def fail(file: int) -> None:
        calls.append(file)
        raise OSError(errno.EIO, "Input/output error")

    async def test(store: SqliteStore) -> None:
        create = store.create(Change(summary(), durable=durable), SOURCE)
        if durable:
            with pytest.raises(Unavailable, match="Input/output error"):
                await create
        else:
            await create
            while not calls:
                await asyncio.sleep(0.01)
        with pytest.raises(Unavailable, match="closed for writing"):
            await store.commit(Change(summary(error="x")))
        assert await store.find(RunQuery(statuses=(RunStatus.RUNNING,))) == []

    with_store(tmp_path / "s.db", test, sync=fail)
    assert len(calls) == 1


def test_S01_a_full_disk_is_told_and_overcome(tmp_path: Path) -> None:
    async def test(store: SqliteStore) -> None:
        await two_runs(store)
        pages = await store._write(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        await store._write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone()[0])
        big = Noted(1.0, "n", "x" * 100_000)
        with pytest.raises(Unavailable, match="no space left") as caught:
            await store.create(Change(summary("late"), events=[big]), SOURCE)
        assert caught.value.exit_code == 5
        await store._write(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchone()[0])
        await store.create(Change(summary("late"), events=[big]), SOURCE)

    with_store(tmp_path / "s.db", test)


@pytest.mark.skipif(sys.platform == "win32", reason="file modes of POSIX")
@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_S22_file_modes_are_the_same_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "home" / "data" / "s.db"

    async def test(store: SqliteStore) -> None:
        await two_runs(store)
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file

    before = os.umask(umask)
    try:
        with_store(path, test)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path.parent.parent)] == [0o750] * 2


def test_S19_a_removed_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def test(store: SqliteStore) -> None:
        await two_runs(store)
        path.unlink()
        with pytest.raises(Unavailable, match="No such file"):
            await store.commit(Change(summary(), durable=True))

    with_store(path, test)
