"""`dagu worker`: runner processes that carry out what waits in the queues."""

from __future__ import annotations

import asyncio

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import setting_option
from dagu_core.cli.output import tell


def _number(text: str) -> str:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{text!r} is not a whole number from 1 on")
    return text


def _labels(text: str) -> str:
    from dagu_core.base.settings.values import parse_pairs

    parse_pairs(text)
    return text


@click.command("worker", short_help="Carry out what waits in the queues.")
@setting_option(
    "-w",
    "--worker.id",
    "worker_id",
    key="worker.id",
    metavar="NAME",
    help="Name of this worker, shown with its runs (default: HOST@PID).",
)
@setting_option(
    "-m",
    "--worker.max-active-runs",
    "worker_most",
    key="worker.maxActiveRuns",
    metavar="N",
    help="At most so many runs at once in each runner.",
    read=_number,
)
@setting_option(
    "-l",
    "--worker.labels",
    "worker_labels",
    key="worker.labels",
    metavar="K=V,K=V",
    help="What is said of this worker (see `dagu doctor`); it selects no runs.",
    read=_labels,
)
@pass_invocation
def command(invocation: Invocation, /) -> int:
    """Keep a pool of runner processes that carry out queued runs and take over lost ones.

    SIGTERM and Ctrl-C let runs end within `worker.drainGrace`; steps that take longer go on, and the
    next worker joins them. A second signal ends it at once.
    """
    from dagu_core.service.ending import end_on_signals
    from dagu_core.service.pool import Pool, own_name

    async def work() -> None:
        stop = asyncio.Event()
        end_on_signals(stop)
        async with Pool(invocation.settings, name=own_name(invocation.settings), say=tell) as pool:
            if not invocation.quiet:
                tell(f"{pool.size} runners are ready")
            await stop.wait()

    asyncio.run(work())
    return 0
