"""Ends what the attempts of a run shared, before the run itself ends."""

from __future__ import annotations

import asyncio

from dagu_core.contracts.executor import RunClosing, closes_run
from dagu_core.engine.carry_out import Workbench

#: seconds beyond the grace of the run that one step type may take
MARGIN = 30.0


async def close_run(bench: Workbench) -> list[str]:
    """Let every step type that was at work clean up; returns what went wrong, a sentence each."""
    used = {node.executor for node in bench.plan.nodes if bench.run.steps[node.index].attempts}
    parts = {part for word in used if (part := bench.catalog.executors.get(word)) is not None}
    shared = [part for part in parts if closes_run(part)]
    if not shared:
        return []
    context, grace = bench.context, bench.plan.stop_grace
    closing = RunClosing(
        bench.run.ref, context.fields, {**context.base_env, **context.dag_env, **context.secrets}, grace
    )
    wrong = []
    for part in sorted(shared, key=lambda part: part.name):
        try:
            async with asyncio.timeout(grace + MARGIN):
                await part.close_run(closing)
        except (Exception, SystemExit) as error:
            what = f"took longer than {grace + MARGIN:g} s" if isinstance(error, TimeoutError) else str(error)
            wrong.append(f"cleaning up after the {part.name} steps failed: {context.mask(what)}")
    return wrong
