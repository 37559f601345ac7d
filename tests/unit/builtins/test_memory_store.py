"""The memory twin keeps the contract of stores."""

from dagu_core.builtins.memory_store import MemoryStore
from dagu_core.testing.store_contract import StateStoreContract


class TestMemoryStore(StateStoreContract):
    def make_store(self) -> MemoryStore:
        return MemoryStore(clock=self.clock)
