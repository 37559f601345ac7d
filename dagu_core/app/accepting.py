"""Runs on their way in: recorded while they wait, held back, let go, and ended before they began."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, to_builtins
from msgspec.structs import replace

from dagu_core.app.disk import guard_disk
from dagu_core.app.requests import StartRequest
from dagu_core.base.failpoints import fail_point
from dagu_core.contracts.store import Change
from dagu_core.engine.liveness import poke
from dagu_core.engine.logs import log_folder
from dagu_core.engine.new_run import Launch, evaluate_params, new_summary, secrets_of
from dagu_core.model.run.events import RunEnded
from dagu_core.model.run.run import TRIGGER, RunSummary
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App

#: stands as the engine of a queued run that nobody may take yet
HELD = "held"
#: seconds a provider may take for a secret of a run that only gets in line: one that is not had by
#: then is taken out of the parameters when the run begins
PATIENCE = 2.0
#: key of `RunSummary.extra`: JSON of what the run is held for
_HOLD = "hold"


class Hold(Struct, frozen=True):
    """What a run waits for before its queue may have it: until fewer than `limit` runs of `dags`
    are active, in the order of `due`, and `delay` seconds after the last of them has ended.

    `line` names those that wait for each other, `why` the reason code.
    """

    line: str
    dags: tuple[str, ...]
    limit: int
    due: float
    why: str
    delay: float = 0.0


class Cause(Struct, frozen=True):
    """What made a run begin, as its record tells it: for the instant `due`, or for the stretch of time
    from there `until` another one; `fire` is the key of the fire of a trigger."""

    type: str = ""
    due: float | None = None
    until: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fire(self) -> str:
        return str(self.data.get("fire", ""))


async def accept(
    app: App, request: StartRequest, hold: Hold | None = None, launch: Launch | None = None
) -> RunSummary:
    """Record a run that a runner takes from its queue, at once or when it is held no longer.
    `launch` is what the request stands for, if that was read already.

    Raises AlreadyExists, and whatever is wrong with the definition or the parameters.
    """
    launch = launch or await app.runs.launch_of(request)
    guard_disk(app.settings.paths.data)
    secrets = await secrets_of(launch, app.catalog.providers, PATIENCE)
    params, env, _ = await evaluate_params(launch, [Path.cwd()], secrets)
    now = app.clock.now()
    summary = new_summary(launch, params, now, secrets)
    summary.status, summary.queued_at, summary.reason = RunStatus.QUEUED, now, "queued"
    summary.log_dir = str(log_folder(launch.plan, app.settings.paths.logs, {**launch.environ, **env}))
    if hold is not None:
        summary.engine, summary.reason = HELD, hold.why
        summary.extra[_HOLD] = json.dumps(to_builtins(hold))
    fail_point("store.create.before")
    await app.store.create(Change(summary, durable=True), launch.plan.source)
    fail_point("store.create.after")
    return summary


async def let_go(app: App, summary: RunSummary) -> None:
    """Hand a held run to its queue. Raises Conflict when it is held no longer."""
    await app.store.adopt(summary.ref, fence=summary.fence, engine="", host="")


async def end_waiting(app: App, summary: RunSummary, reason: str) -> None:
    """End a run nobody drives as aborted. Raises Conflict when somebody does meanwhile."""
    fence = await app.store.adopt(summary.ref, fence=summary.fence, engine="", host="")
    now = app.clock.now()
    ended = replace(summary, fence=fence, engine="", status=RunStatus.ABORTED, finished_at=now, reason=reason)
    await app.store.commit(Change(ended, events=[RunEnded(now, RunStatus.ABORTED)], durable=True))


async def ask_to_stop(app: App, summary: RunSummary, by: str, *, force: bool = False) -> None:
    """Leave word with the owner of a running run; when it is dead, whoever takes over finds it."""
    await app.store.leave_signal(summary.ref, StopSignal(app.clock.now(), by, force=force))
    poke(app.settings.paths.data, summary.engine)


def is_held(summary: RunSummary) -> bool:
    """Whether the run waits for something else than its turn in the queue."""
    return summary.status is RunStatus.QUEUED and summary.engine == HELD


def hold_of(summary: RunSummary) -> Hold | None:
    """What a held run waits for."""
    if not is_held(summary) or _HOLD not in summary.extra:
        return None
    data = json.loads(summary.extra[_HOLD])
    return Hold(**{**data, "dags": tuple(data["dags"])})


def cause_of(summary: RunSummary) -> Cause:
    """What made the run begin; the empty one for a start by hand."""
    if TRIGGER not in summary.extra:
        return Cause()
    data = json.loads(summary.extra[TRIGGER])
    return Cause(str(data.get("type", "")), data.get("due"), data.get("until"), data)
