"""A store: `folder:///some/where` keeps the embedded database in a folder of that name."""

from typing import ClassVar

from dagu_core import Clock, Invalid, StateStore, hookimpl
from dagu_core.builtins.sqlite_store import SqliteStore


class FolderStore(SqliteStore):
    """The embedded store under another address. A store from scratch implements every method of
    `StateStore`; the memory store of the core is the shortest whole one."""

    scheme: ClassVar[str] = "folder"

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        if not url.startswith("folder:///"):
            raise Invalid(f"invalid store {url!r}", hint="Write it as folder:///absolute/path.")
        super().__init__(f"{url.rstrip('/')}/runs.db", clock=clock)


@hookimpl
def dagu_register_stores() -> list[type[StateStore]]:
    return [FolderStore]
