"""The contract of stores on queues and their slots, sentence by sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dagu_core.base.errors import Conflict, NotFound
from dagu_core.contracts.store import Change, QueueState, StateStore, StoredRun
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus
from dagu_core.testing.store_suite import SOURCE, StoreSuite, summary


def ids(runs: Sequence[StoredRun]) -> list[str]:
    """The ids of what was claimed."""
    return [one.summary.ref.run_id for one in runs]


def waiting(run_id: str, queue: str = "q", **fields: object) -> RunSummary:
    """A run that waits in a queue."""
    return summary(run_id, "a", **({"status": RunStatus.QUEUED, "queue": queue} | fields))


def running(run_id: str, queue: str = "q", **fields: object) -> RunSummary:
    """A run that works."""
    return summary(run_id, "a", **({"status": RunStatus.RUNNING, "queue": queue} | fields))


async def create(store: StateStore, *runs: RunSummary) -> None:
    """Store these runs."""
    for run in runs:
        await store.create(Change(run), SOURCE)


class QueueCases(StoreSuite):
    """Claim, slots, queues."""

    def test_claim_takes_by_priority_then_age(self) -> None:
        async def test(store: StateStore) -> None:
            await create(
                store,
                waiting("late", priority=0, queued_at=9.0),
                waiting("early", priority=0, queued_at=1.0),
                waiting("high", priority=5, queued_at=5.0),
                waiting("other", "p", priority=9, queued_at=1.0),
                running("running"),
            )
            claimed = await store.claim("q", engine="e", host="h", limit=2)
            assert ids(claimed) == ["high", "early"]
            taken = (await store.load(claimed[0].summary.ref)).summary
            assert claimed[0].summary == taken
            assert (taken.status, taken.fence, taken.engine, taken.host) == (RunStatus.RUNNING, 2, "e", "h")
            assert ids(await store.claim("", engine="e", host="h", limit=9)) == ["other", "late"]
            assert await store.claim("", engine="e", host="h") == []

        self.run(test)

    def test_a_place_goes_before_age(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, waiting("a", queued_at=1.0), waiting("b", queued_at=2.0))
            await create(store, waiting("c", queued_at=3.0, queue_place=0.5))
            await store.commit(Change(waiting("a", queued_at=1.0, queue_place=2.5)))
            claimed = await store.claim("q", engine="e", host="h", limit=3)
            assert ids(claimed) == ["c", "b", "a"]
            assert claimed[2].summary.queued_at == 1.0

        self.run(test)

    def test_no_run_is_claimed_twice(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, *(waiting(f"r{n}") for n in range(20)))
            claims = await asyncio.gather(
                *(store.claim("q", engine="e", host="h", limit=3) for _ in range(10))
            )
            refs = [one.summary.ref for claim in claims for one in claim]
            assert len(refs) == len(set(refs)) == 20

        self.run(test)

    def test_claim_leaves_no_more_slots_in_use_than_there_are(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, running("r1"), running("r2", holds_slot=False), running("r3", "other"))
            await create(store, *(waiting(f"w{n}", queued_at=n) for n in range(5)))
            claims = await asyncio.gather(
                *(store.claim("q", engine="e", host="h", limit=2, slots=3) for _ in range(4))
            )
            assert [name for claim in claims for name in ids(claim)] == ["w0", "w1"]
            assert await store.claim("q", engine="e", host="h", slots=0) == []
            over = running("r1", status=RunStatus.SUCCEEDED)
            await store.commit(Change(over))
            assert ids(await store.claim("q", engine="e", host="h", limit=9, slots=3)) == ["w2"]

        self.run(test)

    def test_a_run_in_the_hands_of_an_engine_is_claimed_by_name_only(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, waiting("mine", engine="e1", holds_slot=False), waiting("free"))
            assert ids(await store.claim("q", engine="e2", host="h", limit=9)) == ["free"]
            ref = RunRef("a", "mine")
            assert await store.claim("other", engine="e1", host="h", ref=ref) == []
            assert await store.claim("q", engine="e1", host="h", slots=1, ref=ref) == []
            (claimed,) = await store.claim("q", engine="e1", host="h", slots=2, ref=ref)
            assert (claimed.summary.ref, claimed.summary.holds_slot) == (ref, True)
            assert await store.claim("q", engine="e1", host="h", ref=ref) == []

        self.run(test)

    def test_a_slot_is_left_for_a_sub_dag_run_whose_parent_is_running(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, running("p", holds_slot=False), waiting("w1"), waiting("w2"))
            child = RunRef("a", "c")
            await create(store, waiting("c", engine="e1", parent=RunRef("a", "p")))
            await create(store, waiting("orphan", engine="e1", parent=RunRef("a", "gone")))
            assert await store.claim("q", engine="e2", host="h", slots=1) == []
            assert ids(await store.claim("q", engine="e2", host="h", limit=9, slots=2)) == ["w1"]
            assert ids(await store.claim("q", engine="e1", host="h", slots=2, ref=child)) == ["c"]
            assert ids(await store.claim("q", engine="e2", host="h", slots=3)) == ["w2"]

        self.run(test)

    def test_a_slot_is_given_back_and_taken_again(self) -> None:
        ref = RunRef("a", "r")

        async def test(store: StateStore) -> None:
            await create(store, running("r"), waiting("w1"), waiting("w2"))
            assert await store.hold_slot(ref, fence=1, held=False) is False
            assert (await store.load(ref)).summary.holds_slot is False
            assert ids(await store.claim("q", engine="e", host="h", slots=1)) == ["w1"]
            assert await store.hold_slot(ref, fence=1, slots=1) is False
            await store.commit(Change(waiting("w1", status=RunStatus.SUCCEEDED, fence=2)))
            # It wants its slot: nobody else gets one before.
            assert await store.claim("q", engine="e", host="h", slots=1) == []
            assert await store.hold_slot(ref, fence=1, slots=1) is True
            assert await store.hold_slot(ref, fence=1, slots=1) is True
            assert (await store.load(ref)).summary.holds_slot is True
            assert await store.claim("q", engine="e", host="h", slots=1) == []
            assert ids(await store.claim("q", engine="e", host="h", slots=2)) == ["w2"]

        self.run(test)

    def test_a_slot_that_may_be_taken_in_any_case_is(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, running("r", holds_slot=False), running("other"))
            assert await store.hold_slot(RunRef("a", "r"), fence=1) is True
            assert (await store.queues())[0].slots_used == 2

        self.run(test)

    def test_what_a_dead_owner_wanted_is_not_wanted_any_more(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, running("r", holds_slot=False), waiting("w"))
            ref = RunRef("a", "r")
            assert await store.hold_slot(ref, fence=1, slots=0) is False
            assert await store.claim("q", engine="e", host="h", slots=1) == []
            await store.adopt(ref, fence=1, engine="e2", host="h")
            assert (await store.load(ref)).summary.holds_slot is False
            assert ids(await store.claim("q", engine="e", host="h", slots=1)) == ["w"]

        self.run(test)

    def test_only_the_owner_changes_a_slot(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, running("r", fence=3))
            for fence in (2, 4):
                with pytest.raises(Conflict):
                    await store.hold_slot(RunRef("a", "r"), fence=fence, held=False)
            with pytest.raises(NotFound):
                await store.hold_slot(RunRef("a", "none"), fence=1)
            assert (await store.load(RunRef("a", "r"))).summary.holds_slot is True

        self.run(test)

    def test_a_commit_leaves_the_slot_alone(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, running("r"))
            await store.hold_slot(RunRef("a", "r"), fence=1, held=False)
            await store.commit(Change(running("r", holds_slot=True, error="x")))
            stored = (await store.load(RunRef("a", "r"))).summary
            assert (stored.holds_slot, stored.error) == (False, "x")
            assert await store.queues() == []

        self.run(test)

    def test_queues_are_listed_with_what_waits_and_works(self) -> None:
        async def test(store: StateStore) -> None:
            assert await store.queues() == []
            await create(
                store,
                waiting("w1", "b", priority=1),
                waiting("w2", "b", priority=2),
                waiting("w3", "b", engine="e"),
                waiting("w4", "c", engine="e"),
                running("r1", "a"),
                running("r2", "a", holds_slot=False),
                running("r3", "d", holds_slot=False),
                running("r4", "z", status=RunStatus.SUCCEEDED),
            )
            assert await store.queues() == [
                QueueState("a", 0, 1, None),
                QueueState("b", 2, 0, RunRef("a", "w2"), owned=1),
                QueueState("c", 0, 0, None, owned=1),
            ]

        self.run(test)

    def test_a_guest_takes_a_slot_of_its_home_as_well(self) -> None:
        async def test(store: StateStore) -> None:
            guest = {"home": "own", "home_slots": 1}
            await create(store, *(waiting(f"g{n}", "wide", queued_at=n, **guest) for n in range(3)))
            await create(store, waiting("other", "wide", queued_at=9), waiting("mine", "own"))
            # What is passed over blocks nobody behind it.
            assert ids(await store.claim("wide", engine="e", host="h", limit=9, slots=3)) == ["g0", "other"]
            assert await store.claim("wide", engine="e", host="h", slots=3, ref=RunRef("a", "g1")) == []
            assert await store.claim("own", engine="e", host="h", slots=1) == []
            assert await store.queues() == [
                QueueState("own", 1, 1, RunRef("a", "mine")),
                QueueState("wide", 2, 2, RunRef("a", "g1")),
            ]
            over = waiting("g0", "wide", status=RunStatus.SUCCEEDED, fence=2, **guest)
            await store.commit(Change(over))
            assert ids(await store.claim("own", engine="e", host="h", slots=1)) == ["mine"]
            assert await store.claim("wide", engine="e", host="h", slots=3) == []
            assert ids(await store.claim("wide", engine="e", host="h", limit=9)) == ["g1", "g2"]

        self.run(test)

    def test_a_guest_that_moves_home_is_none_any_more(self) -> None:
        async def test(store: StateStore) -> None:
            await create(store, waiting("g", "wide", home="own", home_slots=1), running("r", "own"))
            assert await store.claim("wide", engine="e", host="h", slots=3) == []
            await store.commit(Change(waiting("g", "own")))
            assert ids(await store.claim("own", engine="e", host="h", slots=2)) == ["g"]
            assert [state.slots_used for state in await store.queues()] == [2]

        self.run(test)

    def test_a_guest_takes_its_slot_again_when_its_home_has_one(self) -> None:
        ref = RunRef("a", "g")

        async def test(store: StateStore) -> None:
            await create(store, running("g", "wide", home="own", home_slots=1, holds_slot=False))
            await create(store, running("r", "own"), waiting("w", "own", home="", home_slots=0))
            assert await store.hold_slot(ref, fence=1, slots=3) is False
            await store.commit(Change(running("r", "own", status=RunStatus.SUCCEEDED)))
            # It wants the slot of its home: nobody else gets that before.
            assert await store.claim("own", engine="e", host="h", slots=1) == []
            assert await store.hold_slot(ref, fence=1, slots=3) is True
            assert await store.claim("own", engine="e", host="h", slots=1) == []
            assert ids(await store.claim("own", engine="e", host="h", slots=2)) == ["w"]

        self.run(test)
