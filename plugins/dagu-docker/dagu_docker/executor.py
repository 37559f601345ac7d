"""The step type `docker`: its work is done by a process of its own, see `dagu_docker.work`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from dagu_core import Attempt, Capability, Executor, Expansion, Outcome, PlannedStep, RunClosing
from dagu_docker.config import ContainerField, DockerConfig


class DockerExecutor(Executor[DockerConfig]):
    """Runs commands in containers: a new one, the one of the DAG, or one that runs already.

    The commands are argument vectors, not read by any shell: write `sh -c '...'` for a pipe.
    """

    name = "docker"
    aliases = ("container",)
    Config = DockerConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"command", "commands", "exec", "container"})
    expansion: ClassVar[Expansion] = "words"
    reattaches = True
    step_fields: ClassVar[Mapping[str, type[Any]]] = {"container": ContainerField}
    icon = "box"

    @classmethod
    def expansion_of(
        cls, step: PlannedStep, config: DockerConfig, dag_fields: Mapping[str, Any]
    ) -> Expansion:
        # A script, or a command of several lines: the sh of the image reads it.
        return "posix" if step.exec[:2] == ("sh", "-c") else cls.expansion

    async def run(self, attempt: Attempt[DockerConfig]) -> Outcome:
        # What follows is imported at the first step in a container, not at every start.
        from dagu_docker.beside import argv_of, environment, write_request
        from dagu_docker.ending import end, tidied
        from dagu_docker.ordering import order_of

        order = order_of(attempt)
        request = f"{order.folder}/request.json"
        write_request(order, request)
        try:
            await attempt.spawn(argv_of("run", order, request), env=environment(order, attempt.env))
        except asyncio.CancelledError:
            await tidied(attempt, order)
            raise
        except OSError:
            raise
        except Exception:
            pass  # every process of ours is gone: what the Docker engine runs goes on
        return await end(attempt, order)

    async def reattach(self, attempt: Attempt[DockerConfig]) -> Outcome:
        from dagu_docker.ending import end, tidied
        from dagu_docker.ordering import order_of

        order = order_of(attempt)
        try:
            code = await attempt.reattach()
        except asyncio.CancelledError:
            await tidied(attempt, order)
            raise
        if code is None and attempt.never_started:
            return await self.run(attempt)
        return await end(attempt, order)

    @classmethod
    async def close_run(cls, closing: RunClosing) -> None:
        container = closing.dag_fields.get("container")
        if isinstance(container, ContainerField) and not container.exec:
            from dagu_docker.beside import beside
            from dagu_docker.ordering import closing_order

            await beside("close", closing_order(closing), closing.env)
