"""What is seen while a run goes on: log lines, or a tree on a terminal, or nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.watching import watching
from dagu_core.model.run.events import AttemptStarted, Noted, RunEnded
from dagu_core.model.run.run import RunRef
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.cli.runs import START, step, view

STARTED = AttemptStarted(START, "a", 1)
SHOWN = view(step("a", status=StepStatus.RUNNING, started_at=0.0), status=RunStatus.RUNNING, finished=None)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def invocation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invocation:
    monkeypatch.delenv("DISABLE_PROGRESS", raising=False)
    return Invocation(home=str(tmp_path))


def terminal_on_stderr(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    return stderr


def test_log_lines_where_there_is_no_terminal(
    invocation: Invocation, capsys: pytest.CaptureFixture[str]
) -> None:
    with watching(invocation) as watch:
        assert watch is not None
        watch(SHOWN, STARTED)
    shown = capsys.readouterr()
    assert 'level=INFO msg="Step started"' in shown.err and shown.err.count("\n") == 1
    assert shown.out == ""


def test_log_lines_in_json_when_so_configured(
    invocation: Invocation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGU_LOG_FORMAT", "json")
    with watching(invocation) as watch:
        assert watch is not None
        watch(SHOWN, STARTED)
    assert json.loads(capsys.readouterr().err)["step"] == "a"


def test_quiet_watches_nothing(invocation: Invocation) -> None:
    invocation.quiet = True
    with watching(invocation) as watch:
        assert watch is None


def test_a_tree_that_grows_on_a_terminal(invocation: Invocation, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_on_stderr(monkeypatch)
    with watching(invocation) as watch:
        assert watch is not None
        watch(SHOWN, STARTED)
        watch(SHOWN, STARTED)
        watch(view(step("a", status=StepStatus.SUCCEEDED)), RunEnded(START, RunStatus.SUCCEEDED))
    shown = terminal.getvalue()
    assert shown.count("> pair (r1)") == 1
    assert "0% (0/1 steps)" in shown
    assert "✓ Succeeded" in shown
    assert "msg=" not in shown


def test_progress_can_be_switched_off(invocation: Invocation, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_on_stderr(monkeypatch)
    monkeypatch.setenv("DISABLE_PROGRESS", "1")
    with watching(invocation) as watch:
        assert watch is not None
        watch(SHOWN, STARTED)
    assert 'msg="Step started"' in terminal.getvalue()


def test_several_runs_are_told_apart(invocation: Invocation, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_on_stderr(monkeypatch)
    other = view(
        step("b", status=StepStatus.RUNNING, started_at=0.0), status=RunStatus.RUNNING, finished=None
    )
    other.summary.ref = RunRef("other", "r2")
    with watching(invocation) as watch:
        assert watch is not None
        watch(SHOWN, STARTED)
        watch(other, STARTED)
        watch(other, RunEnded(START, RunStatus.SUCCEEDED))
    shown = terminal.getvalue()
    assert "> pair (r1)" in shown and "> other (r2)" in shown
    assert "pair (r1): 0% (0/1 steps)" in shown
    assert "other (r2): ✓ " in shown


def test_warnings_of_a_run_stay_on_the_terminal(
    invocation: Invocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = terminal_on_stderr(monkeypatch)
    with watching(invocation) as watch:
        assert watch is not None
        watch(SHOWN, Noted(START, "D014", "`otel` has no effect\x1b[2J"))
    assert "! `otel` has no effect[2J" in terminal.getvalue()


def test_a_terminal_that_cannot_redraw_gets_log_lines(
    invocation: Invocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = terminal_on_stderr(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    with watching(invocation) as watch:
        assert watch is not None
        watch(SHOWN, STARTED)
    assert 'msg="Step started"' in terminal.getvalue()
