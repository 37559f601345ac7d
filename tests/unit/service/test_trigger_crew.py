"""Triggers at work: what they fire starts once, the cursor follows, and their health is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field

import dagu_core
from dagu_core import Config, Fire, Trigger, TriggerScope
from dagu_core.app.accepting import cause_of
from dagu_core.app.triggers import triggers_of
from dagu_core.service.firing import Firing
from dagu_core.service.trigger_crew import TriggerCrew
from tests.unit.service.lab import Lab, lab


class BellConfig(Config):
    """A bell."""

    bell: str = Field(description="Which bell.")


class Bell(Trigger):
    """Fires what a test puts into it."""

    name = "bell"
    Config = BellConfig
    rung: ClassVar[asyncio.Queue[Fire]]
    begun: ClassVar[list[tuple[bool, Any]]] = []
    scope: ClassVar[TriggerScope]

    async def fires(self, scope: TriggerScope, config: Config, cursor: Any) -> AsyncIterator[Fire]:
        Bell.scope = scope
        self.begun.append((scope.first, cursor))
        self.health = "listening"
        while True:
            fire = await self.rung.get()
            self.health = "ringing"
            yield fire


class BellPlugin:
    @dagu_core.hookimpl
    def dagu_register_triggers(self) -> list[type[Trigger]]:
        return [Bell]


def run(root: Path, work: Callable[[Lab, Callable[[], Awaitable[TriggerCrew]]], Awaitable[None]]) -> None:
    async def main() -> None:
        async with lab(root, plugins=[BellPlugin()]) as one:
            Bell.rung, Bell.begun = asyncio.Queue(), []

            async def sure() -> None:
                """The one that leads."""

            async def begin() -> TriggerCrew:
                reign = await one.pass_at(0)
                plans = reign.definitions.plans
                firing = Firing(one.app, lambda: list(plans.values()), sure, lambda arrival: None)
                crew = TriggerCrew(one.app, firing, lambda arrival: None)
                await crew.update(plans.values())
                return crew

            await work(one, begin)

    asyncio.run(main())


async def until(ready: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await ready():
            await asyncio.sleep(0.01)


def bell(one: Lab, more: str = "") -> None:
    one.write("rings", f"triggers: [{{type: bell, bell: big}}]\n{more}")


def test_a_fire_starts_the_dag_once_and_the_cursor_follows(tmp_path: Path) -> None:
    async def work(one: Lab, begin: Callable[[], Awaitable[TriggerCrew]]) -> None:
        bell(one)
        crew = await begin()
        for key, cursor in (("a", 1), ("b", 2), ("b", 3)):
            Bell.rung.put_nowait(
                Fire(one.clock.at, key, env={"WHICH": key}, params={"P": key}, info={"k": key}, cursor=cursor)
            )

        async def counted() -> bool:
            pairs = await one.app.store.scan("triggers")
            return bool(pairs) and pairs[0][1].value == 3

        await until(counted)
        await crew.close()
        runs = await one.runs()
        assert len(runs) == 2  # nobody waits for anybody: unless the file says so, no fire is given up
        assert {each.ref.run_id[:5] for each in runs} == {"file-"}
        assert {cause_of(each).type for each in runs} == {"bell"}
        assert {each.env["WHICH"] for each in runs} == {"a", "b"}
        assert {dict(each.params)["P"] for each in runs} == {"a", "b"}
        crew = await begin()
        await until(lambda: _settled(len(Bell.begun) == 2))
        await crew.close()
        assert Bell.begun == [(True, None), (False, 3)]

    run(tmp_path, work)


async def _settled(value: bool) -> bool:
    return value


def test_what_comes_while_it_is_suspended_or_is_skipped_is_told(tmp_path: Path) -> None:
    async def work(one: Lab, begin: Callable[[], Awaitable[TriggerCrew]]) -> None:
        bell(one)
        crew = await begin()
        one.app.schedules.suspend("rings")
        Bell.rung.put_nowait(Fire(one.clock.at, "a", cursor=1))
        Bell.rung.put_nowait(Fire(one.clock.at, "b", cursor=2, skipped="too old"))

        async def told() -> bool:
            return len(await one.decided("rings")) == 2

        await until(told)
        await crew.close()
        decided = sorted((each.reason, each.sentence) for each in await one.decided("rings"))
        assert decided == [("suspended", "a: it is suspended"), ("trigger", "b: too old")]
        assert await one.ids() == []

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("policy", "made", "kind", "told"),
    [("skip", 1, "skipped", "bcde"), ("latest", 5, "superseded", "abcd"), ("queue", 2, "dropped", "cde")],
)
def test_each_fire_that_is_given_up_is_told_by_its_name(
    tmp_path: Path, policy: str, made: int, kind: str, told: str
) -> None:
    async def work(one: Lab, begin: Callable[[], Awaitable[TriggerCrew]]) -> None:
        bell(one, f"overlap: {{policy: {policy}, maxQueued: 2}}")
        crew = await begin()
        for number, key in enumerate("abcde"):
            Bell.rung.put_nowait(Fire(one.clock.at, f"ring {key}", cursor=number))

        async def over() -> bool:
            pairs = await one.app.store.scan("triggers")
            return bool(pairs) and pairs[0][1].value == 4

        await until(over)
        await crew.close()
        assert len(await one.ids()) == made
        decided = await one.decided("rings")
        assert {(each.kind, each.reason) for each in decided} <= {(kind, "overlap"), (kind, "max_queued")}
        assert sorted(each.fire for each in decided) == [f"ring {key}" for key in told]
        assert all(each.sentence.startswith(f"{each.fire}: ") for each in decided)

    run(tmp_path, work)


def test_stop_by_a_trigger(tmp_path: Path) -> None:
    async def work(one: Lab, begin: Callable[[], Awaitable[TriggerCrew]]) -> None:
        bell(one)
        crew = await begin()
        Bell.rung.put_nowait(Fire(one.clock.at, "a", cursor=1))

        async def there() -> bool:
            return bool(await one.ids())

        await until(there)
        ref = (await one.begin((await one.ids())[0])).ref
        one.clock.advance(1)
        Bell.rung.put_nowait(Fire(one.clock.at, "b", action="stop", cursor=2))

        async def asked() -> bool:
            return bool(await one.app.store.signals([ref]))

        await until(asked)
        await crew.close()

    run(tmp_path, work)


def test_health_is_told_and_a_trigger_that_breaks_begins_again(tmp_path: Path) -> None:
    async def work(one: Lab, begin: Callable[[], Awaitable[TriggerCrew]]) -> None:
        bell(one)
        crew = await begin()

        async def listening() -> bool:
            return [each.health for each in await triggers_of(one.app, "rings")] == ["listening"]

        await until(listening)
        Bell.rung.put_nowait(Fire(one.clock.at, "a"))

        async def ringing() -> bool:
            return [each.health for each in await triggers_of(one.app, "rings")] == ["ringing"]

        await until(ringing)  # nobody has to look for it
        Bell.rung.put_nowait(None)  # type: ignore[arg-type]

        async def broken() -> bool:
            return next(each.health for each in await triggers_of(one.app)).startswith("AttributeError")

        await until(broken)
        await until(lambda: _settled(len(Bell.begun) == 2))
        await crew.update([])
        await crew.close()

    run(tmp_path, work)


def test_a_trigger_may_ask_for_the_secrets_of_its_dag_and_no_others(tmp_path: Path) -> None:
    async def work(one: Lab, begin: Callable[[], Awaitable[TriggerCrew]]) -> None:
        refs = (
            f"{{name: {name}, provider: file, key: {key}}}"
            for name, key in (("WORD", "pass"), ("GONE", "no"))
        )
        bell(one, f"secrets: [{', '.join(refs)}]\n")
        crew = await begin()
        await until(lambda: _settled(len(Bell.begun) == 1))
        (Bell.scope.folder / "pass").write_text("open-sesame")
        assert await Bell.scope.secret("WORD") == "open-sesame"
        with pytest.raises(dagu_core.Invalid, match="GONE"):
            await Bell.scope.secret("GONE")
        with pytest.raises(dagu_core.NotFound, match="the DAG has no secret HOME"):
            await Bell.scope.secret("HOME")
        await crew.close()

    run(tmp_path, work)
