"""Lets the triggers of all DAGs work, each in a task of its own, and starts what they fire."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from dagu_core.app import decisions
from dagu_core.app.accepting import accept
from dagu_core.app.overlap import Arrival
from dagu_core.app.scheduled import fire_request
from dagu_core.app.triggers import CURSORS, TriggerHealth, tell_health
from dagu_core.base.errors import AlreadyExists, DaguError, LostOwnership, NotFound, Unavailable
from dagu_core.contracts.secrets import SecretScope
from dagu_core.contracts.trigger import Fire, Trigger, TriggerScope, no_secret
from dagu_core.model.plan.plan import Plan
from dagu_core.model.plan.schedule import TriggerEntry
from dagu_core.model.run.run import RunRef
from dagu_core.schedule.identity import file_run_id
from dagu_core.service.beat import BEAT, heard, rest
from dagu_core.service.ending import end
from dagu_core.service.firing import Firing, first_line

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.decisions import Kind

#: seconds before a trigger that broke works again, doubling up to the last
_BACKOFF, _LONGEST = 1.0, 60.0
#: seconds in which a trigger may change its mind about its health
_SETTLE = 0.2


class _Post(Struct, frozen=True):
    """One entry of one DAG."""

    plan: Plan
    entry: TriggerEntry

    @property
    def key(self) -> str:
        return f"{self.plan.name}/{self.entry.fingerprint}"


class TriggerCrew:
    """The triggers at work in the leading scheduler. `lost` hears when it is that no longer."""

    def __init__(self, app: App, firing: Firing, arrived: Callable[[Arrival], None]) -> None:
        self.app, self._firing, self._arrived = app, firing, arrived
        self._posts: dict[str, tuple[_Post, asyncio.Task[None]]] = {}

    async def update(self, plans: Iterable[Plan]) -> None:
        """Let work what the plans say, and end what they say no longer."""
        wanted = {post.key: post for plan in plans for post in _posts(plan)}
        over = [key for key, (post, _) in self._posts.items() if wanted.get(key) != post]
        await self._end(over)
        for key, post in wanted.items():
            if key not in self._posts:
                task = asyncio.create_task(self._work(post), name=f"trigger {key}")
                self._posts[key] = post, task

    async def close(self) -> None:
        """End all of them."""
        await self._end(list(self._posts))

    async def _end(self, keys: Iterable[str]) -> None:
        await end([self._posts.pop(key)[1] for key in keys])

    async def _work(self, post: _Post) -> None:
        delay = _BACKOFF
        while True:
            try:
                await self._serve(post)
                problem = "it ended by itself"
            except LostOwnership:
                return  # the scheduler notices as well, and ends everything
            except Unavailable as error:
                problem = str(error)
            except DaguError as error:
                # What can never work is not tried again until the file changes.
                while True:
                    await self._tell(post, str(error))
                    await rest(BEAT)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            await self._tell(post, problem)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST)

    async def _serve(self, post: _Post) -> None:
        trigger = self._trigger(post.entry)
        config = type(trigger).Config.model_validate(dict(post.entry.config))
        known = await self.app.store.get(CURSORS, post.key)
        dag, path = post.plan.name, post.plan.source.path
        scratch = self.app.settings.paths.data / "triggers" / dag / post.entry.fingerprint
        scratch.mkdir(parents=True, exist_ok=True)
        scope = TriggerScope(
            dag, Path(path).parent, scratch, first=known is None, secret=partial(self._secret, post.plan)
        )
        cursor = known.value if known else None
        watching = asyncio.create_task(self._watch_health(post, trigger))
        try:
            async for fire in trigger.fires(scope, config, cursor):
                await self._firing.sure()
                await self._handle(post, fire)
                if fire.cursor is not None:
                    await self.app.store.put(CURSORS, post.key, fire.cursor)
        finally:
            watching.cancel()

    async def _handle(self, post: _Post, fire: Fire) -> None:
        plan = post.plan
        if fire.skipped or self._firing.is_suspended(plan):
            reason, detail = ("trigger", fire.skipped) if fire.skipped else ("suspended", "it is suspended")
            await self._tell_of(plan, fire, "skipped", reason, detail)
            return
        run_id = file_run_id(post.entry.fingerprint, fire.key)
        request = fire_request(self.app, plan, post.entry, run_id, fire)
        try:
            if fire.action == "stop":
                await self._firing.stop(plan, fire.due, self.app.clock.now(), fire.key)
            elif fire.action == "restart":
                await self._firing.restart(plan, request, fire.due, self.app.clock.now(), fire.key)
            elif plan.schedule.overlap.explicit:
                await self._firing.start(plan, request, fire.due)
            else:
                # What was told once is not told again: unless the file says so, none is given up.
                with contextlib.suppress(AlreadyExists):
                    await accept(self.app, request)
                self._arrived(Arrival("queued", RunRef(plan.name, run_id)))
        except (LostOwnership, Unavailable):
            raise
        except DaguError as error:
            await self._tell_of(plan, fire, "refused", error.code, first_line(error))

    async def _tell_of(self, plan: Plan, fire: Fire, kind: Kind, reason: str, detail: str) -> None:
        await decisions.record(self.app, plan.name, kind, reason, detail, due=fire.due, fire=fire.key)

    async def _secret(self, plan: Plan, name: str) -> str:
        from dagu_core.engine.known_secrets import secret_value

        ref = next((each for each in plan.secrets if each.name == name), None)
        if ref is None:
            return await no_secret(name)
        scope = SecretScope(dict(os.environ), (Path(plan.source.path).parent,))
        return await secret_value(ref, self.app.catalog.providers, scope)

    def _trigger(self, entry: TriggerEntry) -> Trigger:
        found = self.app.catalog.triggers.get(entry.kind)
        if found is None or not issubclass(found, Trigger):
            raise NotFound(f"there is no trigger `{entry.kind}`")
        return found()

    async def _watch_health(self, post: _Post, trigger: Trigger) -> None:
        changed, loop = asyncio.Event(), asyncio.get_running_loop()
        trigger.on_health = lambda: loop.call_soon_threadsafe(changed.set)
        while True:
            changed.clear()
            await self._tell(post, trigger.health)
            if await heard(changed, BEAT):
                await asyncio.sleep(_SETTLE)

    async def _tell(self, post: _Post, health: str) -> None:
        one = TriggerHealth(post.plan.name, post.entry.kind, post.entry.text, health)
        with contextlib.suppress(DaguError):
            await tell_health(self.app, post.key, one)


def _posts(plan: Plan) -> list[_Post]:
    return [_Post(plan, entry) for entry in plan.schedule.triggers]
