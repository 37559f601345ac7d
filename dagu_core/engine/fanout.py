"""Carries committed events to observers and notifiers, off the write path, each kept apart."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar

from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.notifier import Notice, Notifier
from dagu_core.contracts.observer import Observer
from dagu_core.contracts.store import StoredRun
from dagu_core.engine.context import RunContext
from dagu_core.model.run.events import Event, RunEnded
from dagu_core.model.run.run import Run, RunRef, StepRun

#: events waiting for one listener; more are dropped and counted
BACKLOG = 10_000
#: seconds one call may take, and the end of the process may be held up
PATIENCE = 30.0

Call = Callable[[], Awaitable[None]]
Mask = Callable[[str], str]
T = TypeVar("T")


class Lane:
    """One listener with its own queue: what it does wrong is told once and touches nobody else."""

    def __init__(self, name: str, opening: Call | None = None, closing: Call | None = None) -> None:
        self.name, self._opening, self._closing = name, opening, closing
        self._calls: asyncio.Queue[tuple[Call, Mask] | None] = asyncio.Queue()
        self.dropped = 0
        self.failures: list[str] = []
        self._task = asyncio.create_task(self._work())

    def put(self, call: Call, mask: Mask = str) -> None:
        """Queue a call; never waits. `mask` is for what its errors say."""
        if self._calls.qsize() >= BACKLOG:
            self.dropped += 1
        else:
            self._calls.put_nowait((call, mask))

    async def close(self) -> None:
        """Let the queue run empty, for PATIENCE seconds at most."""
        self._calls.put_nowait(None)
        done, _ = await asyncio.wait({self._task}, timeout=PATIENCE)
        if not done:
            self._task.cancel()
            self._fail(f"gave up after {PATIENCE:g} s, {self._calls.qsize() - 1} events unheard")
        if self.dropped:
            self._fail(f"too slow: {self.dropped} events were dropped")

    async def _work(self) -> None:
        if self._opening is not None:
            await self._guarded(self._opening, str)
        while (waiting := await self._calls.get()) is not None:
            await self._guarded(*waiting)
        if self._closing is not None:
            await self._guarded(self._closing, str)

    async def _guarded(self, call: Call, mask: Mask) -> None:
        try:
            async with asyncio.timeout(PATIENCE) as limit:
                await call()
        except (Exception, SystemExit) as error:
            if limit.expired():
                self._fail(f"took longer than {PATIENCE:g} s")
            else:
                self._fail(mask(f"{type(error).__name__}: {error}"))
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            self._fail("cancelled itself")

    def _fail(self, what: str) -> None:
        if what not in self.failures:
            _say(self.name, what)
        self.failures.append(what)


class Fanout:
    """All listeners of one runner; costs nothing when there are none."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._observers: list[tuple[Observer, Lane]] = []
        self._notifiers: dict[str, tuple[Notifier, Lane] | None] = {}
        self._known: dict[RunRef, RunContext] = {}
        self._early: dict[RunRef, list[tuple[Run, Event]]] = {}

    def open(self) -> None:
        """Start one lane an observer; notifiers get theirs when a DAG asks for them."""
        for name, part in self._catalog.observers.items():
            if name == part.name and (observer := _made(f"observer {name}", part)) is not None:
                lane = Lane(f"observer {name}", observer.open, observer.close)
                self._observers.append((observer, lane))

    async def close(self) -> None:
        """Deliver what is queued, within bounds."""
        told = [each for each in self._notifiers.values() if each is not None]
        await asyncio.gather(*(lane.close() for _, lane in (*self._observers, *told)))

    def introduce(self, ref: RunRef, context: RunContext) -> None:
        """Tell the values of a run, without which its notifiers cannot be told anything."""
        if self._catalog.notifiers:
            self._known[ref] = context
        for run, event in self._early.pop(ref, ()):
            self._notify(run, event)

    def publish(self, run: Run, event: Event) -> None:
        """Hand one committed event to everybody who listens; never waits, never raises."""
        for observer, lane in self._observers:
            lane.put(_bind(observer.observe, run.ref, event))
        if self._catalog.notifiers and run.plan.fields:
            if run.ref in self._known:
                self._notify(run, event)
            else:
                self._early.setdefault(run.ref, []).append((run, event))

    def _notify(self, run: Run, event: Event) -> None:
        context = self._known[run.ref]
        for word in context.fields.keys() & self._catalog.notifiers.keys():
            if (found := self._notifier(word)) is not None:
                notifier, lane = found
                call = _bind(notifier.notify, context.fields[word], _notice(run, event, context))
                lane.put(call, context.mask)
        if isinstance(event, RunEnded):
            del self._known[run.ref]

    def _notifier(self, word: str) -> tuple[Notifier, Lane] | None:
        if word not in self._notifiers:
            name = f"notifier {word}"
            notifier = _made(name, self._catalog.notifiers[word])
            self._notifiers[word] = None if notifier is None else (notifier, Lane(name))
        return self._notifiers[word]


class _Steps(Mapping[str, StepRun]):
    """The steps of a run as they stand, by name; what is handed out is a copy."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getitem__(self, name: str) -> StepRun:
        return copy(self._run.steps[self._run.plan.by_name[name]])

    def __iter__(self) -> Iterator[str]:
        return (node.name for node in self._run.plan.nodes)

    def __len__(self) -> int:
        return len(self._run.plan.nodes)


def _notice(run: Run, event: Event, context: RunContext) -> Notice:
    return Notice(run.plan, StoredRun(replace(run.summary), _Steps(run)), event, context.fields)


def _made(name: str, part: Callable[[], T]) -> T | None:
    try:
        return part()
    except (Exception, SystemExit) as error:
        _say(name, f"{type(error).__name__}: {error}")
        return None


def _bind(method: Callable[..., Awaitable[None]], *arguments: Any) -> Call:
    return lambda: method(*arguments)


def _say(name: str, what: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that was closed
        sys.stderr.write(f"dagu: {name}: {what}\n")
