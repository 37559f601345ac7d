"""Priority and queue of sub-DAG runs: those of the step, else those of the run which calls or of its DAG."""

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


@pytest.mark.parametrize(
    ("queue", "status", "told"),
    [("x", "succeeded", ""), ("", "succeeded", ""), ("a/b", "failed", "queue name 'a/b' must be 1 to 40")],
)
def test_a_queue_only_the_run_knows_is_judged_when_the_step_runs(
    tmp_path: Path, queue: str, status: str, told: str
) -> None:
    desk = Desk(tmp_path)
    dag = desk.write(f"env: [Q: '{queue}']\nsteps: [{{name: a, call: kid, queue: '${{Q}}'}}]{KID}")

    async def test(app: App) -> tuple[str, str, list[str]]:
        view = await app.runs.start(StartRequest(dag=dag, run_id="r1"))
        kids = await app.store.find(RunQuery(dag="kid", roots_only=False))
        return view.summary.status.label, view.steps[0].error, [one.queue for one in kids]

    found, error, queues = desk.ask(test)
    assert (found, told in error) == (status, True)
    assert queues == ([] if told else [queue or "q"])
