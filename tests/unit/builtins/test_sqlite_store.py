"""The embedded store keeps the contract of stores, and some promises of its own."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from dagu_core.base.clock import awake, boot_id, steady
from dagu_core.base.errors import Invalid
from dagu_core.builtins.sqlite_store import SqliteStore
from dagu_core.builtins.sqlite_store.rows import find_statement
from dagu_core.contracts.store import Change, RunQuery, StateStore
from dagu_core.model.run.run import RunRef, StepRun
from dagu_core.model.status import RunStatus
from dagu_core.testing.store_contract import NOTE, SOURCE, StateStoreContract, summary


class TestSqliteStore(StateStoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "a ?#" / "store.db"

    def make_store(self) -> SqliteStore:
        url = f"sqlite://{self.path}".replace(" ", "%20").replace("?", "%3F").replace("#", "%23")
        return SqliteStore(url, clock=self.clock)

    def test_another_store_reads_what_was_written(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary()), SOURCE)
            other = self.make_store()
            await other.open()
            assert (await other.load(RunRef("a", "r1"))).summary == summary()
            await other.commit(Change(summary(error="x")))
            await other.close()
            assert (await store.load(RunRef("a", "r1"))).summary.error == "x"

        self.run(test)

    def test_many_stores_open_a_new_file_and_create_the_same_run(self) -> None:
        results: list[object] = []

        def one() -> None:
            async def create(store: StateStore) -> None:
                await store.create(Change(summary()), SOURCE)

            try:
                results.append(self.run(create))
            except Exception as error:
                results.append(type(error).__name__)

        threads = [threading.Thread(target=one) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(str, results)) == ["AlreadyExists"] * 11 + ["None"]

    def test_the_definition_is_stored_once_and_steps_only_when_touched(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary("r1")), SOURCE)
            await store.create(Change(summary("r2"), {"s": StepRun()}), SOURCE)

        self.run(test)
        with sqlite3.connect(self.path) as db:
            assert db.execute("SELECT count(*) FROM definitions").fetchone() == (1,)
            assert db.execute("SELECT count(*) FROM steps").fetchone() == (1,)
        db.close()

    def test_closing_ends_the_threads_and_removes_the_log(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary()), SOURCE)
            await store.find(RunQuery())

        self.run(test)
        assert not [thread for thread in threading.enumerate() if str(self.path) in thread.name]
        names = sorted(file.name for file in self.path.parent.iterdir())
        assert names == ["store.db", "store.db.reserve"]

    def test_reads_do_not_wait_for_writes(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary()), SOURCE)
            other = sqlite3.connect(self.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            write = asyncio.ensure_future(store.commit(Change(summary(error="x"))))
            assert (await store.load(RunRef("a", "r1"))).summary.error == ""
            assert not write.done()
            other.execute("COMMIT")
            other.close()
            await write

        self.run(test)

    def test_unsynced_commits_reach_the_disk_soon(self, tmp_path: Path) -> None:
        async def main() -> None:
            loop, synced = asyncio.get_running_loop(), asyncio.Event()
            store = SqliteStore(
                f"sqlite://{tmp_path}/s.db", sync=lambda _: void(loop.call_soon_threadsafe(synced.set))
            )
            await store.open()
            await store.create(Change(summary()), SOURCE)
            await asyncio.wait_for(synced.wait(), 5)
            await store.close()

        asyncio.run(main())

    @pytest.mark.parametrize(
        ("options", "durable", "syncs"), [("", False, 0), ("", True, 1), ("?durability=full", False, 1)]
    )
    def test_durable_commits_are_synced_before_they_are_acknowledged(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, durable: bool, syncs: int
    ) -> None:
        monkeypatch.setattr("dagu_core.builtins.sqlite_store.writer.SYNC_WITHIN", 60)

        async def main() -> None:
            synced: list[int] = []
            store = SqliteStore(f"sqlite://{tmp_path}/s.db{options}", sync=synced.append)
            await store.open()
            await store.create(Change(summary(), events=[NOTE], durable=durable), SOURCE)
            assert len(synced) == syncs
            await store.close()

        asyncio.run(main())

    def test_a_caller_that_gave_up_disturbs_nobody(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary()), SOURCE)
            gone = asyncio.ensure_future(store.commit(Change(summary(error="1"), events=[NOTE])))
            await asyncio.sleep(0)
            gone.cancel()
            await store.commit(Change(summary(error="2"), events=[NOTE]))
            stored = await store.load(RunRef("a", "r1"))
            assert (stored.summary.error, stored.summary.seq) == ("2", 2)

        self.run(test)

    @pytest.mark.parametrize(
        "url", ["sqlite:relative.db", "sqlite://host/x.db", "memory:/x", "sqlite:///x?busy_timeout=no"]
    )
    def test_a_bad_url_is_refused(self, url: str) -> None:
        with pytest.raises(Invalid):
            SqliteStore(url)

    def test_lists_never_sort_the_history(self) -> None:
        self.run(nothing)
        queries = [
            RunQuery(),
            RunQuery(roots_only=False),
            RunQuery(dag="a"),
            RunQuery(dag="a", statuses=(RunStatus.FAILED,)),
            RunQuery(statuses=(RunStatus.FAILED,)),
            RunQuery(statuses=(RunStatus.FAILED, RunStatus.SUCCEEDED)),
            RunQuery(queue="q"),
            RunQuery(tags=("x", "y")),
            RunQuery(root=RunRef("a", "r")),
            RunQuery(run_id="part", since=1.0),
        ]
        db = sqlite3.connect(self.path)
        for query in queries:
            sql, values = find_statement(query)
            plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values))
            assert "INDEX" in plan and "B-TREE" not in plan, (query, plan)
        db.close()


async def nothing(store: StateStore) -> None:
    """Open and close."""


def void(_: object) -> None:
    """Make an expression a statement."""


def test_a_lease_lasts_by_the_clock_of_its_boot(tmp_path: Path) -> None:
    """Not by the time of day, which somebody sets; and one from before a restart is over."""

    async def work() -> None:
        stores = [SqliteStore(f"sqlite://{tmp_path}/s.db") for _ in range(2)]
        first, second = stores
        for store in stores:
            await store.open()
        first._steady, second._steady = lambda: ("boot", 1000.0), lambda: ("boot", 1009.0)
        assert await first.acquire("k", "me", 10) == 1
        assert await second.acquire("k", "you", 10) is None
        second._steady = lambda: ("next boot", 3.0)
        assert await second.acquire("k", "you", 10) == 2
        assert await first.acquire("k", "me", 10) == 3
        for store in stores:
            await store.close()

    asyncio.run(work())
    assert steady()[0] == boot_id() and abs(steady()[1] - awake()) < 60
