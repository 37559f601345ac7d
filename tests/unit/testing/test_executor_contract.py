"""The suite for executor authors catches what it promises to catch; its fakes keep their word."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field

from dagu_core import Config, Executor, NoConfig, Outcome
from dagu_core.engine import carry_out
from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_core.testing.fakes import FakeClock, scripted
from dagu_core.testing.harness import offering, run_step


class Lenient(BaseModel):
    """Takes everything."""

    model_config = ConfigDict(extra="ignore")
    depth: int = 1


class SloppyConfig(Config):
    """Says too little."""

    inner: list[Lenient] = Field([], description="What is inside.")


class Sloppy(Executor[SloppyConfig]):
    """Does everything wrong that a command can ask for."""

    name = "sloppy"
    Config = SloppyConfig
    capabilities = frozenset({"command"})
    #: what was begun and never ended, so that the test can
    begun: ClassVar[list[asyncio.Task[Any]]] = []

    async def run(self, attempt: Any) -> Outcome:
        match attempt.commands[0].split():
            case ["raise"]:
                raise RuntimeError("oops")
            case ["leave"]:
                self.begun.append(asyncio.create_task(asyncio.sleep(60)))
            case ["ignore"]:
                for _ in range(2):
                    try:
                        await asyncio.sleep(10)
                    except asyncio.CancelledError:
                        continue
            case ["cut", file]:
                await attempt.stdout.write(Path(file).read_bytes()[:1000])
            case ["decode", file]:
                await attempt.stdout.write(Path(file).read_text(errors="replace").encode())
        return Outcome()


class SloppySuite(ExecutorContract):
    """The suite, given a step type that fails it."""

    executor = Sloppy
    heavy = ("asyncio",)
    words: ClassVar[dict[str, str]] = {"good": "leave", "print": "cut"}

    def good_step(self) -> Step:
        return {"type": "sloppy", "command": self.words["good"]}

    def failing_step(self) -> Step:
        return {"type": "sloppy", "command": "raise"}

    def long_step(self) -> Step:
        return {"type": "sloppy", "command": "ignore"}

    def printing_step(self, file: Path) -> Step:
        return {"type": "sloppy", "command": f"{self.words['print']} {file}"}


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SloppySuite:
    monkeypatch.setattr(carry_out, "MARGIN", 0.1)
    found = SloppySuite()
    found.folder = tmp_path
    return found


@pytest.mark.parametrize(
    "test",
    [
        "test_every_field_has_a_description",
        "test_unknown_keys_are_refused",
        "test_its_import_is_light",
        "test_success",
        "test_failure_is_an_outcome_and_no_exception",
        "test_a_stop_ends_it_within_the_grace",
        "test_a_timeout_ends_it_within_the_grace",
        "test_bytes_that_are_no_text_arrive_as_they_are",
    ],
)
def test_the_suite_finds(suite: SloppySuite, monkeypatch: pytest.MonkeyPatch, test: str) -> None:
    monkeypatch.setitem(SloppySuite.words, "print", "decode")
    with pytest.raises(AssertionError):
        getattr(suite, test)()


def test_the_suite_finds_output_that_is_cut(suite: SloppySuite) -> None:
    suite.test_output_arrives_whole(1)
    with pytest.raises(AssertionError):
        suite.test_output_arrives_whole(64 << 10)


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
