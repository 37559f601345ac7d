"""The contract of stores on many runs, sentence by sentence."""

from __future__ import annotations

import asyncio

import pytest

from dagu_core.base.errors import Conflict
from dagu_core.contracts.store import Change, RunQuery, StateStore, definition_key
from dagu_core.model.run.run import RunRef, StepRun
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus
from dagu_core.testing.store_suite import NOTE, SOURCE, StoreSuite, summary

FILE = '{"type": "file", "due": 3.0, "info": {"path": "/in/ä.csv"}}'


class ListCases(StoreSuite):
    """Find, ownership, delete."""

    # -- find -------------------------------------------------------------------------------------

    def test_find_narrows_by_every_field(self) -> None:
        top = RunRef("a", "r1")
        runs = [
            summary("r1", status=RunStatus.SUCCEEDED, created_at=1.0, tags=("x",)),
            summary("r2", status=RunStatus.FAILED, created_at=2.0, tags=("x", "y"), queue="q"),
            summary(
                "r12", dag="b", status=RunStatus.RUNNING, created_at=3.0, queue="q", extra={"trigger": FILE}
            ),
            summary(
                "c1", dag="c", created_at=4.0, root=top, parent=top, status=RunStatus.FAILED, tags=("x",)
            ),
        ]
        table: list[tuple[RunQuery, list[str]]] = [
            (RunQuery(), ["r12", "r2", "r1"]),
            (RunQuery(roots_only=False), ["c1", "r12", "r2", "r1"]),
            (RunQuery(root=top), ["c1"]),
            (RunQuery(dag="a"), ["r2", "r1"]),
            (RunQuery(run_id="r1"), ["r12", "r1"]),
            (RunQuery(run_id="r1", exact=True), ["r1"]),
            (RunQuery(run_id="%"), []),
            (RunQuery(exact=True), ["r12", "r2", "r1"]),
            (RunQuery(statuses=(RunStatus.FAILED,)), ["r2"]),
            (RunQuery(statuses=(RunStatus.FAILED, RunStatus.RUNNING)), ["r12", "r2"]),
            (RunQuery(statuses=(RunStatus.QUEUED, RunStatus.RUNNING)), ["r12"]),
            (RunQuery(dag="a", statuses=(RunStatus.FAILED, RunStatus.SUCCEEDED)), ["r2", "r1"]),
            (RunQuery(since=2.0), ["r12", "r2"]),
            (RunQuery(until=2.0), ["r1"]),
            (RunQuery(tags=("x",)), ["r2", "r1"]),
            (RunQuery(tags=("x",), roots_only=False), ["c1", "r2", "r1"]),
            (RunQuery(tags=("x", "y")), ["r2"]),
            (RunQuery(tags=("x",), since=1.5), ["r2"]),
            (RunQuery(tags=("x",), dag="a", statuses=(RunStatus.FAILED,)), ["r2"]),
            (RunQuery(queue="q"), ["r12", "r2"]),
            (RunQuery(queue="q", dag="b"), ["r12"]),
            (RunQuery(trigger="file"), ["r12"]),
            (RunQuery(trigger="fi"), []),
            (RunQuery(trigger="file", dag="a"), []),
            (RunQuery(trigger="manual", roots_only=False), ["r2", "r1"]),
            (RunQuery(trigger="subdag", roots_only=False), ["c1"]),
            (RunQuery(trigger_text="/in/ä.csv"), ["r12"]),
            (RunQuery(trigger="schedule", trigger_text="ä.csv"), []),
            (RunQuery(limit=2), ["r12", "r2"]),
            (RunQuery(limit=2, offset=2), ["r1"]),
            (RunQuery(limit=0), []),
            (RunQuery(dag="none"), []),
        ]

        async def test(store: StateStore) -> None:
            for run in runs:
                await store.create(Change(run), SOURCE)
            for query, expected in table:
                found = await store.find(query)
                assert [run.ref.run_id for run in found] == expected, query
                assert all(run in runs for run in found)

        self.run(test)

    def test_the_dags_with_runs_of_their_own_are_listed_by_name(self) -> None:
        top = RunRef("b", "r1")

        async def test(store: StateStore) -> None:
            assert await store.dags() == []
            for run in (
                summary("r1", dag="b", created_at=1.0),
                summary("r2", dag="b", created_at=2.0),
                summary("r1", dag="a", created_at=3.0),
                summary("c1", dag="only-called", root=top, parent=top),
            ):
                await store.create(Change(run), SOURCE)
            assert await store.dags() == ["a", "b"]

        self.run(test)

    def test_what_was_written_is_found_sound(self) -> None:
        async def test(store: StateStore) -> None:
            step = StepRun(attempts=1)
            await store.create(Change(summary(), {"a": step}, [NOTE]), SOURCE)
            await store.put("n", "k", {"a": [1]})
            assert await store.check() == []

        self.run(test)

    def test_find_follows_changes(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary(status=RunStatus.QUEUED, queue="q", tags=("old",))), SOURCE)
            await store.commit(Change(summary(status=RunStatus.RUNNING, tags=("new",))))
            for query, count in (
                (RunQuery(statuses=(RunStatus.QUEUED,)), 0),
                (RunQuery(statuses=(RunStatus.RUNNING,)), 1),
                (RunQuery(queue="q"), 0),
                (RunQuery(tags=("old",)), 0),
                (RunQuery(tags=("new",)), 1),
            ):
                assert len(await store.find(query)) == count, query

        self.run(test)

    # -- ownership --------------------------------------------------------------------------------

    def test_of_many_adopters_exactly_one_wins(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary(fence=7)), SOURCE)
            ref = RunRef("a", "r1")
            tries = (store.adopt(ref, fence=7, engine=f"e{n}", host="h") for n in range(10))
            results = await asyncio.gather(*tries, return_exceptions=True)
            assert results.count(8) == 1
            assert sum(isinstance(result, Conflict) for result in results) == 9
            stored = (await store.load(ref)).summary
            assert (stored.fence, stored.engine, stored.host) == (8, f"e{results.index(8)}", "h")
            with pytest.raises(Conflict):
                await store.commit(Change(summary(fence=7)))

        self.run(test)

    # -- delete -----------------------------------------------------------------------------------

    def test_delete_takes_everything_of_the_run_and_below(self) -> None:
        top, mid = RunRef("a", "top"), RunRef("b", "mid")

        async def test(store: StateStore) -> None:
            over = RunStatus.SUCCEEDED
            await store.create(
                Change(summary("top", status=over, tags=("x",)), {"s": StepRun()}, [NOTE]), SOURCE
            )
            await store.create(Change(summary("mid", dag="b", status=over, root=top, parent=top)), SOURCE)
            await store.create(Change(summary("leaf", dag="c", status=over, parent=mid, root=top)), SOURCE)
            await store.create(Change(summary("kept", status=over)), SOURCE)
            await store.leave_signal(top, StopSignal(1.0, "me"))
            assert await store.delete([top, top, RunRef("a", "none")]) == 1
            assert [run.ref.run_id for run in await store.find(RunQuery(roots_only=False))] == ["kept"]
            assert await store.find(RunQuery(tags=("x",))) == []
            await store.create(Change(summary("top")), SOURCE)
            stored = await store.load(top)
            assert (stored.steps, await store.events(top), await store.signals([top])) == ({}, [], {})

        self.run(test)

    def test_delete_leaves_active_runs(self) -> None:
        async def test(store: StateStore) -> None:
            for status in RunStatus:
                await store.create(Change(summary(status.label, status=status)), SOURCE)
            refs = [RunRef("a", status.label) for status in RunStatus]
            assert await store.delete(refs) == sum(not status.is_active for status in RunStatus)
            left = await store.find(RunQuery())
            assert {run.status for run in left} == {status for status in RunStatus if status.is_active}
            assert await store.definition(definition_key(SOURCE)) == SOURCE

        self.run(test)
