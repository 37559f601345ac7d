"""A home of its own for runs that send mail, and what was recorded of them."""

from __future__ import annotations

import asyncio
import inspect
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.app.views import RunView
from dagu_core.base.settings import Settings
from dagu_mail import plugin


@dataclass
class Ran:
    """A run that is over, and everything that was recorded of it."""

    view: RunView
    events: list[Any]

    @property
    def status(self) -> str:
        return self.view.summary.status.label

    def step(self, name: str) -> Any:
        return self.view.steps[self.view.plan.by_name[name]]

    @property
    def log(self) -> str:
        """The run's own log."""
        return Path(self.view.summary.log).read_text("utf-8")

    def notes(self, code: str) -> list[str]:
        return [event.message for event in self.events if getattr(event, "code", "") == code]


@dataclass
class Home:
    """A home of its own; what stands in `base` is base.yaml, `environ` is what the engine sees."""

    path: Path
    base: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        own = {"HOME": str(self.path), "SHELL": "/bin/sh", "LANG": "C.UTF-8", "DAGU_HOME": str(self.path)}
        return {"PATH": os.environ["PATH"], **own, **self.environ}

    def write(self, text: str, name: str = "flow") -> Path:
        (self.path / "base.yaml").write_text(inspect.cleandoc(self.base) + "\n")
        file = self.path / f"{name}.yaml"
        file.write_text(inspect.cleandoc(text) + "\n")
        return file

    def run(self, text: str, *, name: str = "flow", params: str | None = None, stop: bool = False) -> Ran:
        """Run a definition in this process; `stop` = as soon as the file `ready` is there."""
        request = StartRequest(dag=str(self.write(text, name)), run_id="r", params=params)
        return asyncio.run(self._run(request, name, stop))

    def warnings(self, text: str) -> list[tuple[str, str, str]]:
        """What the definition is warned of: (place, code, message)."""
        path = self.write(text)

        async def check() -> list[tuple[str, str, str]]:
            async with App.open(self._settings(), plugins=[plugin], discover=False) as app:
                found = app.dags.read(str(path)).warnings
                return [(f"{each.place.line}:{each.place.column}", each.code, each.message) for each in found]

        return asyncio.run(check())

    async def _run(self, request: StartRequest, name: str, stop: bool) -> Ran:
        async with App.open(self._settings(), plugins=[plugin], discover=False) as app:
            running = asyncio.create_task(app.runs.start(request))
            while stop and not (self.path / "ready").exists() and not running.done():
                await asyncio.sleep(0.01)
            if stop:
                await app.runs.stop(name, "r")
            view = await running
            events = [event for _, event in await app.store.events(view.summary.ref)]
        return Ran(view, events)

    def _settings(self) -> Settings:
        return Settings.load(environ=self.environment())
