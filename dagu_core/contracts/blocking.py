"""Step types over libraries that block."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dagu_core.contracts.executor import Attempt, Executor, Writer
from dagu_core.model.run.events import Outcome

if TYPE_CHECKING:
    from dagu_core.base.config import Config

C = TypeVar("C", bound="Config")


class BlockingAttempt(Generic[C]):
    """An attempt as a thread sees it: everything of `attempt`, writers that block, and `stopping`,
    set once the attempt is to end."""

    def __init__(self, attempt: Attempt[C]) -> None:
        self.attempt = attempt
        self.stopping = threading.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def config(self) -> C:
        return self.attempt.config

    def out(self, data: bytes) -> None:
        """Append to the step's stdout."""
        self._write(self.attempt.stdout, data)

    def err(self, data: bytes) -> None:
        """Append to the step's stderr."""
        self._write(self.attempt.stderr, data)

    def _write(self, writer: Writer, data: bytes) -> None:
        asyncio.run_coroutine_threadsafe(_write(writer, data), self._loop).result()


class BlockingExecutor(Executor[C]):
    """A step type whose library blocks: `work` has a thread of its own, `interrupt` ends it.

    `work` is a plain method that may take as long as it likes, but must return soon after
    `interrupt`; what it returns or raises then is not looked at.
    """

    @abstractmethod
    def work(self, attempt: BlockingAttempt[C]) -> Outcome:
        """Do the step, in a thread. A failed step is an `Outcome`, never an exception."""

    def rework(self, attempt: BlockingAttempt[C]) -> Outcome:
        """Find again what an earlier engine began, in a thread; see `Executor.reattach`."""
        return Outcome(exit_code=None, ended="lost", message="the engine died during the attempt")

    def interrupt(self, attempt: BlockingAttempt[C]) -> None:
        """Make `work` return: close the connection it waits for, stop what it started.

        Called in another thread, after `attempt.stopping` was set; has `attempt.attempt.grace`
        seconds.
        """

    async def run(self, attempt: Attempt[C]) -> Outcome:
        return await self._in_thread(attempt, self.work)

    async def reattach(self, attempt: Attempt[C]) -> Outcome:
        return await self._in_thread(attempt, self.rework)

    async def _in_thread(self, attempt: Attempt[C], work: Any) -> Outcome:
        blocking = BlockingAttempt(attempt)
        task = _thread(f"step {attempt.step.name}", work, blocking)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            blocking.stopping.set()
            ending = _thread(f"stop of step {attempt.step.name}", self.interrupt, blocking)
            await asyncio.wait({task, ending}, timeout=attempt.grace + 1.0)
            for each in (task, ending):
                if each.done():
                    each.exception()  # nobody asks for it any more
            raise


def _thread(name: str, work: Any, *arguments: Any) -> asyncio.Future[Any]:
    """Run `work` in a daemon thread: one that never ends must not keep the engine from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    def target() -> None:
        value, error = None, None
        try:
            value = work(*arguments)
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended without us
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=target, name=name, daemon=True).start()
    return future


async def _write(writer: Writer, data: bytes) -> None:
    await writer.write(data)
