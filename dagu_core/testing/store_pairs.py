"""The contract of stores on signals, leases and pairs, sentence by sentence."""

from __future__ import annotations

import asyncio

import pytest

from dagu_core.base.errors import Conflict, Invalid
from dagu_core.contracts.store import Change, StateStore
from dagu_core.model.run.run import RunRef
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus
from dagu_core.testing.store_suite import SOURCE, StoreSuite, summary


class PairCases(StoreSuite):
    """Signals, leases, key-value."""

    # -- signals ----------------------------------------------------------------------------------

    def test_signals_wait_in_order_until_a_commit_has_heard_them(self) -> None:
        async def test(store: StateStore) -> None:
            refs = [RunRef("a", name) for name in ("r1", "r2", "r3")]
            for ref in refs:
                await store.create(Change(summary(ref.run_id)), SOURCE)
            first, second = StopSignal(1.0, "me", "SIGINT"), StopSignal(2.0, "you", force=True)
            await store.leave_signal(refs[0], first)
            await store.leave_signal(refs[2], second)
            await store.leave_signal(refs[0], second)
            assert await store.signals([]) == {}
            both, other = {refs[0]: [first, second]}, {refs[2]: [second]}
            assert await store.signals([refs[0], refs[1], RunRef("a", "no")]) == both
            await store.commit(Change(summary("r1")))
            assert await store.signals(refs) == both | other
            await store.commit(Change(summary("r1"), heard=[first]))
            assert await store.signals(refs) == {refs[0]: [second]} | other
            await store.commit(Change(summary("r1"), heard=[second]))
            assert await store.signals(refs) == other

        self.run(test)

    def test_a_run_that_is_over_has_no_signals(self) -> None:
        async def test(store: StateStore) -> None:
            ref, signal = RunRef("a", "r"), StopSignal(1.0, "me")
            await store.create(Change(summary("r")), SOURCE)
            await store.leave_signal(ref, signal)
            await store.commit(Change(summary("r", status=RunStatus.SUCCEEDED)))
            assert await store.signals([ref]) == {}
            await store.leave_signal(ref, signal)  # by somebody who looked a moment before the end
            assert await store.signals([ref]) == {}

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
