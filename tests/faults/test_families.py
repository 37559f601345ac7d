"""Rows P06 and P24: runs whose sub-DAG runs died with them."""

from __future__ import annotations

from dagu_core.model.status import RunStatus
from tests.faults.chaos import Home, freeze, kill, kill_everything, within


def test_P06_children_that_died_with_their_parent_are_settled_with_it(home: Home) -> None:
    text = """
        name: parent
        handlerOn: {failure: {command: mark failure}}
        steps:
          - call: child
            parallel: {items: [x, y, z]}
        ---
        name: child
        handlerOn: {failure: {command: mark failure}}
        steps: [{name: c, command: mark start; sleep 60}]
    """
    process = home.begin("start", "--run-id=r", home.write("parent", text))
    within(10, lambda: len(home.ledger.steps()) == 3)
    kill(process)
    kill_everything(home)
    assert len(home.running()) == 4
    assert home.cli("recover").code == 1
    assert {run.status for run in home.runs()} == {RunStatus.FAILED} and len(home.runs()) == 4
    assert [entry.what for entry in home.ledger.entries()] == ["start"] * 3 + ["failure"] * 4
    assert {run.recoveries for run in home.runs()} == {1} and home.locks() == []


def test_P24_a_child_that_was_taken_out_of_its_queue_stays_out_when_its_parent_died(home: Home) -> None:
    text = """
        name: parent
        handlerOn: {exit: {command: mark exit}}
        steps: [{name: c, call: child, queue: narrow}]
        ---
        name: child
        steps: [{name: x, command: mark start}]
    """
    dag = home.write("parent", text)
    assert home.cli("queue", "pause", "narrow").code == 0
    process = home.begin("start", "--run-id=r", dag)
    (child,) = within(10, lambda: home.runs(dag="child", statuses=(RunStatus.QUEUED,)))
    freeze(process)
    assert home.cli("dequeue", "--dag-run", str(child.ref)).code == 0
    kill(process)
    assert home.cli("queue", "resume", "narrow").code == 0
    assert home.cli("recover").code == 1
    assert {run.ref.dag: run.status for run in home.runs()} == {
        "parent": RunStatus.FAILED,
        "child": RunStatus.ABORTED,
    }
    assert [entry.what for entry in home.ledger.entries()] == ["exit"]
