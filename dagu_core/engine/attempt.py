"""One try of one step, as its executor sees it."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from dagu_core.base.failpoints import fail_point
from dagu_core.base.reserve import release
from dagu_core.contracts.executor import MARK, Children
from dagu_core.engine.ahead import Place
from dagu_core.engine.context import RunContext
from dagu_core.engine.env_limit import ENV_LIMIT
from dagu_core.engine.log_keeper import LogKeeper
from dagu_core.engine.log_writer import LogWriter
from dagu_core.engine.logs import make_folder
from dagu_core.engine.processes import Ended, Supervised, attach
from dagu_core.engine.scope import StepScope
from dagu_core.engine.status_file import Fate, read_story
from dagu_core.engine.streams import Streams
from dagu_core.engine.substitute import Substitution
from dagu_core.engine.supervision import Started, Supervision
from dagu_core.engine.texts import Texts
from dagu_core.model.plan.plan import Call, PlannedStep, Shell
from dagu_core.model.run.run import RunRef


class LiveAttempt(Struct):
    """The `Attempt` of the contract, made by the engine. `again` = an earlier engine started it.

    `note` reports an event worth recording (a kill); `abandoned` tells that this engine lost the
    run: cancelling then leaves the step alone, because somebody else is its engine now. `forced`
    tells that whoever asked for the stop has no patience.
    """

    run: RunRef
    step: PlannedStep
    number: int
    config: Any
    context: RunContext
    texts: Texts
    shell: Shell
    shell_is_own: bool
    env: dict[str, str]
    working_dir: Path
    scratch_path: str
    status_path: str
    streams: Streams
    grace: float
    stop_signal_name: Callable[[], str]
    note: Callable[[str, str], None]
    values: StepScope
    substitution: Substitution
    supervision: Supervision
    again: bool
    place: Place
    now: Callable[[], float]
    children_of: Callable[[LiveAttempt], Children]
    step_fields: Mapping[str, Any] = field(default_factory=dict)
    dag_fields: Mapping[str, Any] = field(default_factory=dict)
    abandoned: Callable[[], bool] = lambda: False
    forced: Callable[[], bool] = lambda: False
    warnings: list[str] = field(default_factory=list)
    usage: dict[str, float] = field(default_factory=dict)
    killed: bool = False
    never_started: bool = False
    _writers: dict[str, LogWriter] = field(default_factory=dict)

    @property
    def commands(self) -> Sequence[str]:
        return self.texts.commands

    @property
    def exec(self) -> Sequence[str]:
        return self.texts.exec

    @property
    def script(self) -> str:
        return self.texts.script

    @property
    def children(self) -> Children:
        return self.children_of(self)

    @property
    def call(self) -> Call | None:
        return self.texts.call

    @property
    def arguments(self) -> Sequence[str]:
        return self.context.positional

    @property
    def dag_working_dir(self) -> Path:
        return self.context.working_dir

    @property
    def dag_folder(self) -> Path:
        return self.context.folder

    @property
    def stop_signal(self) -> int:
        name = self.step.signal_on_stop or self.stop_signal_name() or "SIGTERM"
        return int(getattr(signal, name, signal.SIGTERM))

    @property
    def scratch(self) -> Path:
        make_folder(self.scratch_path)
        return Path(self.scratch_path)

    @property
    def stdout(self) -> LogWriter:
        return self._writer("stdout")

    @property
    def stderr(self) -> LogWriter:
        return self._writer("stderr")

    def _writer(self, name: str) -> LogWriter:
        if name not in self._writers:
            self._writers[name] = LogWriter(self.streams, errors=name == "stderr")
        return self._writers[name]

    def close_writers(self) -> None:
        """Write what the masks held back."""
        for writer in self._writers.values():
            writer.close()

    async def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
        self.close_writers()  # what was written so far stands before what the process writes

        def give(after: Started | None) -> Started:
            fail_point("spawn.before")
            started = self.supervision.start(
                argv,
                env={**(self.env if env is None else env), MARK: self._token()},
                cwd=str(self.working_dir),
                status=self.status_path,
                stdout=self.streams.stdout,
                stderr=self.streams.stderr,
                filter=self.streams.filter,
                after=after,
            )
            fail_point("spawn.after")
            return started

        started = await self.place.take(give, self.supervision, self.now)
        process = Supervised(self.status_path, self._token(), started, detach=self.step.detach)
        try:
            return await self._see_to_its_end(process)
        except Lost:
            if read_story(self.status_path).fate is not Fate.NOT_STARTED:
                raise
            # The supervisor died with our order unread; the next one gets it again.
            return await self.spawn(argv, env=env)
        except FileExistsError:
            # The supervisor of a dead engine got to this very attempt before ours.
            code = await self.reattach()
            if code is None:
                raise Lost("machine or all processes ended") from None
            return code
        except OSError as error:
            # Not even the few bytes that tell of the start could be written: now the reserve is needed.
            if error.errno != errno.ENOSPC or not release(Path(self.status_path).parent.parent):
                raise
            return await self.spawn(argv, env=env)

    async def reattach(self) -> int | None:
        found = await attach(self.status_path, self._token(), detach=self.step.detach)
        if isinstance(found, Supervised):
            return await self._see_to_its_end(found)
        self.never_started = found.fate is Fate.NOT_STARTED
        if found.fate is Fate.LOST:
            # Whatever is left has nobody to report to any more.
            await Supervised(self.status_path, self._token()).kill()
        await self.streams.drained()
        return found.exit_code

    async def _see_to_its_end(self, process: Supervised) -> int:
        streams = self.streams
        keeper = LogKeeper(
            (streams.stdout, streams.stderr),
            process.main_pid,
            streams.log_limit,
            filtered=streams.filter is not None,
        )
        ran = False
        try:
            code = await self._its_end(process)
            ran = True
            return code
        finally:
            keeper.close(ran=ran)

    async def _its_end(self, process: Supervised) -> int:
        try:
            ended = await process.wait()
        except asyncio.CancelledError:
            if not self.abandoned():
                await self._stop(process)
                await self._filtered(process)
            raise
        self.warnings += ended.warnings
        self.usage = ended.usage
        await self._filtered(process)
        if ended.exit_code is None:
            raise Lost("machine or all processes ended")
        return ended.exit_code

    async def _filtered(self, process: Supervised) -> None:
        if process.started is None:
            await self.streams.drained()
        elif process.started.filtered is not None:
            await process.started.filtered

    async def _stop(self, process: Supervised) -> None:
        try:
            ended = await process.stop(self.stop_signal, 0.0 if self.forced() else self.grace)
        except asyncio.CancelledError:
            # Asked a second time: no more patience.
            await process.kill()
            ended = Ended(None, killed=True)
        if ended.killed:
            self.killed = True
            self.note("step.killed", f"killed after {self.grace:g} s: it did not end on its stop signal")

    def _token(self) -> str:
        # A path of this home: a run of the same name and id elsewhere must never be taken for ours.
        return self.status_path


async def stop_what_runs(node: PlannedStep, status: str, grace: float) -> None:
    """Stop the process an earlier engine started for an attempt, if it still runs."""
    found = await attach(status, status)
    if isinstance(found, Supervised):
        await found.stop(int(getattr(signal, node.signal_on_stop or "SIGTERM", signal.SIGTERM)), grace)


class Lost(Exception):
    """Nobody can know how the process ended."""


def describe(error: OSError) -> tuple[int, str]:
    """(exit code, message) for a program that could not be started, as a shell would say it."""
    name = error.filename or ""
    if isinstance(error, FileNotFoundError):
        return 127, f"{name}: {error.strerror or 'not found'}"
    if isinstance(error, PermissionError):
        return 126, f"{name}: {error.strerror or 'permission denied'}"
    if error.errno == 7:
        most = f"one argument or variable may take {ENV_LIMIT} bytes, all together {os.sysconf('SC_ARG_MAX')}"
        return 126, f"argument list too long: {most}"
    return 126, f"{name}: {error.strerror}" if name else str(error)
