"""A store with fault points: any method of another store fails when it is told to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from dagu_core.contracts.store import StateStore


@dataclass
class Faults:
    """What goes wrong at which call: `at("commit", 3, Unavailable("gone"))`."""

    calls: Counter[str] = field(default_factory=Counter)
    _planned: dict[tuple[str, int], BaseException] = field(default_factory=dict)

    def at(self, method: str, call: int, error: BaseException) -> None:
        """Let the first (1), second, ... call of a method of the store raise `error`.

        Raises AttributeError when stores have no such method.
        """
        getattr(StateStore, method)
        self._planned[method, call] = error

    def reach(self, method: str) -> None:
        """Count a call, and raise what was planned for it."""
        self.calls[method] += 1
        if (error := self._planned.get((method, self.calls[method]))) is not None:
            raise error


def faulty(store: type[StateStore], faults: Faults) -> type[StateStore]:
    """The store with `faults`: what is planned happens before the call reaches the store."""
    space: dict[str, Any] = {
        name: _failing(getattr(store, name), name, faults)
        for name in StateStore.__abstractmethods__
        if name not in ("open", "close")
    }
    space["__doc__"] = f"{store.__name__} with fault points."
    return type(f"Faulty{store.__name__}", (store,), space)


def _failing(method: Any, name: str, faults: Faults) -> Any:
    async def call(*arguments: Any, **options: Any) -> Any:
        faults.reach(name)
        return await method(*arguments, **options)

    return call
