"""Steps that run another DAG, once or once an item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from dagu_core import Attempt, Executor, Invalid, Outcome, hookimpl

if TYPE_CHECKING:
    from dagu_core import NoConfig


class SubDagExecutor(Executor["NoConfig"]):
    """Runs the called DAG as a run of its own and waits for it."""

    name = "dag"
    aliases: ClassVar[tuple[str, ...]] = ("subworkflow",)
    capabilities = frozenset({"call", "workerSelector"})
    expansion = "full"
    reattaches = True
    icon = "workflow"

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        if attempt.call is None:
            raise Invalid(f'step "{attempt.step.name}" calls no DAG', hint="give it `call: NAME`")
        return await attempt.children.run(attempt.call)

    async def reattach(self, attempt: Attempt[NoConfig]) -> Outcome:
        # Child runs have names made from ours: asking again finds them and goes on with them.
        return await self.run(attempt)


class ParallelExecutor(SubDagExecutor):
    """Runs the called DAG once for each item of `parallel`, several at a time."""

    name = "parallel"
    aliases = ()
    icon = "split"


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [SubDagExecutor, ParallelExecutor]
