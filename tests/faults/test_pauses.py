"""A pause with an end outlives whoever would have ended it."""

from __future__ import annotations

import signal
import time

from dagu_core.app.app import App
from dagu_core.app.queue_rules import Orders
from dagu_core.model.status import RunStatus
from tests.faults.chaos import Home, kill, within
from tests.faults.test_pool import ONE, begin_pool, ended, enqueue, pool

LENGTH = 6.0


def test_a_pause_ends_at_its_time_although_the_worker_was_killed(home: Home) -> None:
    dag = home.write("one", ONE)
    worker = begin_pool(home)
    end = time.time() + LENGTH

    async def pause(app: App) -> Orders:
        return await app.queues.pause("q", "alice", "tests", end)

    home.ask(pause)
    enqueue(home, dag, 1)
    kill(worker, signal.SIGKILL)
    with pool(home):
        within(40, lambda: ended(home, 1))
    assert [run.status for run in home.runs()] == [RunStatus.SUCCEEDED]
    (begun, _) = home.ledger.entries()
    assert begun.nanos / 1e9 >= end, "nothing begins before the end of the pause"
