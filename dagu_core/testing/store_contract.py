"""`StateStoreContract`: inherit it, override `make_store`, and a store is proven."""

from dagu_core.testing.store_lists import ListCases
from dagu_core.testing.store_pairs import PairCases
from dagu_core.testing.store_queues import QueueCases
from dagu_core.testing.store_runs import RunCases
from dagu_core.testing.store_suite import NOTE, SOURCE, ManualClock, summary

__all__ = ["NOTE", "SOURCE", "ManualClock", "StateStoreContract", "summary"]


class StateStoreContract(RunCases, ListCases, QueueCases, PairCases):
    """Each sentence of the contract as a test."""
