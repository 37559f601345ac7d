"""Guards of plugins: what must hold around an attempt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import Field

from dagu_core import Config, DaguError, Guard, InvalidDefinition, Outcome
from tests.unit.engine.toys import Toys, executor


class Key(Config):
    """What a guard is told."""

    size: int = Field(1, ge=0, description="How much of it.")
    label: str = Field("", description="What it is called.")


def guard(seen: list[str], name: str, order: int = 100, **more: Any) -> type[Guard]:
    """A guard that writes down when it is entered and left."""

    @asynccontextmanager
    async def hold(self: Guard, config: Key, attempt: Any) -> AsyncIterator[None]:
        seen.append(f"+{name} {config.size} {config.label}".strip())
        try:
            yield
        finally:
            seen.append(f"-{name}")

    space = {"name": name, "order": order, "Config": Key, "hold": hold, "__doc__": "A toy."}
    return type("ToyGuard", (Guard,), {**space, **more})


def test_guards_are_entered_by_order_and_left_in_reverse(toys: Toys) -> None:
    seen: list[str] = []

    async def work(attempt: Any) -> Outcome:
        seen.append("work")
        return Outcome()

    toys.give(guard(seen, "late", 200), guard(seen, "early", 5), guard(seen, "middle"), executor(work))
    ran = toys.run("""
        params: {N: 4}
        steps:
          - {name: s, type: toy, late: {}, middle: {size: "${N}", label: "n${N}"}, early: {size: 0}}
        """)
    assert ran.status == "succeeded"
    assert seen == ["+early 0", "+middle 4 n4", "+late 1", "work", "-late", "-middle", "-early"]


def test_guards_are_held_for_each_attempt_and_around_shell_steps(toys: Toys) -> None:
    seen: list[str] = []
    toys.give(guard(seen, "door"))
    ran = toys.run("""
        steps: [{name: s, command: exit 3, door: {}, retryPolicy: {limit: 1, intervalSec: 0}}]
        """)
    assert ran.step("s").exit_code == 3
    assert seen == ["+door 1", "-door"] * 2


def test_a_guard_waits_and_its_waiting_does_not_count_for_the_timeout(toys: Toys) -> None:
    opened: list[float] = []

    class Turnstile(Guard):
        """Lets one in after the other."""

        name = "turnstile"

        @asynccontextmanager
        async def hold(self, config: Config, attempt: Any) -> AsyncIterator[None]:
            opened.append(0)
            await asyncio.sleep(1.2)
            yield

    toys.give(Turnstile)
    ran = toys.run("""steps: [{name: s, command: "true", timeoutSec: 1, turnstile: {}}]""")
    assert (ran.of("s"), opened) == ("succeeded", [0])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DaguError("no room", hint="wait"), "no room"),
        (ValueError("oops"), "ValueError: oops"),
        (SystemExit(4), "SystemExit: 4"),
        (asyncio.CancelledError(), "a guard of the step cancelled itself"),
    ],
)
def test_a_guard_that_refuses_fails_the_attempt(toys: Toys, error: BaseException, message: str) -> None:
    seen: list[str] = []

    class Bouncer(Guard):
        """Lets nobody in."""

        name = "bouncer"
        order = 500

        def hold(self, config: Config, attempt: Any) -> Any:
            raise error

    toys.give(Bouncer, guard(seen, "door"))
    ran = toys.run("""
        type: graph
        steps:
          - {name: s, command: "echo never", bouncer: {}, door: {}}
          - {name: other, command: "true"}
        """)
    assert ran.statuses == {"s": "failed", "other": "succeeded"}
    assert ran.step("s").error == message
    assert seen == ["+door 1", "-door"]


def test_guards_are_left_when_the_step_is_stopped(toys: Toys) -> None:
    seen: list[str] = []
    toys.give(guard(seen, "door"))
    ran = toys.stopped("""steps: [{name: s, command: "touch ready; sleep 60", door: {}}]""")
    assert ran.status == "aborted"
    assert seen == ["+door 1", "-door"]


def test_a_step_that_waits_for_a_guard_can_be_stopped(toys: Toys) -> None:
    class Closed(Guard):
        """Never opens."""

        name = "closed"

        @asynccontextmanager
        async def hold(self, config: Config, attempt: Any) -> AsyncIterator[None]:
            (attempt.working_dir / "ready").touch()
            await asyncio.Event().wait()
            yield

    toys.give(Closed)
    ran = toys.stopped("""steps: [{name: s, command: "true", closed: {}}]""")
    assert (ran.status, ran.of("s")) == ("aborted", "aborted")


def test_a_wrong_guard_is_found_when_read_or_when_its_value_is_known(toys: Toys) -> None:
    seen: list[str] = []
    toys.give(guard(seen, "door"))
    with pytest.raises(InvalidDefinition) as caught:
        toys.check("""
            steps:
              - command: x
                door: {size: wide}
            """)
    (problem,) = caught.value.problems
    assert (problem.place.line, problem.place.column) == (3, 18) and "door.size" in problem.message
    ran = toys.run("""
        params: {N: wide}
        steps: [{name: s, command: "true", door: {size: "${N}"}}]
        """)
    assert ran.of("s") == "failed" and ran.step("s").error.startswith("door.size: ")
    assert seen == []
