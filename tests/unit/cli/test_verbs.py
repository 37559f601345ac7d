"""What verbs ask of the app, and what they print of its answer."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core.base.places import InvalidDefinition, Place, Problem
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run
from dagu_core.model.run.events import RunStarted
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.cli.runs import START, step, view

Dagu = Callable[..., int]
Capture = pytest.CaptureFixture[str]
REFS = [RunRef("pair", "r1"), RunRef("pair", "r2")]


class Asked:
    """Answers every method with one prepared value and keeps what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        async def method(*args: Any, **more: Any) -> Any:
            self.calls.append((name, args, more))
            return self.answer

        return method


@pytest.fixture
def app() -> SimpleNamespace:
    dags = SimpleNamespace(name_of=lambda word: Path(word).stem, resolve=Path)
    return SimpleNamespace(runs=Asked(None), history=Asked(None), dags=dags)


@pytest.fixture
def dagu(app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dagu:
    """Run the command line against the prepared app."""

    def with_app(self: Invocation, work: Callable[[Any], Awaitable[Any]]) -> Any:
        async def body() -> Any:
            return await work(app)

        return asyncio.run(body())

    monkeypatch.setattr(Invocation, "run", with_app)
    monkeypatch.setattr(Invocation, "dags", app.dags)
    return lambda *args: run(list(args), Invocation(home=str(tmp_path)))


def test_stop(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.runs.answer = REFS
    assert dagu("stop", "pair", "--force") == 0
    assert app.runs.calls == [("stop", ("pair", ""), {"force": True})]
    assert capsys.readouterr().out == "Stopping pair:r1\nStopping pair:r2\n"


def test_stop_of_nothing_is_fine(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.runs.answer = []
    assert dagu("stop", "pair", "-r", "r1") == 0
    assert capsys.readouterr().out == "No run of pair is running\n"
    assert dagu("stop", "pair", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_dequeue_of_a_named_run(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.runs.answer = REFS[0]
    assert dagu("dequeue", "heavy", "--dag-run=pair:r1") == 0
    assert app.runs.calls == [("dequeue", ("heavy", REFS[0]), {})]
    assert capsys.readouterr().out == "Dequeued pair:r1 from queue heavy\n"


@pytest.mark.parametrize(
    ("args", "asked"),
    [
        (("retry", "-r", "r1", "pair"), ("retry", ("pair", "r1", "", False))),
        (("retry", "-r", "r1", "pair", "--step", "s", "--downstream"), ("retry", ("pair", "r1", "s", True))),
        (("restart", "pair"), ("restart", ("pair", ""))),
    ],
)
def test_a_run_that_ends_shows_its_tree_and_its_code(
    args: tuple[str, ...], asked: tuple[str, Any], app: SimpleNamespace, dagu: Dagu, capsys: Capture
) -> None:
    app.runs.answer = view(step("a", "echo a", status=StepStatus.FAILED), status=RunStatus.FAILED)
    app.runs.answer.exit_code = 1
    assert dagu(*args) == 1
    assert capsys.readouterr().out.endswith("└─a [failed]\n  └─echo a\n\nResult: Failed\n\n")
    assert dagu("-q", *args) == 1
    assert capsys.readouterr() == ("", "")
    assert [call[:2] for call in app.runs.calls] == [asked, asked]
    assert app.runs.calls[0][2]["watch"] is not None
    assert app.runs.calls[1][2]["watch"] is None


def test_status_shows_values_in_commands(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    shown = view(step("a", "echo ${DAY} $UNKNOWN", status=StepStatus.SUCCEEDED), params=(("DAY", "Monday"),))
    app.history.answer = shown
    assert dagu("status", "some/pair.yaml", "-r", "r1") == 0
    assert app.history.calls == [("get", ("pair", "r1"), {})]
    assert "└─echo Monday $UNKNOWN\n\nResult: Succeeded\n" in capsys.readouterr().out


def test_status_as_json_is_what_the_view_says_and_the_attempts(
    app: SimpleNamespace, dagu: Dagu, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = view()
    shown.shape = {"nodes": []}
    history = SimpleNamespace(get=Asked(shown).get, events=Asked([(1, RunStarted(START, "a1"))]).events)
    monkeypatch.setattr(app, "history", history)
    assert dagu("status", "pair", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["attemptId"] for one in found.pop("attempts")] == ["a1"]
    assert found == {"run": {"dagRunId": "r1"}, "nodes": []}
    assert dagu("status", "pair", "--events") == 0
    assert "run started        attemptId=a1" in capsys.readouterr().out
    assert dagu("status", "pair", "--events", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["type"] == "run_started"


def test_recover(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    failed = view(status=RunStatus.FAILED)
    failed.exit_code = 1
    app.runs.answer = [view(), failed]
    assert dagu("recover") == 1
    assert capsys.readouterr().out == "Recovered pair:r1: Succeeded\nRecovered pair:r1: Failed\n"
    app.runs.answer = []
    assert dagu("recover") == 0
    assert capsys.readouterr().out == "No run has lost its process\n"


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
        },
        {"name": "pair", "dagRunId": "r2", "status": "queued", "workerId": "local"},
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
        (("--to", "2030-01-02"), None, 1893628799.999999),
        (("--from", "2030-01-02T00:00:01Z", "--to", "2030-01-02T01:00:00+01:00"), 1893542401.0, 1893542400.0),
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


def test_why(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.history.answer = [
        SimpleNamespace(
            subject="b", status="aborted", code="upstream_failed", sentence="step a failed", provider=""
        )
    ]

    async def nothing(*_: object, **__: object) -> list[object]:
        return []

    app.store = SimpleNamespace(scan=nothing)
    assert dagu("why", "pair") == 0
    assert capsys.readouterr().out.splitlines()[1] == "b        aborted  step a failed  upstream_failed"
    assert dagu("why", "pair", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["code"] == "upstream_failed"


def test_validate_lists_every_problem(
    app: SimpleNamespace, dagu: Dagu, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("steps:\n  - nmae: a\n")
    problems = [
        Problem("unknown key `nmae`", Place(2, 5), "D002", "Did you mean `name`?", 4),
        Problem("there is no step", Place(1, 1)),
    ]

    def read(ref: str) -> None:
        raise InvalidDefinition(problems, file=str(file), text=file.read_text())

    app.dags.read = read
    assert dagu("validate", str(file)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"Validation failed for {file}"
    assert lines[1] == f"- {file}:1:1: error D001 there is no step"
    assert f"- {file}:2:5: error D002 unknown key `nmae`" in lines
    assert lines[-1] == "      Did you mean `name`?"
    assert dagu("validate", str(file), "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["valid"] is False
    assert [problem["line"] for problem in document["problems"]] == [1, 2]


def test_validate_of_a_good_file_shows_warnings(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    warning = Problem("step `b` is never used", Place(3, 1), "W001", severity="warning")
    app.dags.read = lambda ref: SimpleNamespace(warnings=(warning,))
    assert dagu("validate", "pair") == 0
    shown = capsys.readouterr()
    assert shown.out == "pair is valid\n"
    assert "pair:3:1: warning W001 step `b` is never used" in shown.err


def test_cleanup_asks(
    app: SimpleNamespace, dagu: Dagu, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.history.answer = REFS
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert dagu("cleanup", "pair") == 0
    assert app.history.calls == []
    assert capsys.readouterr().out == "Nothing was deleted\n"
    assert dagu("cleanup", "pair", "-y", "--retention-days", "14") == 0
    assert app.history.calls == [("cleanup", ("pair", 14, False), {})]
    assert capsys.readouterr().out == 'Deleted 2 run(s) for DAG "pair"\n'


def test_cleanup_on_trial_lists_ids(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.history.answer = REFS
    assert dagu("cleanup", "--dry-run", "pair") == 0
    assert app.history.calls == [("cleanup", ("pair", 0, True), {})]
    assert capsys.readouterr().out == 'Dry run: Would delete 2 run(s) for DAG "pair":\n  - r1\n  - r2\n'


def test_cleanup_without_an_answer_deletes_nothing(
    app: SimpleNamespace, dagu: Dagu, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert dagu("cleanup", "pair") == 0
    assert app.history.calls == []


def test_start_hands_over_what_was_given(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.runs.answer = view()
    assert dagu("-q", "start", "pair", "-r", "r1", "-p", "'A=1'", "-N", "other", "--", "B=x y", "--flag") == 0
    (name, (request,), more) = app.runs.calls[0]
    assert (name, more) == ("start", {"watch": None})
    assert (request.dag, request.run_id, request.name) == ("pair", "r1", "other")
    assert (request.params, request.words) == ("A=1", ("B=x y", "--flag"))


def test_enqueue(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    app.runs.answer = RunSummary(RunRef("pair", "r1"), RunStatus.QUEUED, queue="heavy")
    app.queues = Asked(2)
    assert dagu("enqueue", "-u", "heavy", "pair", "--priority", "low", "--", "A=1") == 0
    request = app.runs.calls[0][1][0]
    assert (request.queue, request.priority, request.words) == ("heavy", 3, ("A=1",))
    assert capsys.readouterr().out == "Enqueued pair:r1 in queue heavy (number 2)\n"
    assert dagu("enqueue", "pair", "--json") == 0
    assert json.loads(capsys.readouterr().out)["statusLabel"] == "queued"


def test_exec(app: SimpleNamespace, dagu: Dagu, monkeypatch: pytest.MonkeyPatch) -> None:
    app.runs.answer = view()
    monkeypatch.setattr("dagu_core.app.requests.exec_request", lambda argv, **more: (argv, more))
    assert dagu("exec", "-q", "-E", "REGION=eu=1", "--dotenv", "a", "--", "./sync.sh", "--all") == 0
    argv, more = app.runs.calls[0][1][0]
    assert argv == ["./sync.sh", "--all"]
    assert (more["env"], more["dotenv"]) == ({"REGION": "eu=1"}, ["a"])


def test_dry_shows_commands_as_written_and_no_times(
    app: SimpleNamespace, dagu: Dagu, capsys: Capture
) -> None:
    shown = step("a", "echo ${DAY}", status=StepStatus.SUCCEEDED, started_at=0.0)
    app.runs.answer = view(shown, params=(("DAY", "Monday"),))
    assert dagu("dry", "pair") == 0
    assert "└─a [succeeded]\n  └─echo ${DAY}\n" in capsys.readouterr().out


def test_status_tells_why_the_run_as_a_whole_failed(
    app: SimpleNamespace, dagu: Dagu, capsys: Capture
) -> None:
    app.history.answer = view(status=RunStatus.FAILED, error="secret TOKEN was not found")
    assert dagu("status", "pair") == 0
    assert capsys.readouterr().err == "Error: secret TOKEN was not found\n"
