"""The contract of stores on single runs, sentence by sentence."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from dagu_core.base.errors import AlreadyExists, Conflict, Invalid, NotFound, Unavailable
from dagu_core.contracts.store import Change, RunQuery, StateStore
from dagu_core.model.plan.plan import Source
from dagu_core.model.run.events import (
    AttemptEnded,
    AttemptStarted,
    ChildRef,
    ConditionResult,
    Event,
    Noted,
    Outcome,
    RunEnded,
    RunReset,
    RunStarted,
)
from dagu_core.model.run.run import RunRef, StepRun
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus, StepStatus
from dagu_core.testing.store_suite import NOTE, SOURCE, StoreSuite, summary


class RunCases(StoreSuite):
    """Opening, create, commit, load, events."""

    # -- opening ----------------------------------------------------------------------------------

    def test_closing_twice_is_a_no_op(self) -> None:
        async def test(store: StateStore) -> None:
            await store.close()
            await store.close()
            with pytest.raises(Unavailable):
                await store.find(RunQuery())

        self.run(test)

    # -- create -----------------------------------------------------------------------------------

    def test_create_is_read_back_in_full(self) -> None:
        full = summary(
            status=RunStatus.RUNNING,
            root=RunRef("top", "r0"),
            parent=RunRef("mid", "r5"),
            parent_step="call",
            attempt_id="abc",
            queue="q",
            priority=3,
            queued_at=1.5,
            started_at=2.0,
            finished_at=3.0,
            wake_at=4.0,
            params=(("A", "1"), ("", "x y")),
            tags=("t", "team=x"),
            extra={"k": "v"},
            hidden=True,
        )
        step = StepRun(
            StepStatus.FAILED,
            attempts=2,
            started_at=1.0,
            exit_code=None,
            output="",
            children=[ChildRef("c", "r9", "p")],
            conditions=[ConditionResult("test -e x", error="no")],
        )

        async def test(store: StateStore) -> None:
            await store.create(Change(full, {"one": step}, [NOTE]), SOURCE)
            stored = await store.load(full.ref)
            assert stored.summary == replace(full, seq=1)
            assert stored.steps == {"one": step}
            assert await store.events(full.ref) == [(1, NOTE)]
            assert await store.definition(full.definition) == SOURCE

        self.run(test)

    def test_creating_a_run_again_changes_nothing(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary(status=RunStatus.RUNNING)), SOURCE)
            with pytest.raises(AlreadyExists, match="run id r1 already exists") as caught:
                await store.create(Change(summary(error="late"), {"s": StepRun()}, [NOTE]), Source("other"))
            assert caught.value.details["status"] == "running"
            stored = await store.load(RunRef("a", "r1"))
            assert (stored.summary.error, stored.steps) == ("", {})
            assert await store.events(RunRef("a", "r1")) == []

        self.run(test)

    def test_one_id_in_two_dags_is_two_runs(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary(dag="a")), SOURCE)
            await store.create(Change(summary(dag="b")), SOURCE)
            assert [run.ref.dag for run in await store.find(RunQuery())] == ["b", "a"]

        self.run(test)

    def test_of_many_creators_exactly_one_wins(self) -> None:
        async def test(store: StateStore) -> None:
            tries = (store.create(Change(summary(error=str(n))), SOURCE) for n in range(50))
            results = await asyncio.gather(*tries, return_exceptions=True)
            assert results.count(None) == 1
            assert sum(isinstance(result, AlreadyExists) for result in results) == 49
            assert (await store.load(RunRef("a", "r1"))).summary.error == str(results.index(None))

        self.run(test)

    # -- commit -----------------------------------------------------------------------------------

    def test_commit_writes_only_what_it_names(self) -> None:
        async def test(store: StateStore) -> None:
            run = summary(status=RunStatus.RUNNING)
            await store.create(Change(run, {"a": StepRun(attempts=1), "b": StepRun(attempts=1)}), SOURCE)
            events: list[Event] = [
                AttemptStarted(1.0, "a", 1),
                AttemptEnded(2.0, "a", 1, Outcome(usage={"cpu": 1.5})),
            ]
            run.error = "changed"
            await store.commit(Change(run, {"a": StepRun(attempts=2)}, events, durable=True))
            stored = await store.load(run.ref)
            assert stored.summary.error == "changed"
            assert stored.steps == {"a": StepRun(attempts=2), "b": StepRun(attempts=1)}
            assert await store.events(run.ref) == [(1, events[0]), (2, events[1])]
            assert stored.summary.seq == 2

        self.run(test)

    def test_the_store_shares_no_object_with_its_callers(self) -> None:
        async def test(store: StateStore) -> None:
            run, step = summary(), StepRun()
            await store.create(Change(run, {"s": step}), SOURCE)
            run.error = step.error = "changed later"
            stored = await store.load(run.ref)
            stored.summary.reason = stored.steps["s"].reason = "changed by a reader"
            again = await store.load(run.ref)
            assert again.steps["s"] == StepRun()
            assert (again.summary.error, again.summary.reason) == ("", "")

        self.run(test)

    def test_an_older_fence_is_refused(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary(fence=3)), SOURCE)
            with pytest.raises(Conflict):
                await store.commit(Change(summary(fence=2, error="late"), {"s": StepRun()}, [NOTE]))
            stored = await store.load(RunRef("a", "r1"))
            assert (stored.summary.error, stored.summary.seq, stored.steps) == ("", 0, {})
            await store.commit(Change(summary(fence=4, error="newer")))
            assert (await store.load(RunRef("a", "r1"))).summary.fence == 4

        self.run(test)

    def test_a_run_that_is_over_changes_only_by_a_retry(self) -> None:
        async def test(store: StateStore) -> None:
            over = summary(status=RunStatus.FAILED)
            await store.create(Change(summary(status=RunStatus.RUNNING)), SOURCE)
            await store.commit(Change(over, events=[RunEnded(3.0, RunStatus.FAILED)]))
            with pytest.raises(Conflict):
                await store.commit(Change(summary(status=RunStatus.SUCCEEDED), events=[NOTE]))
            assert (await store.load(over.ref)).summary.status is RunStatus.FAILED
            for retry in (RunReset(4.0, ("s",)), RunStarted(5.0, "abc")):
                await store.commit(Change(over, events=[retry]))
            assert [seq for seq, _ in await store.events(over.ref)] == [1, 2, 3]

        self.run(test)

    def test_a_run_nobody_created_is_not_found(self) -> None:
        async def test(store: StateStore) -> None:
            ref = RunRef("a", "no")
            calls = (
                store.commit(Change(summary("no"))),
                store.load(ref),
                store.events(ref),
                store.adopt(ref, fence=1, engine="e", host="h"),
                store.leave_signal(ref, StopSignal(1.0, "me")),
                store.definition("no"),
            )
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(result, NotFound) for result in results), results
            assert await store.find(RunQuery()) == []

        self.run(test)

    def test_what_json_cannot_hold_is_refused_and_hurts_nobody(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary("good")), SOURCE)
            bad = AttemptEnded(1.0, "s", 1, Outcome(details={"x": object()}))
            results = await asyncio.gather(
                store.commit(Change(summary("good", error="1"), events=[NOTE])),
                store.commit(Change(summary("good", error="2"), events=[bad])),
                store.commit(Change(summary("good", wake_at=float("nan")))),
                store.create(Change(summary("bad"), events=[bad]), SOURCE),
                store.commit(Change(summary("good", error="3"), events=[NOTE])),
                return_exceptions=True,
            )
            assert [type(result) for result in results] == [type(None), Invalid, Invalid, Invalid, type(None)]
            stored = await store.load(RunRef("a", "good"))
            assert (stored.summary.error, stored.summary.seq) == ("3", 2)
            assert len(await store.find(RunQuery())) == 1

        self.run(test)

    def test_many_commits_at_once_are_all_kept_in_order(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary()), SOURCE)
            notes = [Noted(float(n), "n", str(n)) for n in range(100)]
            await asyncio.gather(
                *(store.commit(Change(summary(), {str(n.at): StepRun()}, [n])) for n in notes)
            )
            assert [event for _, event in await store.events(RunRef("a", "r1"))] == notes
            assert len((await store.load(RunRef("a", "r1"))).steps) == 100

        self.run(test)

    def test_events_come_in_pages(self) -> None:
        async def test(store: StateStore) -> None:
            await store.create(Change(summary(), events=[NOTE] * 5), SOURCE)
            ref = RunRef("a", "r1")
            assert [seq for seq, _ in await store.events(ref, after=1, limit=2)] == [2, 3]
            assert await store.events(ref, after=5) == []
            assert await store.events(ref, limit=0) == []

        self.run(test)
