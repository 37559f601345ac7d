"""A watcher: writes the name of every committed event to the file that JOURNAL names."""

import os
from pathlib import Path

from dagu_core import Event, Observer, RunRef, hookimpl


class Journal(Observer):
    """One line an event."""

    name = "journal"

    async def observe(self, ref: RunRef, event: Event) -> None:
        with Path(os.environ["JOURNAL"]).open("a", encoding="utf-8") as file:
            file.write(f"{ref.dag} {type(event).__name__}\n")


@hookimpl
def dagu_register_observers() -> list[type[Observer]]:
    return [Journal]
