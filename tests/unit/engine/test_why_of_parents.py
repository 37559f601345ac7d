"""`dagu why` of a run whose sub-DAG runs stand in a queue: each step that waits tells for what."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from tests.unit.engine.queue_desk import Desk

FLOW = """
type: graph
steps:
  - {name: a, call: kid, parallel: {items: [1, 2, 3]}}
  - {name: c, call: other}
---
name: kid
queue: q
steps: ['true']
---
name: other
steps: ['true']
"""


def test_a_step_tells_what_its_runs_wait_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    dag = desk.write(FLOW)

    async def test(app: App) -> None:
        await app.queues.pause("q", "alice", "SFTP down")
        work = asyncio.create_task(app.runs.start(StartRequest(dag=dag, run_id="r1")))
        async with asyncio.timeout(20):
            while not (told := await _told(app)).get("a", ("", ""))[1].endswith("2 more of its runs wait"):
                await asyncio.sleep(0.05)
            code, sentence = told["a"]
            assert code == "waits_for" and sentence.startswith("waits for kid:")
            assert (
                "position 1 of 3 in queue q, priority 5: queue q is paused by alice: SFTP down;" in sentence
            )
            await app.queues.resume("q")
            await work
        assert (await _told(app)).keys() == {"run"}

    desk.ask(test)


async def _told(app: App) -> dict[str, tuple[str, str]]:
    """The reasons of the run by their subject; nothing before it is recorded."""
    if not (await app.store.dags()):
        return {}
    return {one.subject: (one.code, one.sentence) for one in await app.history.why("flow", "r1")}
