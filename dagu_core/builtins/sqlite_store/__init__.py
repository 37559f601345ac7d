"""The embedded store: one SQLite file, no service."""

from dagu_core.builtins.sqlite_store.store import SqliteStore

__all__ = ["SqliteStore"]
