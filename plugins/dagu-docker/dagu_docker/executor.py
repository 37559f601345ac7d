"""The step type `docker`: its work is done by a process of its own, see `dagu_docker.work`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from dagu_core import Attempt, Capability, Executor, Expansion, Outcome, RunClosing
from dagu_docker.beside import argv_of, beside, environment, follow_beside, write_request
from dagu_docker.config import ContainerField, DockerConfig
from dagu_docker.order import Order
from dagu_docker.ordering import closing_order, order_of
from dagu_docker.verdict import Hold, Verdict


class DockerExecutor(Executor[DockerConfig]):
    """Runs commands in containers: a new one, the one of the DAG, or one that runs already.

    The commands are argument vectors, not read by any shell: write `sh -c '...'` for a pipe.
    """

    name = "docker"
    aliases = ("container",)
    Config = DockerConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"command", "commands", "container"})
    expansion: ClassVar[Expansion] = "words"
    reattaches = True
    step_fields: ClassVar[Mapping[str, type[Any]]] = {"container": ContainerField}
    icon = "box"

    async def run(self, attempt: Attempt[DockerConfig]) -> Outcome:
        order = order_of(attempt)
        request = f"{order.folder}/request.json"
        write_request(order, request)
        try:
            await attempt.spawn(argv_of("run", request), env=environment(order, attempt.env))
        except asyncio.CancelledError:
            await _tidied(attempt, order)
            raise
        return await _end(attempt, order)

    async def reattach(self, attempt: Attempt[DockerConfig]) -> Outcome:
        order = order_of(attempt)
        try:
            code = await attempt.reattach()
        except asyncio.CancelledError:
            await _tidied(attempt, order)
            raise
        if code is None and attempt.never_started:
            return await self.run(attempt)
        return await _end(attempt, order)

    @classmethod
    async def close_run(cls, closing: RunClosing) -> None:
        container = closing.dag_fields.get("container")
        if isinstance(container, ContainerField) and not container.exec:
            await beside("close", closing_order(closing), closing.env)


async def _end(attempt: Attempt[DockerConfig], order: Order) -> Outcome:
    """The outcome, once the attempt's process is gone.

    Without a verdict that process was killed, and perhaps every other of ours with it; what the
    Docker engine runs for us goes on, and is found by its label.
    """
    folder = Path(order.folder)
    try:
        if (verdict := Verdict.read(folder)) is None:
            await follow_beside(attempt, order)
            verdict = Verdict.read(folder)
    finally:
        await _tidied(attempt, order)
    if verdict is None:
        return Outcome(exit_code=None, ended="lost", message="lost: the process at work was killed")
    return verdict.outcome()


async def _tidied(attempt: Attempt[DockerConfig], order: Order) -> None:
    """Remove what a killed process has left, also while we are being cancelled."""
    if not Hold(Path(order.folder)).is_orphaned():
        return
    task = asyncio.ensure_future(beside("tidy", order, attempt.env))
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if error := task.exception():
        await attempt.stderr.write(f"left behind: {error}\n".encode())
    if cancelled:
        raise asyncio.CancelledError
