"""`ClockTriggerContract` and `TriggerContract`: inherit one, say how your trigger is used, and it is
proven."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC
from itertools import islice
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from dagu_core.base.config import Config
from dagu_core.base.errors import Invalid
from dagu_core.contracts.part import Part
from dagu_core.contracts.trigger import ClockScope, ClockTrigger, Fire, Tick, Trigger, TriggerScope
from dagu_core.testing.executor_suite import given
from dagu_core.testing.part_suite import PartSuite

#: instants walks begin at: the epoch, two changes of the clock in Berlin, a leap day, far ahead
STARTS = (0.0, 1_711_846_800.0, 1_729_990_800.0, 1_709_164_800.0, 4_102_444_800.0)
ZONES = (UTC, ZoneInfo("Europe/Berlin"))
_STEPS = 20
#: seconds within which something that happened is fired
_PATIENCE = 10.0


class ClockTriggerContract(PartSuite):
    """What every schedule that is a function of time must keep."""

    trigger: ClassVar[type[ClockTrigger]]
    #: data of `ClockScope.location`, for triggers that need it
    location: ClassVar[Mapping[str, Any] | None] = None

    @property
    def part(self) -> type[Part]:
        return self.trigger

    def entries(self) -> Sequence[Mapping[str, Any] | str]:
        """Schedule entries as they are written: data of `Config`, or short forms."""
        raise NotImplementedError

    def test_its_entries_are_read(self) -> None:
        assert self._configs()

    def test_each_instant_is_later_than_what_was_asked_for(self) -> None:
        for config, scope, at in self._cases():
            for before, tick in self._walk(config, scope, at):
                assert math.isfinite(tick.at) and tick.at > before

    def test_the_same_question_has_the_same_answer(self) -> None:
        for config, scope, at in self._cases():
            walked = self._walk(config, scope, at)
            for before, tick in reversed(walked):
                assert self.trigger().next_after(config, scope, before) == tick

    def test_no_instant_is_jumped_over(self) -> None:
        for config, scope, at in self._cases():
            for before, tick in self._walk(config, scope, at):
                for between in ((before + tick.at) / 2, tick.at - 0.001):
                    if before < between < tick.at:
                        found = self.trigger().next_after(config, scope, between)
                        assert found is not None and found.at == tick.at

    def test_walking_tells_what_asking_tells(self) -> None:
        for config, scope, at in self._cases():
            asked = [tick for _, tick in self._walk(config, scope, at)]
            assert list(islice(self.trigger().ticks(config, scope, at), _STEPS)) == asked

    def test_what_is_over_stays_over(self) -> None:
        for config, scope, at in self._cases():
            if self.trigger().next_after(config, scope, at) is None:
                assert self.trigger().next_after(config, scope, at + 31_536_000) is None

    @pytest.mark.parametrize("text", ["", "\x00", "no such schedule at all", "@@@", "9" * 300])
    def test_a_text_that_is_none_is_left_or_refused(self, text: str) -> None:
        try:
            data = self.trigger.read(text)
        except Invalid:
            return
        assert data is None

    def _cases(self) -> list[tuple[Config, ClockScope, float]]:
        return [
            (config, ClockScope(zone, anchor=start, location=self.location), start)
            for config in self._configs()
            for zone in ZONES
            for start in STARTS
        ]

    def _configs(self) -> list[Config]:
        found = []
        for entry in self.entries():
            data = self.trigger.read(entry) if isinstance(entry, str) else entry
            assert data is not None, f"{entry!r} is not read"
            found.append(self.trigger.Config.model_validate(data))
        return found

    def _walk(self, config: Config, scope: ClockScope, at: float) -> list[tuple[float, Tick]]:
        walked = []
        for _ in range(_STEPS):
            tick = self.trigger().next_after(config, scope, at)
            if tick is None:
                break
            walked.append((at, tick))
            at = tick.at
        return walked


class TriggerContract(PartSuite):
    """What every source of fires must keep."""

    trigger: ClassVar[type[Trigger]]
    #: whether what happens while nobody listens is found afterwards
    remembers: ClassVar[bool] = True

    @property
    def part(self) -> type[Part]:
        return self.trigger

    def config(self) -> Mapping[str, Any]:
        """What an entry says; relative paths start from `folder`."""
        raise NotImplementedError

    def provoke(self, number: int) -> None:
        """Make the first, second, ... thing happen that is to be fired."""
        raise NotImplementedError

    def ailing_config(self) -> Mapping[str, Any] | None:
        """An entry that cannot work for now: a folder that is missing, a server that is away."""
        return None

    def test_what_happens_is_fired_each_with_a_key_of_its_own(self) -> None:
        async def test(fires: AsyncIterator[Fire], health: Callable[[], str]) -> None:
            found = [await self._next(fires, number) for number in (1, 2, 3)]
            assert all(fire.key for fire in found)
            assert len({fire.key for fire in found}) == 3
            assert all(fire.due > 0 for fire in found)

        self._listening(test)

    def test_its_cursor_is_data_and_nothing_is_lost_or_repeated_after_a_restart(self) -> None:
        kept: list[Fire] = []

        async def before(fires: AsyncIterator[Fire], health: Callable[[], str]) -> None:
            kept.append(await self._next(fires, 1))

        async def after(fires: AsyncIterator[Fire], health: Callable[[], str]) -> None:
            async with asyncio.timeout(_PATIENCE):
                fire = await anext(fires) if self.remembers else await self._next(fires, 2)
            assert fire.key != kept[0].key, "fired twice"

        self._listening(before)
        cursor = json.loads(json.dumps(kept[0].cursor))
        assert cursor == kept[0].cursor
        if self.remembers:
            self.provoke(2)
        self._listening(after, cursor=cursor)

    def test_it_ends_when_it_is_cancelled(self) -> None:
        async def test(fires: AsyncIterator[Fire], health: Callable[[], str]) -> None:
            waiting = asyncio.ensure_future(anext(fires))
            await asyncio.sleep(0.3)
            waiting.cancel()
            done, _ = await asyncio.wait({waiting}, timeout=2)
            assert done, "it went on"
            assert waiting.cancelled()

        self._listening(test)

    def test_what_cannot_work_now_is_told_in_its_health(self) -> None:
        config = given(self.ailing_config(), "ailing_config")

        async def test(fires: AsyncIterator[Fire], health: Callable[[], str]) -> None:
            waiting = asyncio.ensure_future(anext(fires))
            for _ in range(round(_PATIENCE / 0.05)):
                if health() or waiting.done():
                    break
                await asyncio.sleep(0.05)
            assert not waiting.done(), "it must go on trying"
            waiting.cancel()
            await asyncio.wait({waiting}, timeout=2)
            assert health()

        self._listening(test, config=config)

    async def _next(self, fires: AsyncIterator[Fire], number: int) -> Fire:
        waiting = asyncio.ensure_future(anext(fires))
        # It has to be at work before anything happens.
        await asyncio.sleep(0.3)
        self.provoke(number)
        async with asyncio.timeout(_PATIENCE):
            return await waiting

    def _listening(
        self,
        test: Callable[[AsyncIterator[Fire], Callable[[], str]], Awaitable[None]],
        *,
        config: Mapping[str, Any] | None = None,
        cursor: Any = None,
    ) -> None:
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        scope = TriggerScope("watched", self.folder, scratch, first=cursor is None)
        threads = set(threading.enumerate())

        async def main() -> None:
            trigger = self.trigger()
            made = self.trigger.Config.model_validate(self.config() if config is None else config)
            fires = trigger.fires(scope, made, cursor)
            try:
                await test(fires, lambda: trigger.health)
            finally:
                # One that went on although it was cancelled is busy still; the test has said so.
                with contextlib.suppress(RuntimeError, AttributeError):
                    await fires.aclose()  # type: ignore[attr-defined]
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks are left: {left}"

        asyncio.run(main())
        left = [each.name for each in threading.enumerate() if each not in threads and not each.daemon]
        assert left == [], "threads are left"
