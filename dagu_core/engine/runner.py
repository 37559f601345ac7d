"""Hosts runs in this process: its identity, its descriptors, its ear for signals."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dagu_core.base.clock import Clock
from dagu_core.base.errors import DaguError, Unavailable
from dagu_core.base.reserve import keep
from dagu_core.contracts.catalog import Catalog
from dagu_core.contracts.store import StateStore
from dagu_core.engine.driver import Driver
from dagu_core.engine.fanout import Fanout
from dagu_core.engine.liveness import Ear, EngineLock, hear, host_name, living_pid
from dagu_core.engine.logs import work_folder
from dagu_core.engine.queue_slot import QueueRules
from dagu_core.engine.queue_turn import Waits
from dagu_core.engine.run_log import RunLog
from dagu_core.engine.supervision import Supervision
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.events import Event, Noted, StopRequested
from dagu_core.model.run.run import Run, RunRef
from dagu_core.model.run.signals import StopSignal

#: seconds between two looks at the signals of hosted runs when nobody pokes us
SIGNAL_POLL = 1.0
#: descriptors the engine itself needs, and how many one starting attempt takes
_RESERVED, _PER_ATTEMPT = 20, 6
_MINIMUM = 32
#: steps at once below which a run is warned that it may be slow
_FEW = 64
#: runs at once up to which steps are made ready ahead
_FEW_RUNS = 8


class Definitions(Protocol):
    """Finds the plan a sub-DAG step calls."""

    def child(self, target: str, parent: Plan) -> Plan:
        """A local document of the parent's file, or a DAG by name or path. Raises DaguError."""
        ...


@dataclass(slots=True)
class Surroundings:
    """Where a runner keeps things, and how many bytes of each log of a step."""

    home: str
    data: Path
    logs: Path
    environ: Mapping[str, str]
    log_limit: int = 1 << 30


@dataclass
class Runner:
    """Drives any number of runs at once; `async with` holds its liveness lock.

    `watch` hears every committed event of every run; `describe` makes a line for the run's own log
    of one ("" = none). `look_ahead` = steps of a chain may begin before the store knows. `woken` is set
    by whoever pokes us. Without `queues` no run waits for its turn. `worker`: its name in its runs.
    """

    store: StateStore
    catalog: Catalog
    clock: Clock
    places: Surroundings
    definitions: Definitions
    watch: Callable[[Run, Event], None] = lambda run, event: None
    describe: Callable[[Run, Event], str] = lambda run, event: ""
    look_ahead: bool = True
    queues: QueueRules | None = None
    supervision: Supervision = field(default_factory=Supervision)
    engine: str = ""
    host: str = field(default_factory=host_name)
    worker: str = ""
    slots: asyncio.Semaphore = field(init=False)
    capacity: int = field(init=False)
    fanout: Fanout = field(init=False)
    _drivers: dict[RunRef, Driver] = field(default_factory=dict)
    _interrupts: int = 0
    #: whoever comes next shall look for runs of this engine, though it ends well
    left_runs: bool = False
    interrupted_by: str = ""

    async def __aenter__(self) -> Runner:
        self.engine = self.engine or f"e{self.clock.new_token(12)}"
        self._lock = EngineLock(self.places.data, self.engine)
        self._poked, self.woken, self.waits = asyncio.Event(), asyncio.Event(), Waits()
        self._busy = asyncio.Event()
        self._ear = Ear(self._wake)
        try:
            self._lock.hold()
        except OSError as error:
            path = error.filename or self.places.data
            raise Unavailable(f"cannot write {path}: {error.strerror}") from None
        self._poller = asyncio.create_task(self._poll_signals())
        self.supervision.start_supervisor()
        self.supervision.listen()
        keep(self.places.data / "work")
        self.fanout = Fanout(self.catalog, self._note_unheard)
        self.fanout.open()
        # Only now: the supervisor, and so the steps, keep the limit of descriptors they were given.
        self.capacity = _capacity()
        self.slots = asyncio.Semaphore(self.capacity)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._poller.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._poller
        await self.fanout.close()
        self.supervision.close()
        self._lock.release(leaving_runs=self.left_runs)
        self._ear.close()

    def _wake(self) -> None:
        self._poked.set()
        self.woken.set()
        self.waits.look()

    async def host_run(self, driver: Driver, first: list[Event]) -> Run:
        """Drive to the end, then remove the run's working files."""
        self._drivers[driver.run.ref] = driver
        self._busy.set()
        if self._interrupts:
            # The signal came before there was anybody to stop.
            first = [*first, *self._stop_for(driver)]
        try:
            run = await driver.drive(first)
        finally:
            self._drivers.pop(driver.run.ref, None)
            self.waits.look()
        if run.is_over:
            shutil.rmtree(work_folder(self.places.data, run.ref), ignore_errors=True)
        return run

    def let_go(self) -> None:
        """Leave the hosted runs to the next engine: their processes go on, and are joined there."""
        for driver in self._drivers.values():
            driver.abandoned = self.left_runs = True

    def tell(self, run: Run, event: Event) -> None:
        """Pass a committed event on to everybody who listens."""
        self.fanout.publish(run, event)
        with contextlib.suppress(OSError):  # a terminal that was closed
            self.watch(run, event)

    def _note_unheard(self, run: Run, what: str) -> None:
        """A notifier failed: an event of the run while it goes on; after its end, which nothing may
        change, a line in its log."""
        event = Noted(self.clock.now(), "notifier.failed", what)
        if (driver := self._drivers.get(run.ref)) is not None and not run.is_over:
            driver.post(event)
        elif run.summary.log:
            log = RunLog(Path(run.summary.log), self.describe, lambda run, event: None)
            log(run, [event])
            log.close()

    def listen_to_signals(self) -> None:
        """Turn SIGINT, SIGTERM, SIGHUP and SIGQUIT into stop requests; a second one forces."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
        hear(numbers, lambda number: self.interrupt(number.name))

    def interrupt(self, name: str) -> None:
        """Ask every hosted root run to stop, as a signal of this name does."""
        self._interrupts += 1
        self.interrupted_by = name
        if name == "SIGQUIT":
            self._dump_stacks()
        for driver in list(self._drivers.values()):
            for event in self._stop_for(driver):
                driver.post(event)
        self.waits.stop()

    def _stop_for(self, driver: Driver) -> list[Event]:
        """Children are stopped by their parents; a second signal spares nobody."""
        name = self.interrupted_by
        sent = "SIGTERM" if name in ("SIGQUIT", "SIGHUP") else name
        if driver.run.summary.parent is None or self.forced:
            return [StopRequested(self.clock.now(), name, sent, self.forced)]
        return []

    def stop_child(self, ref: RunRef, request: StopRequested) -> None:
        """Pass a stop of a parent on to a child that runs here; asking twice changes nothing."""
        driver = self._drivers.get(ref)
        if driver is None:
            self.waits.stop(ref)
        elif request.force or not driver.run.stopping:
            driver.post(StopRequested(self.clock.now(), request.by, request.signal, request.force))

    @property
    def may_look_ahead(self) -> bool:
        """Whether steps that follow for sure are made ready early: each keeps files open."""
        return self.look_ahead and len(self._drivers) <= _FEW_RUNS

    @property
    def few(self) -> str:
        """A warning when hardly any steps can be at work at once."""
        if self.capacity >= _FEW:
            return ""
        return f"few file descriptors are allowed: at most {self.capacity} steps work at once"

    @property
    def forced(self) -> bool:
        """Whether somebody lost patience."""
        return self._interrupts > 1

    def is_alive(self, engine: str, host: str) -> bool:
        """Whether the owner of a run still lives. Of other hosts we know nothing: assume so."""
        if host and host != self.host:
            return True
        return engine == self.engine or living_pid(self.places.data, engine) is not None

    async def _poll_signals(self) -> None:
        while True:
            await self._busy.wait()  # who has no run is asked nothing
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SIGNAL_POLL):
                    await self._poked.wait()
            self._poked.clear()
            if not self._drivers:
                self._busy.clear()
                continue
            with contextlib.suppress(DaguError):
                # A store that is away for a moment is noticed by the next commit, not here.
                waiting = await self.store.signals(list(self._drivers))
                for ref, found in waiting.items():
                    for one in found:
                        self._deliver(ref, one)

    def _deliver(self, ref: RunRef, one: StopSignal) -> None:
        if (driver := self._drivers.get(ref)) is not None and one not in driver.told:
            driver.told.add(one)
            driver.post(StopRequested(one.at, one.by, one.signal, one.force))

    def _dump_stacks(self) -> None:
        import faulthandler

        for driver in self._drivers.values():
            with contextlib.suppress(OSError), driver.bench.files.log.open("a") as log:
                faulthandler.dump_traceback(log)


def _capacity() -> int:
    """How many attempts may be at work at once with the descriptors there are.

    Raises Unavailable when there are too few to work at all.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard and soft < 65_536:
        wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    if soft < _MINIMUM:
        raise Unavailable(
            f"only {soft} file descriptors are allowed, at least {_MINIMUM} are needed",
            hint="raise the limit, e.g. `ulimit -n 1024`",
        )
    return max(1, (soft - _RESERVED) // _PER_ATTEMPT) if soft < 4096 else soft // 3
