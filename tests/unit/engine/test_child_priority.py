"""The priority of sub-DAG runs: that of the step, else that of the run which calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.contracts.store import RunQuery
from tests.unit.engine.queue_desk import Desk

KID = "\n---\nname: kid\nqueue: q\nsteps: ['true']\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [("", 6), (", priority: high", 7), (", priority: '${P}'", 1), (", priority: 0", 0)],
)
def test_a_step_may_name_the_priority_of_its_sub_dag(tmp_path: Path, written: str, expected: int) -> None:
    desk = Desk(tmp_path)
    dag = desk.write(f"env: [P: '1']\nsteps: [{{name: a, call: kid{written}}}]{KID}")

    async def test(app: App) -> list[int]:
        await app.runs.start(StartRequest(dag=dag, run_id="r1", priority=6))
        return [one.priority for one in await app.store.find(RunQuery(dag="kid", roots_only=False))]

    assert desk.ask(test) == [expected]


def test_one_that_turns_out_to_be_none_fails_the_step(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    dag = desk.write(f"env: [P: soon]\nsteps: [{{name: a, call: kid, priority: '${{P}}'}}]{KID}")

    async def test(app: App) -> tuple[str, str]:
        view = await app.runs.start(StartRequest(dag=dag, run_id="r1"))
        return view.summary.status.label, view.steps[0].error

    status, error = desk.ask(test)
    assert status == "failed" and "priority 'soon' is none" in error
