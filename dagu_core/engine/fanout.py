"""Carries committed events to observers and notifiers, off the write path, each kept apart."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.notifier import Notice, Notifier
from dagu_core.contracts.observer import Observer
from dagu_core.contracts.store import StoredRun
from dagu_core.model.run.events import Event
from dagu_core.model.run.run import Run

#: events waiting for one listener; more are dropped and counted
BACKLOG = 10_000
#: seconds one call may take, and the end of the process may be held up
PATIENCE = 30.0

Call = Callable[[], Awaitable[None]]


class Lane:
    """One listener with its own queue: what it does wrong is told once and touches nobody else."""

    def __init__(self, name: str, opening: Call, closing: Call) -> None:
        self.name, self._opening, self._closing = name, opening, closing
        self._calls: asyncio.Queue[Call | None] = asyncio.Queue(BACKLOG + 1)
        self.dropped = 0
        self.failures: list[str] = []
        self._task = asyncio.create_task(self._work())

    def put(self, call: Call) -> None:
        """Queue a call; never waits."""
        if self._calls.qsize() >= BACKLOG:
            self.dropped += 1
        else:
            self._calls.put_nowait(call)

    async def close(self) -> None:
        """Let the queue run empty, for PATIENCE seconds at most."""
        self._calls.put_nowait(None)
        done, _ = await asyncio.wait({self._task}, timeout=PATIENCE)
        if not done:
            self._task.cancel()
            self._fail(f"gave up after {PATIENCE:g} s, {self._calls.qsize()} events unheard")

    async def _work(self) -> None:
        await self._guarded(self._opening)
        while (call := await self._calls.get()) is not None:
            await self._guarded(call)
        await self._guarded(self._closing)

    async def _guarded(self, call: Call) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await call()
        except TimeoutError:
            self._fail(f"took longer than {PATIENCE:g} s")
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")

    def _fail(self, what: str) -> None:
        if not self.failures:
            sys.stderr.write(f"dagu: {self.name}: {what}\n")
        self.failures.append(what)


class Fanout:
    """All listeners of one runner; costs nothing when there are none."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._observers: list[tuple[Observer, Lane]] = []
        self._notifiers: dict[str, tuple[Notifier, Lane]] = {}

    def open(self) -> None:
        """Start one lane an observer; notifiers get theirs when a DAG asks for them."""
        for name, part in self._catalog.observers.items():
            observer = part()
            self._observers.append((observer, Lane(f"observer {name}", observer.open, observer.close)))

    async def close(self) -> None:
        """Deliver what is queued, within bounds."""
        lanes = [lane for _, lane in (*self._observers, *self._notifiers.values())]
        await asyncio.gather(*(lane.close() for lane in lanes))

    def publish(self, run: Run, event: Event) -> None:
        """Hand one committed event to everybody who listens."""
        for observer, lane in self._observers:
            lane.put(_bind(observer.observe, run.ref, event))
        for word in run.plan.fields.keys() & self._catalog.notifiers.keys():
            notifier, lane = self._notifier(word)
            part = self._catalog.notifiers[word]
            config = part.Config.model_validate(run.plan.fields[word])
            lane.put(_bind(notifier.notify, config, _notice(run, event)))

    def _notifier(self, word: str) -> tuple[Notifier, Lane]:
        if word not in self._notifiers:
            self._notifiers[word] = (
                self._catalog.notifiers[word](),
                Lane(f"notifier {word}", _nothing, _nothing),
            )
        return self._notifiers[word]


def _notice(run: Run, event: Event) -> Notice:
    steps = {node.name: run.steps[node.index] for node in run.plan.nodes}
    return Notice(run.plan, StoredRun(run.summary, steps), event, run.plan.fields)


def _bind(method: Callable[..., Awaitable[None]], *arguments: Any) -> Call:
    return lambda: method(*arguments)


async def _nothing() -> None:
    """Notifiers are opened and closed by their calls."""
