"""Keeps the executors of a plugin off the engine: `plugins.isolation: {NAME: process}`.

Their steps run in a process each, under the step's supervisor. Whatever an executor does there (it blocks,
exits, crashes, eats memory) happens to its own step. The plugin itself is imported by the engine all the
same, which must know its words and models.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from dagu_core.base.errors import DaguError, PluginError
from dagu_core.contracts.executor import Attempt, Executor, RunClosing, closes_run
from dagu_core.contracts.importing import FILE_MODULE
from dagu_core.contracts.offers import Offer
from dagu_core.contracts.worker import WorkerExecutor
from dagu_core.model.run.events import Outcome

_MAIN = "import sys; from dagu_core.contracts.isolated_work import main; main(*sys.argv[1:])"
#: what a step type's class says about it, which its stand-in says as well
_SAID = (
    "name",
    "aliases",
    "Config",
    "icon",
    "colour",
    "capabilities",
    "expansion",
    "expansion_of",
    "step_fields",
    "__doc__",
    "__module__",
)


def isolated(offer: Offer) -> Offer:
    """The offer with a stand-in for an executor that would run inside the engine."""
    part = offer.thing
    if offer.kind != "executor" or issubclass(part, WorkerExecutor) or stays(offer):
        return offer
    said = {key: getattr(part, key) for key in _SAID}
    stand_in = _Closing if closes_run(part) else _Isolated
    return replace(offer, thing=type(part.__name__, (stand_in,), {**said, "part": part}))


def stays(offer: Offer) -> str:
    """Why an executor cannot leave the engine, "" when it can."""
    if offer.kind == "executor" and "call" in offer.thing.capabilities:
        return f"{offer} stays in the engine, which alone can start sub-DAGs"
    return ""


class _Isolated(Executor[Any]):
    """Does the work of `part` in a process of its own."""

    part: ClassVar[type[Executor[Any]]]
    reattaches = True

    async def run(self, attempt: Attempt[Any]) -> Outcome:
        from dagu_core.contracts.isolated_work import IsolatedAttempt

        given = IsolatedAttempt(
            **{name: getattr(attempt, name) for name in IsolatedAttempt.__struct_fields__ if name != "env"},
            env=dict(attempt.env),
        )
        request = attempt.scratch / "isolated.request"
        _write(request, self.part, given)
        # What an executor looks up in `os.environ` is the operator's word: no DAG has a hand in it.
        code = await attempt.spawn(_command(request, _ending(attempt)), env=dict(os.environ))
        return self._ended(attempt, code)

    async def reattach(self, attempt: Attempt[Any]) -> Outcome:
        code = await attempt.reattach()
        if code is not None:
            return self._ended(attempt, code)
        if attempt.never_started:
            return await self.run(attempt)
        # Its process is gone with the machine: what it started elsewhere may be found all the same.
        return await self.part().reattach(attempt)

    def _ended(self, attempt: Attempt[Any], code: int) -> Outcome:
        from dagu_core.contracts.isolated_work import Ending

        label = f"the process of executor {self.name}"
        try:
            ending = msgspec.json.decode(_ending(attempt).read_bytes(), type=Ending)
        except FileNotFoundError:
            how = f"was ended by {_signal(code)}" if code > 128 else f"exited with {code}"
            return Outcome(
                exit_code=code or 1, ended="error", message=f"{label} {how} before the step was done"
            )
        except (OSError, msgspec.MsgspecError) as error:
            return Outcome(
                exit_code=1, ended="error", message=f"{label} left an outcome nobody can read: {error}"
            )
        if ending.outcome is None:
            raise OSError(ending.errno, os.strerror(ending.errno), ending.file)
        return ending.outcome


class _Closing(_Isolated):
    """One whose runs share something that is to be removed."""

    @classmethod
    async def close_run(cls, closing: RunClosing) -> None:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="dagu-") as folder:
            request, ending = Path(folder, "request"), Path(folder, "ending.json")
            _write(request, cls.part, closing)
            process = await asyncio.create_subprocess_exec(*_command(request, ending), start_new_session=True)
            try:
                code = await process.wait()
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            from dagu_core.contracts.isolated_work import Ending

            if not ending.exists():
                raise PluginError(f"its process exited with {code}")
            told = msgspec.json.decode(ending.read_bytes(), type=Ending)
            if told.outcome is not None:
                raise PluginError(told.outcome.message)
            if told.errno:
                raise OSError(told.errno, os.strerror(told.errno), told.file)


def _ending(attempt: Attempt[Any]) -> Path:
    return attempt.scratch / "isolated.ending.json"


def _command(request: Path, ending: Path) -> list[str]:
    return [sys.executable, "-P", "-E", "-c", _MAIN, str(request), str(ending)]


def _write(request: Path, part: type[Executor[Any]], given: object) -> None:
    """What the process is to do. Raises DaguError for a plugin whose classes only the engine can find."""
    try:
        work = pickle.dumps((part, given))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise DaguError(
            f"executor {part.name} cannot run in a process of its own: {error}",
            hint="take its plugin out of plugins.isolation",
        ) from None
    files = {name: module.__file__ for name, module in sys.modules.items() if name.startswith(FILE_MODULE)}
    # It may hold secrets: private, and removed by the process as soon as it has read it.
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(request, flags, 0o600), "wb") as file:
        file.write(pickle.dumps({"path": sys.path, "files": files, "work": work}))


def _signal(code: int) -> str:
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return f"signal {code - 128}"
