"""The other side of `dagu_core.contracts.isolation`: an executor of a plugin, in the step's own process."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from dagu_core.base.errors import DaguError, PluginError
from dagu_core.contracts.executor import MARK, Children, Executor, RunClosing
from dagu_core.model.plan.plan import Call, PlannedStep, Shell
from dagu_core.model.run.events import Outcome
from dagu_core.model.run.run import RunRef

#: what a step may be asked to stop with
_STOPS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


class Ending(Struct):
    """What the engine reads of the work: an outcome, or the number and file of an error of the system."""

    outcome: Outcome | None = None
    errno: int = 0
    file: str = ""


class IsolatedAttempt(Struct):
    """The attempt as its values: what is asked of the engine is asked of the system instead."""

    run: RunRef
    step: PlannedStep
    number: int
    config: Any
    commands: Sequence[str]
    exec: Sequence[str]
    script: str
    arguments: Sequence[str]
    shell: Shell
    shell_is_own: bool
    env: Mapping[str, str]
    working_dir: Path
    dag_working_dir: Path
    dag_folder: Path
    scratch: Path
    stop_signal: int
    grace: float
    step_fields: Mapping[str, Any]
    dag_fields: Mapping[str, Any]
    call: Call | None = None
    never_started: bool = False

    @property
    def stdout(self) -> _Writer:
        return _Writer(1)

    @property
    def stderr(self) -> _Writer:
        return _Writer(2)

    @property
    def children(self) -> Children:
        raise PluginError("cannot start sub-DAGs in a process of its own; see plugins.isolation")

    async def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
        environ = {**(self.env if env is None else env), MARK: os.environ[MARK]}
        process = await asyncio.create_subprocess_exec(*argv, env=environ, cwd=self.working_dir)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            # Whoever stops the step signals all its processes, and kills what stays after the grace.
            await process.wait()
            raise
        return code if code >= 0 else 128 - code

    async def reattach(self) -> int | None:
        return None  # the engine takes an attempt over together with this process, or not at all


class _Writer:
    def __init__(self, number: int) -> None:
        self._number = number

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._number, view) :]


class _Files(MetaPathFinder):
    """Finds the modules of plugins that are single files."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return spec_from_file_location(name, self._files[name]) if name in self._files else None


def main(request: str, ending: str) -> NoReturn:
    """Do what the request says, write how it ended, exit with 0 when that could be written."""
    data = Path(request).read_bytes()
    os.unlink(request)
    outer = pickle.loads(data)
    sys.path[:] = outer["path"]
    sys.meta_path.append(_Files(outer["files"]))
    asyncio.run(_work(outer["work"], Path(ending)))
    raise AssertionError("it ends the process")


async def _work(work: bytes, file: Path) -> NoReturn:
    # No tidy end of the loop: it would wait for threads, for as long as they like.
    _keep(await _ending(work), file)
    _leave(0)


async def _ending(work: bytes) -> Ending:
    task = asyncio.ensure_future(_worked(work))
    stopped: list[int] = []

    def stop(number: int) -> None:
        # The signal is repeated for those who missed it; asking twice would end the tidying up.
        if not stopped:
            task.cancel()
        stopped.append(number)

    for number in _STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        return Ending(await task)
    except asyncio.CancelledError:
        if stopped:
            _leave(128 + stopped[0])
        return Ending(_error("the executor cancelled itself"))
    except OSError as error:
        if error.errno is None:
            return Ending(_error(f"{type(error).__name__}: {error}"))
        return Ending(errno=error.errno, file=str(error.filename or ""))
    except DaguError as error:
        return Ending(_error(str(error)))
    except Exception as error:
        return Ending(_error(f"{type(error).__name__}: {error}"))


async def _worked(work: bytes) -> Outcome | None:
    part: type[Executor[Any]]
    part, given = pickle.loads(work)
    if isinstance(given, RunClosing):
        await part.close_run(given)
        return None
    from dagu_core.contracts.verdict import checked

    attempt: IsolatedAttempt = given
    try:
        return checked(await part().run(attempt))
    except PluginError as error:
        raise PluginError(f"executor {attempt.step.executor} {error}") from None
    except SystemExit as error:
        raise PluginError(f"SystemExit: {error}") from None  # a task cannot hand it on


def _error(message: str) -> Outcome:
    return Outcome(exit_code=1, ended="error", message=message.encode("utf-8", "replace").decode())


def _keep(ending: Ending, file: Path) -> None:
    fresh = file.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(msgspec.json.encode(ending))
    fresh.replace(file)


def _leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
