"""The tree: every part of its layout as a table of runs and texts."""

from __future__ import annotations

from typing import Any

import pytest

from dagu_core.base.clock import rfc3339
from dagu_core.cli.excerpt import Excerpt
from dagu_core.cli.tree import render_tree, wrap
from dagu_core.model.plan.plan import PlannedStep
from dagu_core.model.run.events import ChildRef
from dagu_core.model.run.run import StepRun
from dagu_core.model.status import RunStatus, StepStatus
from tests.unit.cli.runs import START, step, view

DONE: dict[str, Any] = {"status": StepStatus.SUCCEEDED, "started_at": 0.0, "finished_at": 0.0}


def tree(shown: Any, logs: dict[str, Excerpt] | None = None, now: float = START, **more: Any) -> str:
    return render_tree(
        shown,
        now=now,
        read=lambda path: (logs or {}).get(path, Excerpt()),
        **more,
    )


def body(*steps: Any, logs: dict[str, Excerpt] | None = None) -> list[str]:
    """The lines between the DAG line and the result."""
    return tree(view(*steps), logs).split("\n")[4:-2]


def test_the_whole_layout() -> None:
    shown = view(
        step("prepare", "echo ready", stdout="a.out", **DONE),
        step(
            "verify",
            "sh -c 'echo wrong >&2; exit 7'",
            status=StepStatus.FAILED,
            started_at=0.0,
            finished_at=1.19,
            stderr="b.err",
            error='failed to execute step "verify": exit status 7\nwrong\n',
        ),
        status=RunStatus.FAILED,
        finished=START + 1.2,
    )
    logs = {"a.out": Excerpt(("ready",)), "b.err": Excerpt(("wrong",))}
    assert tree(shown, logs) == "\n".join(
        [
            f"Failed - {rfc3339(START)}",
            "",
            "dag: pair (1.2s)",
            "│",
            "├─prepare (0s) [succeeded]",
            "│ ├─echo ready",
            "│ │",
            "│ └─stdout: ready",
            "│ ",
            "└─verify (1.1s) [failed]",
            "  ├─sh -c 'echo wrong >&2; exit 7'",
            "  │",
            "  ├─stderr: wrong",
            "  │",
            '  └─error: failed to execute step "verify": exit status 7',
            "",
            "Result: Failed",
        ]
    )


@pytest.mark.parametrize("status", [StepStatus.SKIPPED, StepStatus.ABORTED])
def test_a_step_that_did_not_run_has_only_its_line(status: StepStatus) -> None:
    lines = body(step("a", "echo a", status=status, stdout="x", started_at=0.0), step("b", "echo b"))
    assert lines == [f"├─a [{status.label}]", "│ ", "└─b"]


def test_a_script_step_without_output_has_only_its_line() -> None:
    assert body(step("a", **DONE), step("b", **DONE)) == [
        "├─a (0s) [succeeded]",
        "│ ",
        "└─b (0s) [succeeded]",
    ]


def test_a_waiting_step_has_no_duration() -> None:
    logs = {"g": Excerpt(("Waiting for human approval...",))}
    gate = step("gate", status=StepStatus.WAITING, started_at=0.0, stdout="g")
    assert body(gate, logs=logs) == ["└─gate [waiting]", "  └─stdout: Waiting for human approval..."]


def test_several_commands_and_both_streams() -> None:
    logs = {"o": Excerpt(("one 1", "two")), "e": Excerpt(("err",))}
    lines = body(step("many", "echo one", "echo two", stdout="o", stderr="e", **DONE), step("z"), logs=logs)
    assert lines[1:8] == [
        "│ ├─echo one",
        "│ ├─echo two",
        "│ │",
        "│ ├─stdout:",
        "│ │   one 1",
        "│ │   two",
        "│ └─stderr: err",
    ]


def test_streams_in_one_file_are_shown_once() -> None:
    lines = body(step("m", stdout="x.log", stderr="x.log", **DONE), logs={"x.log": Excerpt(("out", "err"))})
    assert lines[1:] == ["  └─stdout:", "      out", "      err"]


def test_children_stand_between_output_and_error() -> None:
    refs = [ChildRef("kid", "id1", 'X="5"'), ChildRef("kid", "id2")]
    shown = step("call", status=StepStatus.FAILED, children=refs, error="child failed", stdout="o")
    assert body(shown, logs={"o": Excerpt(note="(binary data)")}) == [
        "└─call [failed]",
        "  ├─stdout: (binary data)",
        "  │",
        '  ├─subdag: id1 [X="5"]',
        "  ├─subdag: id2",
        "  │",
        "  └─error: child failed",
    ]


def test_left_out_lines_are_counted() -> None:
    logs = {"o": Excerpt(("51",), hidden=50)}
    assert body(step("n", stdout="o", **DONE), logs=logs)[1:] == [
        "  └─stdout: ... (50 more lines)",
        "      51",
    ]


@pytest.mark.parametrize(("final", "last", "room"), [(0, 0, 70), (0, 1, 72), (1, 0, 72), (1, 1, 74)])
def test_output_breaks_where_its_bars_leave_room(final: bool, last: bool, room: int) -> None:
    def lines_of(length: int) -> int:
        shown = step("o", stdout="o", stderr="" if final else "e", **DONE)
        logs = {"o": Excerpt(("z" * length,)), "e": Excerpt(("short",))}
        lines = body(*([shown] if last else [shown, step("z")]), logs=logs)
        return sum("z" in line.partition("─z")[0] or "stdout" in line for line in lines)

    assert [lines_of(length) for length in (room - 8, room - 7, room, room + 1)] == [1, 2, 2, 3]


def test_a_long_command_breaks_at_blanks_and_hangs() -> None:
    text = "echo " + " ".join(str(number % 10) for number in range(60))
    assert body(step("c", text, **DONE), step("z"))[1:3] == [
        "│ └─echo 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2",
        "│     3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9",
    ]


def test_the_last_error_has_two_columns_more() -> None:
    error = 'failed to execute step "' + "n" * 25 + '": exit status 7'
    shown = {"status": StepStatus.FAILED, "error": error}
    assert body(step("a", **shown), step("b", **shown)) == [
        "├─a [failed]",
        f"│ └─error: {error[:-2]}",
        "│     7",
        "│ ",
        "└─b [failed]",
        f"  └─error: {error}",
    ]


@pytest.mark.parametrize(
    ("status", "last"),
    [
        (RunStatus.RUNNING, "Status: Running"),
        (RunStatus.QUEUED, "Result: Queued"),
        (RunStatus.WAITING, "Result: Waiting"),
        (RunStatus.PARTIALLY_SUCCEEDED, "Result: Partially Succeeded"),
    ],
)
def test_the_last_line(status: RunStatus, last: str) -> None:
    assert tree(view(step("a"), status=status)).split("\n")[-1] == last


def test_a_run_that_never_started_has_the_time_of_now_and_no_duration() -> None:
    lines = tree(view(step("a"), status=RunStatus.QUEUED, started=None, finished=None)).split("\n")
    assert lines[0] == f"Queued - {rfc3339(START)}"
    assert lines[2] == "dag: pair"


def test_a_running_step_counts_up_to_now() -> None:
    shown = view(
        step("a", status=StepStatus.RUNNING, started_at=0.5), status=RunStatus.RUNNING, finished=None
    )
    lines = tree(shown, now=START + 2).split("\n")
    assert (lines[2], lines[4]) == ("dag: pair (2.0s)", "└─a (1.5s) [running]")


def test_a_run_without_its_process_says_since_when() -> None:
    shown = view(
        step("a", status=StepStatus.RUNNING, started_at=0.0), status=RunStatus.RUNNING, finished=None
    )
    shown.alive, shown.lost_at = False, START + 3
    lines = tree(shown, now=START + 15).split("\n")
    assert lines[-1] == "Status: Running (process lost 00:12 ago)"
    assert lines[0].startswith("Running (process lost 00:12 ago) - ")
    shown.lost_at = None
    assert tree(shown).endswith("Status: Running (process lost)")


def test_colours_only_when_asked_for() -> None:
    shown = view(step("a", **DONE))
    assert "\x1b" not in tree(shown)
    assert "└─\x1b[38;5;110ma\x1b[0m\x1b[38;5;245m (0s)\x1b[0m [succeeded]" in tree(shown, colour=True)


def test_a_plan_without_steps() -> None:
    assert tree(view()).split("\n")[2:] == ["dag: pair (0s)", "│", "", "Result: Succeeded"]


def test_an_error_of_blanks_is_none() -> None:
    assert body(step("a", status=StepStatus.FAILED, error="\n \n")) == ["└─a [failed]"]


def test_control_characters_of_a_name_or_command_never_reach_the_terminal() -> None:
    (planned, state) = step("a\x1b[2J", "echo \x1b[31m\nnext", **DONE)
    text = tree(view((planned, state), (planned, StepRun())))
    assert "\x1b" not in text and "echo [31m next" in text


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("", 5, []),
        ("a  b", 5, ["a  b"]),
        ("a   b c", 5, ["a b c"]),
        ("abcdefg hi", 5, ["abcde", "fg hi"]),
        ("ab cdefgh", 5, ["ab", "cdefg", "h"]),
        ("漢漢漢 é", 5, ["漢漢", "漢 é"]),
    ],
)
def test_wrap(text: str, columns: int, lines: list[str]) -> None:
    assert wrap(text, columns) == lines


def test_the_words_of_a_program_are_told_apart() -> None:
    planned = PlannedStep(0, "main", exec=("sh", "-c", 'echo "a b"; exit 3', "", "x"))
    assert body((planned, StepRun(**DONE)))[1:] == ['  └─sh -c "echo \\"a b\\"; exit 3" "" x']


def test_durations_may_be_left_out() -> None:
    assert "└─a [succeeded]\n" in tree(view(step("a", **DONE)), timed=False)
