"""What `dagu history` asks of the app, and what it prints of its answer."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus
from tests.unit.cli.asked import Capture, Dagu
from tests.unit.cli.runs import START

RUNS = [
    RunSummary(
        RunRef("pair", "r1"),
        RunStatus.PARTIALLY_SUCCEEDED,
        started_at=1_900_000_000.0,
        finished_at=1_900_000_061.0,
        params=(("A", "1"), ("B", "x,y")),
        tags=("daily",),
    ),
    RunSummary(RunRef("pair", "r2"), RunStatus.QUEUED),
]


def test_history_table(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.history.answer = RUNS
    assert dagu("history", "pair.yaml", "--status", "success,failed", "--tags", "Daily, x") == 0
    query = app.history.calls[0][1][0]
    assert (query.dag, query.statuses, query.tags, query.limit) == (
        "pair",
        (RunStatus.SUCCEEDED, RunStatus.FAILED),
        ("daily", "x"),
        100,
    )
    assert capsys.readouterr().out.splitlines() == [
        "DAG NAME  RUN ID  STATUS               STARTED (UTC)        DURATION  PARAMS",
        "pair      r1      Partially Succeeded  2030-03-17 17:46:40  1m 1s     A=1 B=x,y",
        "pair      r2      Queued               -                    -         -",
    ]


def test_history_json_leaves_out_what_is_not_known(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.history.answer = RUNS
    assert dagu("history", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "pair",
            "dagRunId": "r1",
            "status": "partially_succeeded",
            "startedAt": "2030-03-17T17:46:40Z",
            "finishedAt": "2030-03-17T17:47:41Z",
            "duration": "1m 1s",
            "params": "A=1 B=x,y",
            "labels": ["daily"],
            "workerId": "local",
            "triggerType": "manual",
        },
        {
            "name": "pair",
            "dagRunId": "r2",
            "status": "queued",
            "workerId": "local",
            "triggerType": "manual",
        },
    ]


def test_history_csv(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.history.answer = RUNS[:1]
    assert dagu("history", "--format", "csv") == 0
    assert capsys.readouterr().out.splitlines()[1] == (
        'pair,r1,Partially Succeeded,2030-03-17 17:46:40,1m 1s,"A=1 B=x,y"'
    )


@pytest.mark.parametrize(
    ("args", "since", "until"),
    [
        (("--last", "24h"), START - 86400, None),
        ((), START - 30 * 86400, None),
        (("--from", "2030-01-02"), 1893542400.0, None),
        (("--to", "2030-01-02"), None, 1893628799.999),
        (("--from", "2030-01-02T00:00:01Z", "--to", "2030-01-02T01:00:02+01:00"), 1893542401.0, 1893542402.0),
    ],
)
def test_history_window(
    args: tuple[str, ...],
    since: float | None,
    until: float | None,
    app: SimpleNamespace,
    dagu: Dagu,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Invocation, "clock", SimpleNamespace(now=lambda: START))
    app.history.answer = []
    assert dagu("history", *args) == 0
    query = app.history.calls[0][1][0]
    assert (query.since, query.until) == (since, until)


@pytest.mark.parametrize(
    "args", [("--last", "soon"), ("--last", "9" * 20 + "w"), ("--from", "2030-13-01"), ("--status", "sleepy")]
)
def test_history_refuses_what_it_cannot_read(args: tuple[str, ...], app: SimpleNamespace, dagu: Dagu) -> None:
    assert dagu("history", *args) == 2


def test_history_caps_the_limit(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.history.answer = []
    assert dagu("history", "--limit", "5000") == 0
    assert app.history.calls[0][1][0].limit == 1000
    shown = capsys.readouterr()
    assert "Warning: --limit is cut to 1000" in shown.err
    assert shown.out == "No runs found\n"


@pytest.mark.parametrize(("words", "roots_only"), [((), True), (("--queue", "q"), False)])
def test_the_history_of_a_queue_holds_sub_dag_runs(
    words: tuple[str, ...], roots_only: bool, app: SimpleNamespace, dagu: Dagu
) -> None:
    app.history.answer = RUNS
    assert dagu("history", *words) == 0
    assert app.history.calls[0][1][0].roots_only is roots_only
