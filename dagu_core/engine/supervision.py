"""The engine's side of the supervisor: give it orders, hear how the steps end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from shutil import which
from typing import Any

from msgspec import Struct, field

from dagu_core.engine.kernel import become_subreaper, exit_code, make_files, packed, remove_empty, unpacked
from dagu_core.engine.status_file import read_story

_ROOT = str(Path(__file__).resolve().parents[2])


def boot(module: str) -> str:
    """Program text that runs `main` of one of our modules without site packages."""
    return f"import sys; sys.path.insert(0, {_ROOT!r}); from {module} import main; main()"


class Ending(Struct):
    """How a process ended; `exit_code` None = nobody saw it."""

    exit_code: int | None
    usage: dict[str, float] = field(default_factory=dict)


class Started(Struct):
    """A process on its way: `pid` and `ended` come when the supervisor tells.

    `begun` tells of one that was ordered to begin after another: True = it has, False = it never
    will; `made` are the files that were made for it.
    """

    number: int
    status: str
    pid: asyncio.Future[int]
    ended: asyncio.Future[Ending]
    filtered: asyncio.Future[None] | None = None
    begun: asyncio.Future[bool] | None = None
    made: tuple[str, ...] = ()


class Supervision:
    """Starts a supervisor when it is first needed, and again should it die."""

    def __init__(self) -> None:
        self._out = -1
        self._in = -1
        self._pid = 0
        self._next = 0
        self._answers = bytearray()
        self._running: dict[int, Started] = {}
        self._adopted: set[asyncio.Task[None]] = set()
        self._backlog = bytearray()
        self._env: Mapping[str, str] = {}

    def start_supervisor(self) -> None:
        """Start the supervisor process now (it boots while we read files)."""
        orders_read, self._out = os.pipe()
        self._in, answers_write = os.pipe()
        self._env = {}
        self._pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", boot("dagu_core.engine.supervisor")],
            os.environ,
            file_actions=((os.POSIX_SPAWN_DUP2, orders_read, 0), (os.POSIX_SPAWN_DUP2, answers_write, 1)),
            setsid=True,
        )
        os.close(orders_read)
        os.close(answers_write)
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._answers.clear()

    def listen(self) -> None:
        """Hear the supervisor on the running loop."""
        asyncio.get_running_loop().add_reader(self._in, self._read)
        asyncio.get_running_loop().call_later(0.05, become_subreaper)

    def close(self) -> None:
        """Let the supervisor go; it stays until its last step has ended."""
        if self._pid:
            with contextlib.suppress(RuntimeError):
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._in)
                loop.remove_writer(self._out)
            os.close(self._in)
            os.close(self._out)
            with contextlib.suppress(ChildProcessError):
                # It ends by itself as soon as it reads the end of its pipe, if no step is left.
                os.waitpid(self._pid, 0 if not self._running else os.WNOHANG)
            self._pid = 0
        for task in self._adopted:
            task.cancel()

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        status: str,
        stdout: str,
        stderr: str,
        filter: Mapping[str, Any] | None = None,
        after: Started | None = None,
    ) -> Started:
        """Order a process; with `after`, to begin the moment that one has ended well.

        Raises FileNotFoundError or PermissionError, naming the program, when it cannot be started;
        other refusals arrive as OSError through `ended`.
        """
        program = find_program(argv[0], env.get("PATH", os.defpath), cwd)
        if not self._pid:
            self.start_supervisor()
            self.listen()
        loop = asyncio.get_running_loop()
        self._next += 1
        started = Started(self._next, status, loop.create_future(), loop.create_future())
        if filter is not None:
            started.filtered = loop.create_future()
        # Steps of a run differ in a few variables: the others need not be sent a thousand times.
        same = self._env.keys() <= env.keys()
        order = {
            "id": self._next,
            "argv": [program, *argv[1:]],
            "argv0": [argv[0]],
            "env": {k: v for k, v in env.items() if self._env.get(k) != v} if same else dict(env),
            "same": same,
            "cwd": cwd,
            "status": status,
            "stdout": stdout,
            "stderr": stderr,
            "filter": None if filter is None else dict(filter),
        }
        if after is not None:
            order["after"] = after.number
            started.begun = loop.create_future()
            if filter is None:
                # Made here and now, beside the step at work, they need no time between two steps.
                started.made = make_files(status, stdout, stderr)
        self._env = dict(env)
        self._running[self._next] = started
        self._send(packed(order))
        return started

    def revoke(self, started: Started) -> None:
        """Take back an order that may not have begun yet; `begun` tells whether it had."""
        self._send(packed({"revoke": started.number}))

    def _send(self, data: bytes) -> None:
        """Write without blocking the loop: the supervisor may be busy telling us things."""
        if not self._backlog:
            try:
                data = data[os.write(self._out, data) :]
            except BlockingIOError:
                pass
            except OSError:
                return  # it died: its end of the other pipe tells us what to do
        if data:
            self._backlog += data
            asyncio.get_running_loop().add_writer(self._out, self._flush)

    def _flush(self) -> None:
        try:
            del self._backlog[: os.write(self._out, self._backlog)]
        except BlockingIOError:
            return
        except OSError:
            self._backlog.clear()
        if not self._backlog:
            asyncio.get_running_loop().remove_writer(self._out)

    def _read(self) -> None:
        try:
            data = os.read(self._in, 1 << 18)
        except BlockingIOError:
            return
        if not data:
            self._replace()
            return
        self._answers += data
        for message in unpacked(self._answers):
            self._hear(message)

    def _hear(self, message: tuple[Any, ...]) -> None:
        started = self._running.get(message[1])
        if started is None:
            return
        match message:
            case ("started", _, pid):
                _set(started.pid, pid)
            case ("exited", number, code, cpu, rss, next_one):
                _set(started.ended, Ending(code, {"cpu_seconds": cpu, "max_rss_kib": float(rss)}))
                if started.filtered is None or started.filtered.done():
                    del self._running[number]
                if next_one in self._running:
                    _set(self._running[next_one].begun, True)
            case ("dropped", number):
                _set(started.begun, False)
                del self._running[number]
                if all(other.status != started.status for other in self._running.values()):
                    remove_empty(started.made)
            case ("filtered", number):
                _set(started.filtered, None)
                if started.ended.done():
                    del self._running[number]
            case ("refused", number, code, text, file):
                error = OSError(code, text or os.strerror(code or errno.EIO), file)
                _set(started.begun, True)
                if not started.ended.done():
                    started.ended.set_exception(error)
                del self._running[number]

    def _replace(self) -> None:
        """The supervisor died: its steps are our children now, we wait for them ourselves."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._in)
        loop.remove_writer(self._out)
        os.close(self._in)
        os.close(self._out)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        self._pid = 0
        self._backlog.clear()
        for started in self._running.values():
            _set(started.filtered, None)
            if started.ended.done():
                continue
            story = read_story(started.status)
            if story.exit_code is not None:
                # It wrote down the end, but did not live to tell it.
                _set(started.begun, True)
                _set(started.ended, Ending(story.exit_code))
                continue
            if story.pid:
                _set(started.pid, story.pid)
            _set(started.begun, started.pid.done())
            if started.pid.done():
                task = loop.create_task(_wait_ourselves(started))
                self._adopted.add(task)
                task.add_done_callback(self._adopted.discard)
            else:
                _set(started.ended, Ending(None))
        self._running.clear()


async def _wait_ourselves(started: Started) -> None:
    pid = started.pid.result()
    while True:
        try:
            done, code = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            _set(started.ended, Ending(None))
            return
        if done:
            ended = exit_code(code)
            with contextlib.suppress(OSError), open(started.status, "ab") as status:
                # For the engine after us, in case we die before the end is committed.
                status.write(b"exited %d\n" % ended)
            _set(started.ended, Ending(ended))
            return
        await asyncio.sleep(0.05)


def _set(future: asyncio.Future[Any] | None, value: Any) -> None:
    if future is not None and not future.done():
        future.set_result(value)


@lru_cache(maxsize=256)
def find_program(name: str, path: str, cwd: str) -> str:
    """The absolute path of a program. Raises FileNotFoundError or PermissionError naming it."""
    if os.sep in name:
        candidate = os.path.join(cwd, os.path.expanduser(name))
        if not os.path.exists(candidate):
            raise FileNotFoundError(errno.ENOENT, "no such file", name)
        if os.path.isdir(candidate) or not os.access(candidate, os.X_OK):
            raise PermissionError(errno.EACCES, "not executable", name)
        return candidate
    found = which(name, path=path)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "command not found", name)
    return os.path.abspath(found)
