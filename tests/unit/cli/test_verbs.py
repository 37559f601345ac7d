"""What verbs ask of the app, and what they print of its answer."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core.base.places import InvalidDefinition, Place, Problem
from dagu_core.model.run.events import RunStarted
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.cli.asked import REFS, Asked, Capture, Dagu
from tests.unit.cli.runs import START, step, view


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
    app.runs.answer = RunSummary(REFS[0], queue="heavy")
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


def test_why(app: SimpleNamespace, dagu: Dagu, capsys: Capture) -> None:
    reason = SimpleNamespace(
        subject="b", status="aborted", code="upstream_failed", sentence="step a failed", provider=""
    )

    async def why(*_: object) -> list[object]:
        return [reason]

    async def get(*_: object) -> object:
        return SimpleNamespace(summary=RunSummary(REFS[0]))

    async def nothing(*_: object, **__: object) -> list[object]:
        return []

    app.history = SimpleNamespace(why=why, get=get)
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
