"""The end of an attempt, as the engine sees it: what became of it, and nothing left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dagu_core import Attempt, Outcome
from dagu_docker.beside import beside, follow_beside
from dagu_docker.config import DockerConfig
from dagu_docker.order import Order
from dagu_docker.verdict import Hold, Verdict

#: seconds that tidying up may take
_PATIENCE = 20.0


async def end(attempt: Attempt[DockerConfig], order: Order) -> Outcome:
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
        await tidied(attempt, order)
    if verdict is None:
        return Outcome(exit_code=None, ended="lost", message="lost: the process at work was killed")
    return verdict.outcome()


async def tidied(attempt: Attempt[DockerConfig], order: Order) -> None:
    """Remove what a killed process has left, also while we are being cancelled."""
    if not Hold(Path(order.folder)).is_orphaned():
        return
    work = asyncio.wait_for(beside("tidy", order, attempt.env), _PATIENCE)
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if error := task.exception():
        why = str(error) or f"no answer within {_PATIENCE:g} s"
        await attempt.stderr.write(f"the container of the step may be left behind: {why}\n".encode())
    if cancelled:
        raise asyncio.CancelledError
