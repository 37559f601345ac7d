"""A store: `folder:///some/where` keeps the embedded database in a folder of that name."""

from typing import ClassVar

from dagu_core import Clock, Invalid, SqliteStore, StateStore, hookimpl


class FolderStore(SqliteStore):
    """The embedded store under another address. A store from scratch implements every method of
    `StateStore`; the memory store of the core is the shortest whole one."""

    scheme: ClassVar[str] = "folder"

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        place, mark, options = url.partition("?")
        if not place.startswith("folder:///"):
            raise Invalid(f"invalid store {url!r}", hint="Write it as folder:///absolute/path.")
        super().__init__(f"{place.rstrip('/')}/runs.db{mark}{options}", clock=clock)


@hookimpl
def dagu_register_stores() -> list[type[StateStore]]:
    return [FolderStore]
