"""The stand-ins keep their word."""

from __future__ import annotations

from dagu_core import NoConfig, Outcome
from dagu_core.testing.fakes import FakeClock, scripted
from dagu_core.testing.harness import offering, run_step


def test_a_scripted_executor_ends_each_attempt_as_told() -> None:
    toy = scripted(7, ConnectionError("gone"), 0)
    step = {"type": "scripted", "retryPolicy": {"limit": 5, "intervalSec": 0}}
    result = run_step(step, plugins=[offering(toy)])
    assert (result.status, result.step.attempts) == ("succeeded", 3)
    assert toy.calls == [("step", 1), ("step", 2), ("step", 3)]


def test_two_scripts_know_nothing_of_each_other() -> None:
    first, second = scripted(1, name="one"), scripted(name="two")
    result = run_step({"type": "two"}, plugins=[offering(first, second)])
    assert result.outcome == Outcome()
    assert (first.calls, second.calls) == ([], [("step", 1)])
    assert first.Config is NoConfig


def test_a_fake_clock_stands_still() -> None:
    clock = FakeClock()
    result = run_step({"command": "true"}, clock=clock)
    assert result.view.summary.started_at == result.view.summary.finished_at == clock.now()
    clock.advance(90)
    assert clock.now() == 1_900_000_090
    assert clock.new_run_id() != clock.new_run_id()
    assert len(clock.new_token(12)) == 12
