"""Carries committed events to observers and notifiers, off the write path, each kept apart."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from copy import copy
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.base.errors import DaguError
from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.notifier import Notice, Notifier
from dagu_core.contracts.observer import Observer
from dagu_core.contracts.store import StoredRun
from dagu_core.engine.context import RunContext
from dagu_core.model.run.events import Event, Noted, RunEnded
from dagu_core.model.run.run import Run, RunRef, StepRun

#: events waiting for one listener; more are dropped and counted
BACKLOG = 10_000
#: seconds one call may take, and the end of the process may be held up
PATIENCE = 30.0

Call = Callable[[], Awaitable[None]]
Tell = Callable[[str], None]
T = TypeVar("T")


def _nothing(what: str) -> None:
    pass


class Waiting(Struct, frozen=True):
    """A call that waits for its turn; `mask` is for what its errors say, `failed` hears them."""

    call: Call
    mask: Callable[[str], str] = str
    failed: Tell = _nothing


class Lane:
    """One listener with its own queue: what it does wrong is told once and touches nobody else."""

    def __init__(self, name: str, opening: Call | None = None, closing: Call | None = None) -> None:
        self.name, self._opening, self._closing = name, opening, closing
        self._calls: asyncio.Queue[Waiting | None] = asyncio.Queue()
        self._current: Waiting | None = None
        self.dropped = 0
        self.failures: list[str] = []
        self._task = asyncio.create_task(self._work())

    def put(self, waiting: Waiting) -> None:
        """Queue a call; never waits."""
        if self._calls.qsize() >= BACKLOG:
            self.dropped += 1
        else:
            self._calls.put_nowait(waiting)

    async def close(self) -> None:
        """Let the queue run empty, for PATIENCE seconds at most."""
        self._calls.put_nowait(None)
        done, _ = await asyncio.wait({self._task}, timeout=PATIENCE)
        if not done:
            self._task.cancel()
            what = f"gave up after {PATIENCE:g} s, {self._calls.qsize() - 1} events unheard"
            self._fail(what)
            queued = [self._calls.get_nowait() for _ in range(self._calls.qsize())]
            for each in queued:
                self._calls.put_nowait(each)  # one that ignores its end needs the end of the queue
            for each in (self._current, *queued):
                if each is not None:
                    each.failed(what)
        if self.dropped:
            self._fail(f"too slow: {self.dropped} events were dropped")

    async def _work(self) -> None:
        if self._opening is not None:
            await self._guarded(Waiting(self._opening))
        while (waiting := await self._calls.get()) is not None:
            await self._guarded(waiting)
        if self._closing is not None:
            await self._guarded(Waiting(self._closing))

    async def _guarded(self, waiting: Waiting) -> None:
        self._current = waiting
        if what := await self._called(waiting):
            self._fail(what)
            waiting.failed(what)

    async def _called(self, waiting: Waiting) -> str:
        """Make the call and say what went wrong."""
        try:
            async with asyncio.timeout(PATIENCE) as limit:
                await waiting.call()
        except (Exception, SystemExit) as error:
            if limit.expired():
                return f"took longer than {PATIENCE:g} s"
            return waiting.mask(_wrong(error))
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return "cancelled itself"
        return ""

    def _fail(self, what: str) -> None:
        if what not in self.failures:
            _say(self.name, what)
        self.failures.append(what)


class Fanout:
    """All listeners of one runner; costs nothing when there are none. `unheard` is told, once a
    run and cause, who could not be told of it."""

    def __init__(self, catalog: Catalog, unheard: Callable[[Run, str], None]) -> None:
        self._catalog, self._unheard = catalog, unheard
        self._observers: list[tuple[Observer, Lane]] = []
        self._notifiers: dict[str, tuple[Notifier, Lane] | None] = {}
        self._known: dict[RunRef, tuple[RunContext, set[str]]] = {}
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
            self._known[ref] = context, set()
        for run, event in self._early.pop(ref, ()):
            self._notify(run, event)

    def publish(self, run: Run, event: Event) -> None:
        """Hand one committed event to everybody who listens; never waits, never raises."""
        for observer, lane in self._observers:
            lane.put(Waiting(_bind(observer.observe, run.ref, event)))
        if self._catalog.notifiers and run.plan.fields:
            if run.ref in self._known:
                self._notify(run, event)
            else:
                self._early.setdefault(run.ref, []).append((run, event))

    def _notify(self, run: Run, event: Event) -> None:
        context, told = self._known[run.ref]
        for word in context.fields.keys() & self._catalog.notifiers.keys():
            if (found := self._notifier(word)) is not None:
                notifier, lane = found
                call = _bind(notifier.notify, context.fields[word], _notice(run, event, context))
                # What fails at every note must not make a note of that, too.
                failed = _nothing if isinstance(event, Noted) else self._failed(run, lane.name, told)
                lane.put(Waiting(call, context.mask, failed))
        if isinstance(event, RunEnded):
            del self._known[run.ref]

    def _failed(self, run: Run, name: str, told: set[str]) -> Tell:
        def failed(what: str) -> None:
            sentence = f"{name}: {what}"
            if sentence not in told:
                told.add(sentence)
                self._unheard(run, sentence)

        return failed

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
        _say(name, _wrong(error))
        return None


def _wrong(error: BaseException) -> str:
    # What was made for people needs no name of a class.
    return str(error) if isinstance(error, DaguError) else f"{type(error).__name__}: {error}"


def _bind(method: Callable[..., Awaitable[None]], *arguments: Any) -> Call:
    return lambda: method(*arguments)


def _say(name: str, what: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that was closed
        sys.stderr.write(f"dagu: {name}: {what}\n")
