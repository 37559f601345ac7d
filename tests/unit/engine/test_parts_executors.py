"""Step types of plugins, in runs of the whole engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from dagu_core import Capability, Config, InvalidDefinition, Outcome
from dagu_core.engine import patience
from tests.unit.engine.toys import Toys, executor


class Weather(Config):
    """What a forecast needs."""

    days: int = Field(1, ge=1, le=9, description="How many days.")
    place: str = Field("", description="Where.")
    warm: bool = Field(False, description="Only good news.")


async def tell_config(attempt: Any) -> Outcome:
    config = attempt.config
    await attempt.stdout.write(f"{config.days!r} {config.place!r} {config.warm!r}\n".encode())
    return Outcome()


async def tell_texts(attempt: Any) -> Outcome:
    texts = [*attempt.commands, *attempt.exec, attempt.script]
    await attempt.stdout.write("|".join(texts).encode())
    return Outcome()


COMMANDS: frozenset[Capability] = frozenset({"command", "commands", "script", "shell"})


def test_a_config_is_made_with_the_values_of_the_run(toys: Toys) -> None:
    toys.give(executor(tell_config, config=Weather, aliases=("forecast",)))
    ran = toys.run("""
        params: {N: 3, YES: true}
        env: [TOWN: Ulm]
        steps:
          - {name: word, type: toy, config: {days: "${N}", place: "in ${TOWN}", warm: "${YES}"}}
          - {name: alias, type: forecast, config: {days: 2}}
        """)
    assert ran.out("word") == "3 'in Ulm' True\n"
    assert ran.out("alias") == "2 '' False\n"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ("{days: '${N}'}", "config.days"),
        ("{days: '${BIG}'}", "config.days"),
        ("{warm: '${N}'}", "config.warm"),
    ],
)
def test_a_value_that_does_not_fit_fails_its_step_and_names_the_field(
    toys: Toys, config: str, field: str
) -> None:
    toys.give(executor(tell_config, config=Weather))
    ran = toys.run(f"""
        params: {{N: many, BIG: 400}}
        steps: [{{name: s, type: toy, config: {config}}}]
        """)
    assert ran.of("s") == "failed"
    assert ran.step("s").error.startswith(f"{field}: ")
    assert "validation error" not in ran.step("s").error and "many" not in ran.step("s").error


def test_a_wrong_config_is_found_when_the_file_is_read(toys: Toys) -> None:
    toys.give(executor(tell_config, config=Weather))
    with pytest.raises(InvalidDefinition) as caught:
        toys.check("""
            steps:
              - type: toy
                config:
                  days: many
                  plaice: Ulm
            """)
    found = [(p.place.line, p.place.column, p.message) for p in caught.value.problems]
    assert [(line, column) for line, column, _ in found] == [(4, 13), (5, 7)]
    assert "config.days" in found[0][2] and "unknown key `plaice`" in found[1][2]
    assert "did you mean `place`" in caught.value.problems[1].hint


def test_a_field_the_type_does_not_understand_is_refused_with_its_place(toys: Toys) -> None:
    toys.give(executor(tell_texts, capabilities=frozenset({"command"})))
    with pytest.raises(InvalidDefinition) as caught:
        toys.check("""
            steps:
              - type: toy
                command: x
                script: y
            """)
    (problem,) = caught.value.problems
    assert "script" in problem.message and problem.place.line == 4


@pytest.mark.parametrize(
    ("expansion", "seen"),
    [("shell", "say ${WORD} '$WORD'|"), ("full", "say hi 'hi'|"), ("none", "say ${WORD} '$WORD'|")],
)
def test_texts_are_prepared_as_the_executor_asks(toys: Toys, expansion: str, seen: str) -> None:
    toys.give(executor(tell_texts, capabilities=COMMANDS, expansion=expansion))
    ran = toys.run("""
        env: [WORD: hi]
        steps: [{name: s, type: toy, command: "say ${WORD} '$WORD'"}]
        """)
    assert ran.out("s") == seen


def test_a_command_in_another_language_is_left_alone_beside_an_expanded_script(toys: Toys) -> None:
    toys.give(executor(tell_texts, capabilities=COMMANDS, expansion="script"))
    ran = toys.run("""
        env: [WORD: hi]
        steps: [{name: s, type: toy, command: ".[] as $WORD | `id` ${WORD}", script: "[${WORD}]"}]
        """)
    assert ran.out("s") == ".[] as $WORD | `id` ${WORD}|[hi]"


async def raises(attempt: Any) -> Outcome:
    raise KeyError("lost key")


async def exits(attempt: Any) -> Outcome:
    raise SystemExit(3)


async def cancels_itself(attempt: Any) -> Outcome:
    raise asyncio.CancelledError


async def returns_nonsense(attempt: Any) -> Any:
    return 17


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (raises, "KeyError: 'lost key'"),
        (exits, "executor toy called exit(3)"),
        (cancels_itself, "executor toy cancelled itself"),
        (returns_nonsense, "executor toy returned int, not an Outcome"),
    ],
)
def test_x09_what_an_executor_does_wrong_fails_its_step_alone(toys: Toys, run: Any, message: str) -> None:
    toys.give(executor(run))
    ran = toys.run("""
        type: graph
        steps:
          - {name: bad, type: toy}
          - {name: good, command: "true"}
        """)
    assert ran.statuses == {"bad": "failed", "good": "succeeded"}
    assert ran.step("bad").error == message
    assert ran.status == "failed"


async def ignores_its_stop(attempt: Any) -> Outcome:
    Path(attempt.working_dir, "ready").touch()
    while True:
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            if Path(attempt.working_dir, "over").exists():
                raise


def test_x09_an_executor_that_ignores_its_stop_is_left_behind(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "MARGIN", 0.1)
    monkeypatch.setattr("dagu_core.engine.carry_out.MARGIN", 0.1)
    toys.give(executor(ignores_its_stop))

    async def stopped(app: Any) -> Any:
        from dagu_core.app.requests import StartRequest

        path = toys.write("maxCleanUpTimeSec: 1\nsteps: [{name: s, type: toy}]")
        running = asyncio.create_task(app.runs.start(StartRequest(dag=str(path), run_id="r")))
        while not (toys.work / "ready").exists():
            await asyncio.sleep(0.01)
        await app.runs.stop("flow", "r")
        view = await running
        left = list(patience._left)
        (toys.work / "over").touch()
        for task in left:
            task.cancel()
        await asyncio.wait(left)
        events = await app.store.events(view.summary.ref)
        return view, len(left), [e.message for _, e in events if getattr(e, "code", "") == "step.abandoned"]

    view, left, notes = toys.use(stopped)
    assert view.summary.status.label == "aborted"
    assert left == 1 and not patience._left
    assert notes == ["executor toy did not stop within 1.1 s and was left behind"]


def test_x09_a_timeout_ends_an_executor_that_ignores_it(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagu_core.engine.carry_out.MARGIN", 0.1)

    async def stubborn(attempt: Any) -> Outcome:
        for _ in range(2):
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                continue
        return Outcome()

    toys.give(executor(stubborn))
    ran = toys.run("""
        maxCleanUpTimeSec: 1
        steps: [{name: s, type: toy, timeoutSec: 1}]
        """)
    assert (ran.of("s"), ran.step("s").exit_code) == ("failed", 124)
    assert ran.step("s").error == "step timed out after 1s"


def test_a_stopped_executor_may_clean_up(toys: Toys) -> None:
    async def cleans_up(attempt: Any) -> Outcome:
        Path(attempt.working_dir, "ready").touch()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            await attempt.stdout.write(b"tidy")
        return Outcome()

    toys.give(executor(cleans_up))
    ran = toys.stopped("steps: [{name: s, type: toy}]")
    assert (ran.status, ran.out("s")) == ("aborted", "tidy")


def test_a_task_left_behind_changes_nothing(toys: Toys) -> None:
    left: list[asyncio.Task[Any]] = []

    async def careless(attempt: Any) -> Outcome:
        left.append(asyncio.create_task(asyncio.sleep(60)))
        return Outcome()

    toys.give(executor(careless))
    ran = toys.run("""
        steps:
          - {name: a, type: toy}
          - {name: b, command: "true"}
        """)
    assert ran.status == "succeeded"
    assert left[0].cancelled()
