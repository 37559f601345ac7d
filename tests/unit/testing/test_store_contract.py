"""The suite for stores notices planted bugs, one for each of its sentences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dagu_core.base.errors import AlreadyExists, Invalid, NotFound
from dagu_core.builtins.memory_store import MemoryStore
from dagu_core.contracts.store import StoredRun
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus
from dagu_core.testing.store_contract import StateStoreContract
from tests.unit.testing.breaking import notices, sentences

good = MemoryStore


async def _closes_once(self: Any) -> None:
    self._check_open()
    await good.close(self)


async def _loses_extra(self: Any, ref: Any) -> StoredRun:
    found = await good.load(self, ref)
    return StoredRun(replace(found.summary, extra={}), found.steps)


async def _creates_again(self: Any, change: Any, definition: Any) -> None:
    self._runs.pop(change.summary.ref, None)
    await good.create(self, change, definition)


async def _one_id_for_all(self: Any, change: Any, definition: Any) -> None:
    if any(ref.run_id == change.summary.ref.run_id for ref in self._runs):
        raise AlreadyExists("taken")
    await good.create(self, change, definition)


async def _forgets_steps(self: Any, change: Any) -> None:
    self._record(change.summary.ref).steps.clear()
    await good.commit(self, change)


async def _shares(self: Any, change: Any, definition: Any) -> None:
    await good.create(self, change, definition)
    self._runs[change.summary.ref].summary = change.summary


async def _takes_any_fence(self: Any, change: Any) -> None:
    self._record(change.summary.ref).summary.fence = 0
    await good.commit(self, change)


async def _reopens(self: Any, change: Any) -> None:
    self._record(change.summary.ref).summary.status = RunStatus.RUNNING
    await good.commit(self, change)


async def _makes_up_runs(self: Any, ref: Any) -> StoredRun:
    try:
        return await good.load(self, ref)
    except NotFound:
        return StoredRun(RunSummary(ref), {})


async def _swallows(self: Any, change: Any) -> None:
    try:
        await good.commit(self, change)
    except Invalid:
        return


async def _loses_events(self: Any, change: Any) -> None:
    await good.commit(self, change)
    if len(events := self._record(change.summary.ref).events) > 5:
        del events[2]


async def _begins_anew(self: Any, ref: Any, after: int = 0, limit: int = 1000) -> Any:
    return await good.events(self, ref, 0, limit)


async def _ignores_statuses(self: Any, query: Any) -> Any:
    return await good.find(self, replace(query, statuses=()))


async def _lists_every_dag(self: Any) -> list[str]:
    self._check_open()
    return sorted({ref.dag for ref in self._runs})


async def _suspects_everything(self: Any) -> Any:
    return [str(ref) for ref in self._runs]


async def _keeps_tags(self: Any, change: Any) -> None:
    tags = self._record(change.summary.ref).summary.tags
    await good.commit(self, replace(change, summary=replace(change.summary, tags=tags)))


async def _adopts_always(self: Any, ref: Any, *, fence: int, engine: str, host: str) -> int:
    return await good.adopt(self, ref, fence=self._record(ref).summary.fence, engine=engine, host=host)


def _youngest_first(self: Any) -> Any:
    return good._waiting(self)[::-1]


async def _claims_again(self: Any, queue: str, **more: Any) -> Any:
    claimed = await good.claim(self, queue, **more)
    for one in claimed:
        summary = self._runs[one.summary.ref].summary
        summary.status, summary.engine = RunStatus.QUEUED, ""
    return claimed


def _oldest_first(self: Any) -> Any:
    return sorted(good._waiting(self), key=lambda one: (-one.priority, one.queued_at))


def _none(self: Any, queue: str) -> int:
    return 0


async def _claims_what_is_owned(self: Any, queue: str, **more: Any) -> Any:
    for summary in self._waiting():
        summary.engine = ""
    return await good.claim(self, queue, **more)


async def _always_counts(self: Any, ref: Any, *, fence: int, held: bool = True, slots: Any = None) -> bool:
    return await good.hold_slot(self, ref, fence=fence, held=held, slots=1 if slots is None else slots)


async def _keeps_the_wish(self: Any, ref: Any, **more: Any) -> int:
    wanted = self._record(ref).wants_slot
    fence = await good.adopt(self, ref, **more)
    self._record(ref).wants_slot = wanted
    return fence


async def _anybody_may(self: Any, ref: Any, *, fence: int, **more: Any) -> bool:
    return await good.hold_slot(self, ref, fence=self._record(ref).summary.fence, **more)


async def _stays_a_guest(self: Any, change: Any) -> None:
    home = self._record(change.summary.ref).summary.home
    await good.commit(self, change)
    self._record(change.summary.ref).summary.home = home


async def _forgets_the_home(self: Any, ref: Any, **more: Any) -> bool:
    self._record(ref).summary.home = ""
    return await good.hold_slot(self, ref, **more)


async def _commits_the_slot(self: Any, change: Any) -> None:
    await good.commit(self, change)
    self._record(change.summary.ref).summary.holds_slot = change.summary.holds_slot


async def _forgets_the_owned(self: Any) -> Any:
    return [replace(state, owned=0) for state in await good.queues(self)]


async def _deletes_running(self: Any, refs: Any) -> int:
    for record in self._runs.values():
        record.summary.status = RunStatus.SUCCEEDED
    return await good.delete(self, refs)


async def _takes_signals(self: Any, refs: Any) -> Any:
    found = await good.signals(self, refs)
    for ref in found:
        self._runs[ref].signals.clear()
    return found


async def _keeps_signals(self: Any, change: Any) -> None:
    kept = list(self._record(change.summary.ref).signals)
    await good.commit(self, change)
    self._record(change.summary.ref).signals[:] = kept


async def _phantom_lease(self: Any, key: str, owner: str, ttl: float) -> int | None:
    if not owner or ttl <= 0:
        raise Invalid("a lease needs an owner and a positive time")
    return 1


async def _lease_for_nobody(self: Any, key: str, owner: str, ttl: float) -> int | None:
    return await good.acquire(self, key, owner or "nobody", max(ttl, 1.0))


async def _texts_only(self: Any, namespace: str, key: str, value: Any, **more: Any) -> int:
    return await good.put(self, namespace, key, str(value), **more)


async def _takes_anything(self: Any, namespace: str, key: str, value: Any, **more: Any) -> int:
    try:
        return await good.put(self, namespace, key, value, **more)
    except Invalid:
        return 1


async def _lost_cas(self: Any, namespace: str, key: str, value: Any, **more: Any) -> int:
    return await good.put(self, namespace, key, value, ttl=more.get("ttl"))


async def _always_there(self: Any, namespace: str, key: str) -> bool:
    await good.remove(self, namespace, key)
    return True


async def _backwards(self: Any, namespace: str, prefix: str = "", limit: int = 1000) -> Any:
    return (await good.scan(self, namespace, prefix, limit))[::-1]


def _bug(**methods: Any) -> type[MemoryStore]:
    return type("Broken", (MemoryStore,), methods)


BROKEN: list[tuple[str, type[MemoryStore]]] = [
    ("test_closing_twice_is_a_no_op", _bug(close=_closes_once)),
    ("test_create_is_read_back_in_full", _bug(load=_loses_extra)),
    ("test_creating_a_run_again_changes_nothing", _bug(create=_creates_again)),
    ("test_one_id_in_two_dags_is_two_runs", _bug(create=_one_id_for_all)),
    ("test_of_many_creators_exactly_one_wins", _bug(create=_creates_again)),
    ("test_commit_writes_only_what_it_names", _bug(commit=_forgets_steps)),
    ("test_the_store_shares_no_object_with_its_callers", _bug(create=_shares)),
    ("test_an_older_fence_is_refused", _bug(commit=_takes_any_fence)),
    ("test_a_run_that_is_over_changes_only_by_a_retry", _bug(commit=_reopens)),
    ("test_a_run_nobody_created_is_not_found", _bug(load=_makes_up_runs)),
    ("test_what_json_cannot_hold_is_refused_and_hurts_nobody", _bug(commit=_swallows)),
    ("test_many_commits_at_once_are_all_kept_in_order", _bug(commit=_loses_events)),
    ("test_events_come_in_pages", _bug(events=_begins_anew)),
    ("test_find_narrows_by_every_field", _bug(find=_ignores_statuses)),
    ("test_the_dags_with_runs_of_their_own_are_listed_by_name", _bug(dags=_lists_every_dag)),
    ("test_what_was_written_is_found_sound", _bug(check=_suspects_everything)),
    ("test_find_follows_changes", _bug(commit=_keeps_tags)),
    ("test_of_many_adopters_exactly_one_wins", _bug(adopt=_adopts_always)),
    ("test_claim_takes_by_priority_then_age", _bug(_waiting=_youngest_first)),
    ("test_a_place_goes_before_age", _bug(_waiting=_oldest_first)),
    ("test_no_run_is_claimed_twice", _bug(claim=_claims_again)),
    ("test_claim_leaves_no_more_slots_in_use_than_there_are", _bug(_slots_used=_none)),
    ("test_a_run_in_the_hands_of_an_engine_is_claimed_by_name_only", _bug(claim=_claims_what_is_owned)),
    ("test_a_slot_is_left_for_a_sub_dag_run_whose_parent_is_running", _bug(_children_waiting=_none)),
    ("test_a_slot_is_given_back_and_taken_again", _bug(_slots_wanted=_none)),
    ("test_a_slot_that_may_be_taken_in_any_case_is", _bug(hold_slot=_always_counts)),
    ("test_what_a_dead_owner_wanted_is_not_wanted_any_more", _bug(adopt=_keeps_the_wish)),
    ("test_only_the_owner_changes_a_slot", _bug(hold_slot=_anybody_may)),
    ("test_a_commit_leaves_the_slot_alone", _bug(commit=_commits_the_slot)),
    ("test_a_guest_takes_a_slot_of_its_home_as_well", _bug(_has_room=lambda self, guest: True)),
    ("test_a_guest_that_moves_home_is_none_any_more", _bug(commit=_stays_a_guest)),
    ("test_a_guest_takes_its_slot_again_when_its_home_has_one", _bug(hold_slot=_forgets_the_home)),
    ("test_queues_are_listed_with_what_waits_and_works", _bug(queues=_forgets_the_owned)),
    ("test_delete_takes_everything_of_the_run_and_below", _bug(_family=lambda self, ref: [ref])),
    ("test_delete_leaves_active_runs", _bug(delete=_deletes_running)),
    ("test_signals_wait_in_order_until_a_commit_has_heard_them", _bug(signals=_takes_signals)),
    ("test_a_run_that_is_over_has_no_signals", _bug(commit=_keeps_signals)),
    ("test_a_lease_has_one_holder_and_a_growing_fence", _bug(acquire=_phantom_lease)),
    ("test_a_lease_needs_an_owner_and_a_time", _bug(acquire=_lease_for_nobody)),
    ("test_a_pair_keeps_any_json_value", _bug(put=_texts_only)),
    ("test_a_pair_refuses_what_is_no_json", _bug(put=_takes_anything)),
    ("test_put_checks_the_expected_version", _bug(put=_lost_cas)),
    ("test_a_pair_expires", _bug(_has_expired=lambda self, pair: False)),
    ("test_remove_tells_whether_there_was_a_pair", _bug(remove=_always_there)),
    ("test_scan_goes_by_prefix_in_key_order", _bug(scan=_backwards)),
]


def test_every_test_has_a_bug_that_it_finds() -> None:
    assert {test for test, _ in BROKEN} == sentences(StateStoreContract)


@pytest.mark.parametrize(("test", "store"), BROKEN)
def test_X12_the_suite_finds_the_bug(test: str, store: type[MemoryStore], tmp_path: Path) -> None:
    def make_store(self: Any) -> MemoryStore:
        return store(clock=self.clock)

    made: Callable[..., Any] = make_store
    suite = type("Suite", (StateStoreContract,), {"make_store": made})
    assert notices(suite, test, tmp_path)


def test_a_store_without_a_bug_passes(tmp_path: Path) -> None:
    suite = type("Suite", (StateStoreContract,), {"make_store": lambda self: MemoryStore(clock=self.clock)})
    assert [test for test, _ in BROKEN if notices(suite, test, _fresh(tmp_path / test))] == []


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder
