"""The embedded store, its processes killed and its power cut: numbers of rows in the names."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dagu_core.base.errors import AlreadyExists
from dagu_core.builtins.sqlite_store import SqliteStore
from dagu_core.contracts.store import Change, RunQuery
from dagu_core.model.run.events import AttemptEnded, Noted, Outcome
from dagu_core.model.run.run import StepRun
from dagu_core.model.status import RunStatus
from dagu_core.testing.store_contract import SOURCE, summary
from tests.faults.embedded_store import REF, with_store


def test_S08_what_was_durable_survives_a_power_cut_and_a_torn_log_is_old_or_new(tmp_path: Path) -> None:
    path, image = tmp_path / "s.db", tmp_path / "image.db"
    sizes: list[int] = []

    def power_cut(_: int) -> None:
        # What is not synced by now is gone: keep the files as they are at this moment.
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{image}{suffix}")
        sizes.append(os.path.getsize(f"{image}-wal"))

    async def write(store: SqliteStore) -> None:
        for number in range(3):
            change = Change(summary(f"r{number}"), {"s": StepRun()}, [Noted(1.0, "n", "m")], durable=True)
            await store.create(change, SOURCE)

    async def found(store: SqliteStore) -> int:
        runs = await store.find(RunQuery())
        for run in runs:
            assert len((await store.load(run.ref)).steps) == len(await store.events(run.ref)) == 1
        return len(runs)

    with_store(path, write, sync=power_cut)
    before, after = sizes[1], sizes[2]
    files = {suffix: Path(f"{image}{suffix}").read_bytes() for suffix in ("", "-wal")}
    for size in (*range(before, after, 101), after - 1, after):
        torn = tmp_path / f"torn{size}.db"
        torn.write_bytes(files[""])
        Path(f"{torn}-wal").write_bytes(files["-wal"][:size])
        assert with_store(torn, found) == (3 if size == after else 2)


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


def test_C03_the_id_of_a_run_that_is_over_stays_taken(tmp_path: Path) -> None:
    async def test(store: SqliteStore) -> None:
        await store.create(Change(summary(status=RunStatus.SUCCEEDED)), SOURCE)
        with pytest.raises(AlreadyExists) as caught:
            await store.create(Change(summary()), SOURCE)
        assert (caught.value.exit_code, caught.value.details["status"]) == (4, "succeeded")
        assert (await store.load(REF)).summary.status is RunStatus.SUCCEEDED

    with_store(tmp_path / "s.db", test)


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
