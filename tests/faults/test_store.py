"""Faults of the embedded store, provoked: each test carries the number of its row."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import multiprocessing
import os
import random
import sqlite3
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from dagu_core.base.errors import AlreadyExists, Unavailable
from dagu_core.builtins.sqlite_store import SqliteStore
from dagu_core.contracts.store import Change, RunQuery
from dagu_core.model.run.events import AttemptEnded, Event, Noted, Outcome, RunEnded, RunStarted
from dagu_core.model.run.run import RunRef, StepRun
from dagu_core.model.status import RunStatus, StepStatus
from dagu_core.testing.store_contract import SOURCE, summary

REF = RunRef("a", "r1")
Test = Callable[[SqliteStore], Awaitable[Any]]


def with_store(path: Path, test: Test, options: str = "", **extra: Any) -> Any:
    async def main() -> Any:
        store = SqliteStore(f"sqlite://{path}{options}", **extra)
        await store.open()
        try:
            return await test(store)
        finally:
            await store.close()

    return asyncio.run(main())


async def two_runs(store: SqliteStore) -> None:
    step = StepRun(StepStatus.SUCCEEDED, attempts=1)
    run = summary(status=RunStatus.RUNNING, queue="q", log="/log", tags=("x",))
    events: list[Event] = [RunStarted(5.0, "att", (("A", "1"),), "/log"), Noted(6.0, "n", "m")]
    await store.create(Change(run, {"good": step, "bad": step}, events), SOURCE)
    await store.create(Change(summary("other", status=RunStatus.RUNNING), {"good": step}), SOURCE)


async def nothing(store: SqliteStore) -> None:
    """Open and close."""


def damage(path: Path, statement: str, *values: object) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute(statement, values)
    db.close()


def value(path: Path, statement: str) -> Any:
    db = sqlite3.connect(path)
    row = db.execute(statement).fetchone()
    db.close()
    return row[0]


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
    for each in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
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
        assert await store.claim("q", engine="e", host="h") == [RunRef("a", "r2")]
        assert await store.claim("q", engine="e", host="h") == []
        assert (await store.load(REF)).summary.reason == "record_damaged"

    with_store(path, queue)
    damage(path, "UPDATE runs SET body = 'x' WHERE run_id = 'r1'")
    with_store(path, test)


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


def _create_in_a_process(path: str, number: int, start: Any, results: Any) -> None:
    async def test(store: SqliteStore) -> str:
        try:
            await store.create(Change(summary(error=str(number)), durable=True), SOURCE)
        except AlreadyExists:
            return "refused"
        return str(number)

    start.wait()
    try:
        results.put(with_store(Path(path), test))
    except BaseException as error:
        results.put(f"failed: {error!r}")


@pytest.mark.timeout(120)
def test_C01_fifty_processes_open_a_new_store_and_one_creates_the_run(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    start, results = context.Event(), context.SimpleQueue()
    path = tmp_path / "s.db"
    processes = [
        context.Process(target=_create_in_a_process, args=(str(path), number, start, results))
        for number in range(50)
    ]
    for process in processes:
        process.start()
    start.set()
    answers = [results.get() for _ in processes]
    for process in processes:
        process.join()
        process.close()
    (winner,) = [answer for answer in answers if answer != "refused"]

    async def record(store: SqliteStore) -> str:
        return (await store.load(REF)).summary.error

    assert with_store(path, record) == winner


def _commit_until_killed(path: str, acknowledged: Any) -> None:
    async def test(store: SqliteStore) -> None:
        await store.create(Change(summary()), SOURCE)
        for number in range(1_000_000):
            event = AttemptEnded(1.0, "s", number, Outcome())
            await store.commit(Change(summary(error=str(number)), {"s": StepRun(attempts=number)}, [event]))
            acknowledged.send(number)

    with_store(Path(path), test)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("after", [1, 20, 400])
def test_S07_what_was_acknowledged_survives_kill_9_whole(tmp_path: Path, after: int) -> None:
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    path = tmp_path / "s.db"
    process = context.Process(target=_commit_until_killed, args=(str(path), sender))
    process.start()
    sender.close()
    last = -1
    while last < after:
        last = receiver.recv()
    process.kill()
    process.join()
    process.close()
    with contextlib.suppress(EOFError):
        while True:
            last = receiver.recv()
    receiver.close()

    async def test(store: SqliteStore) -> None:
        stored = await store.load(REF)
        committed = int(stored.summary.error)
        assert committed in (last, last + 1)
        assert stored.steps["s"].attempts == committed
        events = await store.events(REF, limit=1_000_000)
        assert len(events) == stored.summary.seq == committed + 1

    with_store(path, test)
