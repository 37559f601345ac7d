"""A small pool of runner processes, kept alive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from dagu_core.base.errors import Unavailable
from dagu_core.base.settings.flags import as_variables
from dagu_core.engine.liveness import host_name
from dagu_core.service.ending import end

if TYPE_CHECKING:
    from dagu_core.base.settings import Settings

#: seconds: between two looks at memory, before one that died young is started again (doubling up
#: to the last), and a runner may take to stop beyond its grace
LOOK, BACKOFF, LONGEST, MARGIN = 5.0, 0.1, 5.0, 3.0
_YOUNG = 10.0
#: how often a runner may be killed before it is ready until it counts as one that cannot start
_KILLS = 3


class _Member(Struct):
    process: asyncio.subprocess.Process
    born: float
    ready: bool = False
    retired: bool = False


def own_name(settings: Settings) -> str:
    """The name of a worker that is this process."""
    return settings.worker.id or f"{host_name()}@{os.getpid()}"


class Pool:
    """`async with` it, or `start` and `stop`. `name` stands in the runs it carries out, "" = what the
    settings say. `say` hears what people should know."""

    def __init__(
        self, settings: Settings, name: str = "", say: Callable[[str], None] = lambda text: None
    ) -> None:
        self._settings, self._name, self._say = settings, name, say
        self.size = settings.worker.runners or min(4, os.cpu_count() or 1)
        self._members: list[_Member] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False
        #: whether any runner has ever got ready
        self._works = False

    @property
    def pids(self) -> list[int]:
        """The processes that live."""
        return [one.process.pid for one in self._members if one.process.returncode is None]

    async def start(self) -> None:
        """Start all runners; returns when each is ready (or has failed to be, which is said). One that
        was killed while it began is started again a few times first: that is no failure of its own.

        Raises Unavailable when none of them could start.
        """
        ready = [asyncio.Event() for _ in range(self.size)]
        self._keepers = [asyncio.create_task(self._keep(one)) for one in ready]
        self._keepers.append(asyncio.create_task(self._watch_memory()))
        await asyncio.gather(*(one.wait() for one in ready))
        if not (self._works or self._stopping):
            await self.stop()
            raise Unavailable("no runner could start", hint="what each of them said stands above")

    async def stop(self) -> None:
        """Drain: runs end within the grace, or are left to whoever comes next."""
        self._stopping = True
        living = [one for one in self._members if one.process.returncode is None]
        for member in living:
            _signal(member, signal.SIGTERM)
        patience = self._settings.worker.drain_grace + MARGIN
        waits = [asyncio.ensure_future(one.process.wait()) for one in living]
        if waits:
            await asyncio.wait(waits, timeout=patience)
        for member in living:
            if member.process.returncode is None:
                self._say(f"runner {member.process.pid} did not stop within {patience:g} s: killed")
                _signal(member, signal.SIGKILL)
        await asyncio.gather(*waits)
        await end(self._keepers)

    async def __aenter__(self) -> Pool:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _keep(self, ready: asyncio.Event) -> None:
        """Have one runner, whatever happens to it."""
        loop = asyncio.get_running_loop()
        delay, kills = BACKOFF, 0
        while not self._stopping:
            member = await self._spawn()
            assert member.process.stdout is not None
            member.ready = bool(await member.process.stdout.readline())
            self._works = self._works or member.ready
            if member.ready:
                ready.set()
            code = await member.process.wait()
            kills += code < 0
            if self._stopping or code >= 0 or kills >= _KILLS:
                ready.set()
            self._members.remove(member)
            if self._stopping:
                return
            # The others take over what it left behind; one that boots would die of the signal.
            for other in self._members:
                if other.ready:
                    _signal(other, signal.SIGUSR1)
            if not member.retired:
                self._say(f"runner {member.process.pid} ended with {code}: starting another one")
            delay = BACKOFF if loop.time() - member.born > _YOUNG else min(delay * 2, LONGEST)
            await asyncio.sleep(0.0 if member.retired else delay)

    async def _spawn(self) -> _Member:
        environ = dict(os.environ)
        if home := self._settings.home:
            environ["DAGU_HOME"] = str(home)
        if self._name:
            environ |= as_variables({"worker.id": self._name})
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "dagu_core.service.runner_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environ,
            start_new_session=True,
            preexec_fn=_limited_to(self._settings.worker.cpus),
        )
        member = _Member(process, asyncio.get_running_loop().time())
        self._members.append(member)
        return member

    async def _watch_memory(self) -> None:
        """Replace a runner that has grown too large; its runs go on in the next one."""
        limit = self._settings.worker.max_memory_mib << 20
        while limit:
            await asyncio.sleep(LOOK)
            for member in self._members:
                if not member.retired and (used := _resident(member.process.pid)) > limit:
                    self._say(f"runner {member.process.pid} uses {used >> 20} MiB: replaced")
                    member.retired = True
                    _signal(member, signal.SIGTERM)


def _signal(member: _Member, number: int) -> None:
    # Not `send_signal`: that may reap the process before asyncio does, which then complains aloud.
    if member.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member.process.pid, number)


def _limited_to(cpus: int) -> Callable[[], None] | None:
    if not cpus or not hasattr(os, "sched_setaffinity"):
        return None
    chosen = sorted(os.sched_getaffinity(0))[:cpus]
    return lambda: os.sched_setaffinity(0, chosen)


def _resident(pid: int) -> int:
    """Bytes of memory a process uses now; 0 where the kernel does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
