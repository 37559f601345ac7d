"""Rows P30-P35 and P50: what a step leaves behind, steps that do not want to end, handlers."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.faults.step_home import StepHome, within

#: ignores every polite signal; says when it is at work
STUBBORN = "trap '' TERM INT HUP; touch $DAG_READY; while :; do sleep 0.2; done"


def stopped(here: StepHome, text: str, *words: str) -> tuple[float, int]:
    """Start, stop as soon as the step is at work; (seconds from the stop to the end, exit code)."""
    process = here.begin("start", "--run-id", "r1", str(here.write(text)))
    within(15, here.is_running)
    begin = time.monotonic()
    assert here.call("stop", *words, "flow").code == 0
    done = here.end(process, limit=40)
    assert not here.orphans()
    return time.monotonic() - begin, done.code


def test_P30_output_kept_open_by_a_daemon_does_not_hold_the_step(here: StepHome) -> None:
    done = here.run("steps:\n  - command: sleep 40 & echo started; echo $! > daemon")
    assert (done.code, done.seconds < 4) == (0, True), done
    pid = (here.root / "daemon").read_text().strip()
    assert f"output still open by pid {pid}" in here.run_log()
    assert not Path(f"/proc/{pid}").exists()


def test_P30_detach_lets_the_daemon_live(here: StepHome) -> None:
    done = here.run("steps:\n  - {command: sleep 40 & echo $! > daemon, detach: true}")
    pid = int((here.root / "daemon").read_text())
    try:
        assert (done.code, done.seconds < 2) == (0, True), done
        assert Path(f"/proc/{pid}").exists()
    finally:
        import os

        os.kill(pid, signal.SIGKILL)


def test_P31_a_child_that_left_the_session_is_gone_after_stop(here: StepHome) -> None:
    seconds, code = stopped(here, "steps:\n  - command: setsid sleep 41 & touch $DAG_READY; sleep 30")
    assert (code, seconds < 8) == (1, True)
    assert here.details()["statusLabel"] == "aborted"


@pytest.mark.parametrize(
    "text",
    [
        f'steps:\n  - command: "{STUBBORN}"',
        f'steps:\n  - call: child\n---\nname: child\nmaxCleanUpTimeSec: 1\nsteps:\n  - command: "{STUBBORN}"',
        "steps:\n  - {call: child, parallel: [a, b]}\n---\nname: child\nmaxCleanUpTimeSec: 1\n"
        f'steps:\n  - command: "{STUBBORN}"',
        f"steps:\n  - command: 'true'\nhandlerOn:\n  exit:\n    command: \"{STUBBORN}\"",
    ],
    ids=["step", "call", "parallel", "handler"],
)
def test_P32_a_step_that_ignores_signals_is_killed(here: StepHome, text: str) -> None:
    seconds, code = stopped(here, f"maxCleanUpTimeSec: 1\n{text}")
    assert (code, 1 <= seconds < 4) == (1, True), seconds
    assert here.details()["statusLabel"] == "aborted"


def test_P31_a_run_of_the_same_name_in_another_home_is_left_alone(here: StepHome, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = StepHome(tmp_path / "other")
    other.environ["DAG_READY"] = str(other.ready)
    text = "steps:\n  - command: touch $DAG_READY; sleep 30"
    living = other.begin("start", "--run-id", "r1", str(other.write(text)))
    within(15, other.is_running)
    stopped(here, text)
    assert living.poll() is None
    assert len(other.orphans()) >= 2
    assert other.call("stop", "flow").code == 0
    other.end(living)


def test_P32_the_default_patience_is_five_seconds_and_the_kill_is_an_event(here: StepHome) -> None:
    seconds, _ = stopped(here, f'steps:\n  - command: "{STUBBORN}"')
    assert 5 <= seconds < 8
    assert "step.killed" in here.run_log()
    assert here.step("cmd_1")["statusLabel"] == "aborted"


@pytest.mark.parametrize("patience", [1, 2])
def test_P33_patience_is_what_the_dag_says(here: StepHome, patience: int) -> None:
    seconds, _ = stopped(here, f'maxCleanUpTimeSec: {patience}\nsteps:\n  - command: "{STUBBORN}"')
    assert patience <= seconds < patience + 2
    assert f"killed after {patience} s" in here.run_log()


def test_P33_no_patience_is_the_default_patience(here: StepHome) -> None:
    # As in the original, where 0 cannot be told from a key that is not there.
    seconds, _ = stopped(here, f'maxCleanUpTimeSec: 0\nsteps:\n  - command: "{STUBBORN}"')
    assert 5 <= seconds < 8


def test_P33_a_second_stop_with_force_ends_the_patience(here: StepHome) -> None:
    seconds, _ = stopped(here, f'maxCleanUpTimeSec: 30\nsteps:\n  - command: "{STUBBORN}"', "--force")
    assert seconds < 3


def test_P34_the_timeout_of_the_dag_ends_a_stubborn_step(here: StepHome) -> None:
    done = here.run(f'timeoutSec: 2\nmaxCleanUpTimeSec: 1\nsteps:\n  - command: "{STUBBORN}"')
    assert (done.code, 3 <= done.seconds < 5.5) == (1, True), done
    found = here.details()
    assert (found["statusLabel"], found["nodes"][0]["statusLabel"]) == ("failed", "aborted")
    assert "dag timed out after 2s" in done.out + done.err
    assert "dag timed out after 2s" in found["error"]


def test_P35_the_timeout_of_a_step_ends_its_whole_tree(here: StepHome) -> None:
    done = here.run(
        "maxCleanUpTimeSec: 1\nsteps:\n"
        "  - {name: a, timeoutSec: 1, command: \"setsid sleep 43 & trap '' TERM; sleep 44; sleep 45\"}"
    )
    step = here.step("a")
    assert (done.code, done.seconds < 4.5) == (1, True), done
    assert (step["statusLabel"], step["exitCode"]) == ("failed", 124)
    assert "timed out after 1s" in step["error"]
    assert not here.orphans()


HANDLERS = ["success", "failure", "exit", "init"]


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137)])
@pytest.mark.parametrize("kind", HANDLERS)
def test_P50_a_handler_that_fails_or_kills_itself_fails_the_run(
    here: StepHome, kind: str, command: str, code: int
) -> None:
    step = "false" if kind == "failure" else "true"
    done = here.run(f"steps:\n  - command: '{step}'\nhandlerOn:\n  {kind}:\n    command: {command}")
    # Without a successful onInit nothing has run: that is an abort, not a failure.
    assert (done.code, here.details()["statusLabel"]) == (1, "aborted" if kind == "init" else "failed")
    node = here.details()[f"on{kind.title()}"]
    assert (node["statusLabel"], node["exitCode"]) == ("failed", code)


@pytest.mark.parametrize("kind", ["failure", "exit"])
def test_P50_a_handler_that_hangs_is_bounded_by_a_stop(here: StepHome, kind: str) -> None:
    seconds, code = stopped(
        here,
        "maxCleanUpTimeSec: 1\nsteps:\n  - command: 'false'\n"
        f'handlerOn:\n  {kind}:\n    command: "{STUBBORN}"',
    )
    assert (code, seconds < 4) == (1, True)
    assert here.details()["statusLabel"] in ("failed", "aborted")


def test_P50_the_abort_handler_runs_after_a_stop_and_is_bounded_too(here: StepHome) -> None:
    text = (
        "maxCleanUpTimeSec: 1\nsteps:\n  - command: touch $DAG_READY; sleep 60\n"
        "handlerOn:\n  abort:\n    command: \"touch hung; trap '' TERM; sleep 50; sleep 50\""
    )
    process = here.begin("start", "--run-id", "r1", str(here.write(text)))
    within(15, here.is_running)
    assert here.call("stop", "flow").code == 0
    within(5, (here.root / "hung").exists)
    assert here.call("stop", "flow").code == 0
    here.end(process, limit=15)
    assert here.details()["statusLabel"] == "aborted"
