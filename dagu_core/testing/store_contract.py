"""`StateStoreContract`: inherit it, override `make_store`, and a store is proven."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from dagu_core.base.errors import AlreadyExists, Conflict, Invalid, NotFound, Unavailable
from dagu_core.contracts.store import Change, RunQuery, StateStore, definition_key
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
from dagu_core.model.run.run import RunRef, RunSummary, StepRun
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus, StepStatus

T = TypeVar("T")
SOURCE = Source("steps: [echo]\n", path="/dags/a.yaml", document=1, base="env: []\n")
NOTE = Noted(at=2.0, code="note", message="ünïcödé \udcff")


class ManualClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, at: float = 1_000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def new_run_id(self) -> str:
        raise NotImplementedError

    def new_token(self, digits: int = 6) -> str:
        raise NotImplementedError


def summary(run_id: str = "r1", dag: str = "a", **fields: object) -> RunSummary:
    """A run that can be stored; `fields` override."""
    values: dict[str, object] = {"created_at": 1.0, "definition": definition_key(SOURCE), "fence": 1}
    return RunSummary(RunRef(dag, run_id), **(values | fields))  # type: ignore[arg-type]


class StateStoreContract:
    """Each sentence of the contract as a test. `clock` must be what the made store tells time by."""

    clock: ManualClock

    def make_store(self) -> StateStore:
        """A new store, not yet open; all stores of one test see the same data."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _new_clock(self) -> None:
        self.clock = ManualClock()

    def run(self, test: Callable[[StateStore], Awaitable[T]]) -> T:
        """Run a test against an open store."""

        async def main() -> T:
            store = self.make_store()
            await store.open()
            try:
                return await test(store)
            finally:
                await store.close()

        return asyncio.run(main())

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

    # -- find -------------------------------------------------------------------------------------

    def test_find_narrows_by_every_field(self) -> None:
        top = RunRef("a", "r1")
        runs = [
            summary("r1", status=RunStatus.SUCCEEDED, created_at=1.0, tags=("x",)),
            summary("r2", status=RunStatus.FAILED, created_at=2.0, tags=("x", "y"), queue="q"),
            summary("r12", dag="b", status=RunStatus.RUNNING, created_at=3.0, queue="q"),
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

    def test_claim_takes_by_priority_then_age(self) -> None:
        async def test(store: StateStore) -> None:
            for run_id, priority, queued_at, queue in (
                ("late", 0, 9.0, "q"),
                ("early", 0, 1.0, "q"),
                ("high", 5, 5.0, "q"),
                ("other", 9, 1.0, "p"),
            ):
                queued = summary(
                    run_id, status=RunStatus.QUEUED, queue=queue, priority=priority, queued_at=queued_at
                )
                await store.create(Change(queued), SOURCE)
            await store.create(Change(summary("running", status=RunStatus.RUNNING, queue="q")), SOURCE)
            claimed = await store.claim("q", engine="e", host="h", limit=2)
            assert [ref.run_id for ref in claimed] == ["high", "early"]
            taken = (await store.load(claimed[0])).summary
            assert (taken.status, taken.fence, taken.engine, taken.host) == (RunStatus.RUNNING, 2, "e", "h")
            assert [ref.run_id for ref in await store.claim("", engine="e", host="h", limit=9)] == [
                "other",
                "late",
            ]
            assert await store.claim("", engine="e", host="h") == []

        self.run(test)

    def test_no_run_is_claimed_twice(self) -> None:
        async def test(store: StateStore) -> None:
            for n in range(20):
                await store.create(Change(summary(f"r{n}", status=RunStatus.QUEUED, queue="q")), SOURCE)
            claims = await asyncio.gather(
                *(store.claim("q", engine="e", host="h", limit=3) for _ in range(10))
            )
            refs = [ref for claim in claims for ref in claim]
            assert len(refs) == len(set(refs)) == 20

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

    # -- signals ----------------------------------------------------------------------------------

    def test_signals_are_taken_once_in_order(self) -> None:
        async def test(store: StateStore) -> None:
            refs = [RunRef("a", name) for name in ("r1", "r2", "r3")]
            for ref in refs:
                await store.create(Change(summary(ref.run_id)), SOURCE)
            first, second = StopSignal(1.0, "me", "SIGINT"), StopSignal(2.0, "you", force=True)
            await store.leave_signal(refs[0], first)
            await store.leave_signal(refs[2], second)
            await store.leave_signal(refs[0], second)
            assert await store.signals([]) == {}
            assert await store.signals([refs[0], refs[1], RunRef("a", "no")]) == {refs[0]: [first, second]}
            assert await store.signals(refs) == {refs[2]: [second]}
            assert await store.signals(refs) == {}

        self.run(test)

    # -- leases -----------------------------------------------------------------------------------

    def test_a_lease_has_one_holder_and_a_growing_fence(self) -> None:
        async def test(store: StateStore) -> None:
            assert await store.acquire("k", "me", 10) == 1
            assert await store.acquire("k", "you", 10) is None
            assert await store.acquire("other", "you", 10) == 1
            self.clock.at += 9
            assert await store.acquire("k", "me", 10) == 1
            self.clock.at += 9
            assert await store.acquire("k", "you", 10) is None
            self.clock.at += 1
            assert await store.acquire("k", "you", 10) == 2
            await store.release("k", "me")
            assert await store.acquire("k", "me", 10) is None
            await store.release("k", "you")
            await store.release("none", "you")
            assert await store.acquire("k", "me", 10) == 3

        self.run(test)

    def test_a_lease_needs_an_owner_and_a_time(self) -> None:
        async def test(store: StateStore) -> None:
            for owner, ttl in (("", 1.0), ("me", 0.0), ("me", -1.0)):
                with pytest.raises(Invalid):
                    await store.acquire("k", owner, ttl)

        self.run(test)

    # -- key-value --------------------------------------------------------------------------------

    @pytest.mark.parametrize("value", [None, 0, -1.5, "", "ü\udcff\0", [], {"a": [True, None]}, 10**30])
    def test_a_pair_keeps_any_json_value(self, value: object) -> None:
        async def test(store: StateStore) -> None:
            assert await store.get("n", "k") is None
            assert await store.put("n", "k", value) == 1
            found = await store.get("n", "k")
            assert found is not None and (found.value, found.version) == (value, 1)
            assert await store.get("other", "k") is None

        self.run(test)

    @pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
    def test_a_pair_refuses_what_is_no_json(self, value: object) -> None:
        async def test(store: StateStore) -> None:
            with pytest.raises(Invalid):
                await store.put("n", "k", value)
            assert await store.get("n", "k") is None

        self.run(test)

    def test_put_checks_the_expected_version(self) -> None:
        async def test(store: StateStore) -> None:
            with pytest.raises(Conflict):
                await store.put("n", "k", 1, expected=1)
            assert await store.put("n", "k", 1, expected=0) == 1
            with pytest.raises(Conflict):
                await store.put("n", "k", 2, expected=0)
            assert await store.put("n", "k", 2) == 2
            assert await store.put("n", "k", 3, expected=2) == 3
            tries = (store.put("n", "k", n, expected=3) for n in range(10))
            results = await asyncio.gather(*tries, return_exceptions=True)
            assert results.count(4) == 1
            assert sum(isinstance(result, Conflict) for result in results) == 9

        self.run(test)

    def test_a_pair_expires(self) -> None:
        async def test(store: StateStore) -> None:
            await store.put("n", "k", 1, ttl=10)
            self.clock.at += 9
            assert await store.get("n", "k") is not None
            self.clock.at += 1
            assert await store.get("n", "k") is None
            assert await store.scan("n") == []
            assert await store.remove("n", "k") is False
            await store.put("n", "k", 1, ttl=10)
            self.clock.at += 10
            # A late writer that still expects version 1 must not meet it again.
            assert await store.put("n", "k", 2, expected=0) == 2
            self.clock.at += 99
            assert await store.get("n", "k") is not None

        self.run(test)

    def test_remove_tells_whether_there_was_a_pair(self) -> None:
        async def test(store: StateStore) -> None:
            assert await store.remove("n", "k") is False
            await store.put("n", "k", 1)
            assert await store.remove("n", "k") is True
            assert await store.get("n", "k") is None
            await store.put("n", "k", 1, expected=0)

        self.run(test)

    def test_scan_goes_by_prefix_in_key_order(self) -> None:
        async def test(store: StateStore) -> None:
            for key in ("b", "a/2", "a/1", "a%", "a", "a/\U0010ffffz", "A"):
                await store.put("n", key, key)
            await store.put("m", "a/3", 0)
            assert [key for key, _ in await store.scan("n", "a/")] == ["a/1", "a/2", "a/\U0010ffffz"]
            assert [key for key, _ in await store.scan("n", limit=3)] == ["A", "a", "a%"]
            assert [key for key, _ in await store.scan("n", "%")] == []
            assert (await store.scan("n", "b"))[0][1].value == "b"

        self.run(test)
