"""Many at once, and who is who: numbers of the rows in the names."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from dagu_core.model.run.events import RunEnded, RunRecovered, RunStarted
from dagu_core.model.status import RunStatus, StepStatus
from tests.faults.chaos import FULL, SLOW, Home, kill, within
from tests.faults.test_crashes import crash_in_second_step, go

ONE = "name: one\nsteps: [{name: a, command: mark start; sleep 0.2; mark end}]"


def all_at_once(home: Home, calls: list[tuple[str, ...]]) -> list[tuple[int, str]]:
    """(exit code, stderr) of commands that run side by side."""
    pipe = subprocess.PIPE
    begun = [home.begin(*words, stderr=pipe) for words in calls]
    ended = [process.communicate(timeout=60 * SLOW)[1] for process in begun]
    return [(process.returncode, err) for process, err in zip(begun, ended, strict=True)]


@pytest.mark.timeout(200)
def test_C01_of_fifty_starts_with_one_id_exactly_one_runs(home: Home) -> None:
    dag = home.write("one", ONE)
    answers = all_at_once(home, [("start", "-q", "--run-id=same", dag)] * 50)
    assert Counter(code for code, _ in answers) == {0: 1, 4: 49}
    assert {err for code, err in answers if code == 4} == {"Error: run id same already exists\n"}
    assert home.ledger.steps() == home.ledger.steps("end") == ["a"]
    stored = home.stored("one", "same")
    assert stored.summary.status is RunStatus.SUCCEEDED and stored.steps["a"].attempts == 1
    events = home.events("one", "same")
    assert sum(isinstance(event, RunStarted) for event in events) == 1
    assert sum(isinstance(event, RunEnded) for event in events) == 1
    assert home.locks() == []


@pytest.mark.timeout(300)
def test_C02_starts_with_different_ids_all_run(home: Home) -> None:
    before = set(Path("/tmp").iterdir())
    dag = home.write("one", ONE)
    for turn in range(4 if FULL else 1):
        ids = [f"d{turn}-{number}" for number in range(50)]
        answers = all_at_once(home, [("start", "-q", f"--run-id={run_id}", dag) for run_id in ids])
        assert {code for code, _ in answers} == {0}, answers
        assert sorted(e.run for e in home.ledger.entries() if e.what == "end" and e.run in ids) == sorted(ids)
        assert {home.status("one", run_id) for run_id in ids} == {"succeeded"}
    assert not [path for path in set(Path("/tmp").iterdir()) - before if path.is_socket()]


@pytest.mark.parametrize("verb", ["start", "enqueue"])
def test_C03_the_id_of_a_run_that_is_over_stays_taken(home: Home, verb: str) -> None:
    dag = home.write("one", ONE)
    assert home.cli("start", "--run-id=r", dag).code == 0
    before = home.stored("one")
    again = home.cli(verb, "--run-id=r", dag)
    assert (again.code, again.err) == (4, "Error: run id r already exists\n")
    assert home.stored("one") == before and home.ledger.steps() == ["a"]


def test_C04_of_six_retries_at_once_one_runs(home: Home) -> None:
    text = """
        name: broken
        steps: [{name: a, command: "mark start; sleep 1; mark end; exit 1"}]
    """
    assert home.cli("start", "--run-id=r", home.write("broken", text)).code == 1
    answers = all_at_once(home, [("retry", "-q", "--run-id=r", "broken")] * 6)
    codes = Counter(code for code, _ in answers)
    assert codes == {1: 1, 4: 5}, answers
    assert {err for code, err in answers if code == 4} == {"Error: run broken:r is running already\n"}
    assert home.ledger.steps() == ["a", "a"]


def test_C04_who_read_before_the_winner_wrote_does_not_take_the_run_from_it(home: Home) -> None:
    text = "name: broken\nsteps: [{name: a, command: mark start; sleep 1.5; mark end; exit 1}]"
    assert home.cli("start", "--run-id=r", home.write("broken", text)).code == 1
    words = ("retry", "-q", "--run-id=r", "broken")
    # One has read and not yet adopted, one has adopted and not yet written; the third is quick.
    slow = home.begin(*words, env={"DAGU_FAILPOINTS": "adopt.before=sleep(1.5)"})
    slower = home.begin(*words, env={"DAGU_FAILPOINTS": "adopt.after=sleep(1)"})
    within(10, lambda: home.stored("broken").summary.engine)
    assert home.cli(*words).code == 4
    assert slower.wait(20) == 1 and slow.wait(20) == 4
    assert home.ledger.steps() == ["a", "a"]


def test_C04_recoveries_at_once_take_a_run_over_once(home: Home) -> None:
    crash_in_second_step(home)
    recovering = [home.begin("recover") for _ in range(6)]
    within(10, lambda: home.stored("sleepy").summary.recoveries)
    go(home)
    assert {process.wait(30) for process in recovering} == {0}
    events = home.events("sleepy")
    assert sum(isinstance(event, RunRecovered) for event in events) == 1
    assert home.ledger.steps() == ["one", "two", "three"]
    home.ledger.check(home.stored("sleepy"))


def test_C04_a_recovery_that_looked_too_early_leaves_an_ended_run_alone(home: Home) -> None:
    """Between its look at the record and its look at the engine the run ends well."""
    dag = home.write("one", ONE)
    process = home.begin("start", "--run-id=r", dag)
    within(10, lambda: home.ledger.steps())

    async def test(app: object) -> None:
        from dagu_core.engine.launch import resume
        from dagu_core.model.run.run import RunRef

        stored = await app.store.load(RunRef("one", "r"))  # type: ignore[attr-defined]
        assert process.wait(20) == 0
        launch = await app.runs.launch_again(stored, "r")  # type: ignore[attr-defined]
        async with app.runner(lambda run, event: None) as runner:  # type: ignore[attr-defined]
            run = await resume(runner, launch, stored, recovered=True)
        assert run.summary.status is RunStatus.SUCCEEDED

    home.ask(test)
    assert home.ledger.steps() == ["a"]
    events = home.events("one")
    assert isinstance(events[-1], RunEnded) and not any(isinstance(e, RunRecovered) for e in events)


def test_C06_C07_a_run_keeps_the_definition_it_was_made_with(home: Home) -> None:
    dag = Path(home.write("kept", "name: kept\nsteps: [{name: a, command: mark start; echo first; exit 1}]"))
    assert home.cli("start", "--run-id=r", str(dag)).code == 1
    assert home.cli("enqueue", "--run-id=q", str(dag)).code == 0
    dag.write_text("name: kept\nsteps: [{name: other, command: echo second}]\n")
    assert home.cli("retry", "--run-id=r", "kept").code == 1
    assert Path(home.stored("kept").steps["a"].stdout).read_text() == "first\n"
    dag.unlink()
    assert home.cli("retry", "--run-id=r", "kept").code == 1
    assert "first" in home.cli("status", "--run-id=r", "kept").out
    assert home.cli("history", "kept").code == 0
    assert home.ledger.steps() == ["a"] * 3
    assert home.status("kept", "q") == "queued"


def test_C07_a_run_ends_though_its_definition_was_removed(home: Home) -> None:
    crash_in_second_step(home)
    (home.root / "sleepy.yaml").unlink()
    go(home)
    assert home.cli("recover").code == 0
    assert home.status("sleepy") == "succeeded"


@pytest.mark.parametrize("dead", [False, True])
def test_C08_cleanup_never_touches_a_run_that_is_not_over(home: Home, dead: bool) -> None:
    text = "name: long\nsteps: [{name: a, command: echo here; mark start; sleep 1; mark end}]"
    process = home.begin("start", "--run-id=r", home.write("long", text))
    within(10, lambda: home.ledger.steps())
    if dead:
        kill(process)
    assert home.cli("cleanup", "--retention-days=0", "--yes", "long").code == 0
    stored = home.stored("long")
    assert stored.summary.status is RunStatus.RUNNING
    assert Path(stored.steps["a"].stdout).read_text() == "here\n"
    assert (home.cli("recover").code if dead else process.wait(20)) == 0
    assert home.stored("long").steps["a"].status is StepStatus.SUCCEEDED
    assert home.cli("cleanup", "--retention-days=0", "--yes", "long").code == 0
    assert home.runs() == [] and not Path(stored.steps["a"].stdout).exists()


def test_C09_who_did_not_hear_the_answer_may_ask_again_with_the_same_id(home: Home) -> None:
    chance = random.Random(9)
    dag = home.write("one", ONE)
    for number in range(5):
        process = home.begin("start", f"--run-id=r{number}", dag)
        if chance.random() < 0.7:
            within(10, partial(home.status, "one", f"r{number}"))
        kill(process)
        again = home.cli("start", f"--run-id=r{number}", dag)
        assert again.code in (0, 4), again
    assert home.cli("recover").code == 0
    assert sorted(e.run for e in home.ledger.entries() if e.what == "end") == [f"r{n}" for n in range(5)]
