"""Offers the embedded stores."""

from __future__ import annotations

from dagu_core import StateStore, hookimpl
from dagu_core.builtins.memory_store import MemoryStore
from dagu_core.builtins.sqlite_store import SqliteStore


@hookimpl
def dagu_register_stores() -> list[type[StateStore]]:
    return [SqliteStore, MemoryStore]
