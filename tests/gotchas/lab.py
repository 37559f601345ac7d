"""Runs small definitions through the whole engine, in this process, and tells what came out."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.app.views import RunView
from dagu_core.base.places import Problem
from dagu_core.base.settings import Settings
from dagu_core.model.plan.policies import HandlerKind
from dagu_core.model.run.run import StepRun


@dataclass(frozen=True)
class Ran:
    """A finished run; steps are asked for by name, handlers by the name of their node."""

    view: RunView
    work: Path

    @property
    def status(self) -> str:
        return self.view.summary.status.label

    @property
    def exit_code(self) -> int:
        return self.view.exit_code

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        return self.view.summary.params

    def step(self, name: str) -> StepRun:
        return self.view.steps[self.view.plan.by_name[name]]

    def of(self, name: str) -> str:
        """The status of a step."""
        return self.step(name).status.label

    @property
    def statuses(self) -> dict[str, str]:
        return {node.name: self.of(node.name) for node in self.view.plan.steps}

    def out(self, name: str = "") -> str:
        """The stdout log of a step (the only one without a name)."""
        name = name or self.view.plan.steps[-1].name
        return Path(self.step(name).stdout).read_text("utf-8")

    def err(self, name: str) -> str:
        return Path(self.step(name).stderr).read_text("utf-8")

    def handler(self, kind: HandlerKind) -> StepRun:
        found = self.view.handler(kind)
        assert found is not None, f"the DAG has no {kind.value}"
        return found

    def report(self, name: str) -> Any:
        """The stdout of a sub-DAG step as data."""
        return json.loads(self.out(name))


@dataclass
class Lab:
    """A home of its own; `environ` is what the engine sees, `plugins` are registered beside the
    built-in ones."""

    home: Path
    work: Path
    environ: dict[str, str] = field(default_factory=dict)
    plugins: list[object] = field(default_factory=list)

    def write(self, text: str, name: str = "flow.yaml") -> Path:
        """A file in the folder the runs work in; margins of the text are removed."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(inspect.cleandoc(text) + "\n", "utf-8")
        return path

    def base(self, text: str) -> None:
        """Write base.yaml."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "base.yaml").write_text(inspect.cleandoc(text) + "\n", "utf-8")

    def plugin(self, **hooks: Any) -> None:
        """Register a plugin made of these hook implementations."""
        self.plugins.append(SimpleNamespace(__name__=f"toy{len(self.plugins)}", **hooks))

    def use(self, work: Callable[[App], Awaitable[Any]]) -> Any:
        """Do something with an open app."""

        async def used() -> Any:
            settings = Settings.load(environ={**self._environ(), "DAGU_HOME": str(self.home)})
            async with App.open(settings, discover=False, plugins=self.plugins) as app:
                return await work(app)

        return asyncio.run(used())

    def run(self, text: str, *words: str, params: str | None = None) -> Ran:
        """Start a definition and wait for its end."""
        path = self.write(text)
        return self.ran(lambda app: app.runs.start(StartRequest(dag=str(path), words=words, params=params)))

    def ran(self, work: Callable[[App], Awaitable[RunView]]) -> Ran:
        return Ran(self.use(work), self.work)

    def stopped(self, text: str, *, ready: str = "ready", force: bool = False) -> Ran:
        """Start a definition, stop it as soon as the file `ready` exists, wait for the end."""
        path, mark = self.write(text), self.work / ready

        async def both(app: App) -> RunView:
            request = StartRequest(dag=str(path), run_id="stopped")
            running = asyncio.create_task(app.runs.start(request))
            while not mark.exists() and not running.done():
                await asyncio.sleep(0.01)
            await app.runs.stop("flow", "stopped", force=force)
            return await running

        return self.ran(both)

    def warnings(self, text: str) -> list[Problem]:
        """What the definition is warned of."""
        return list(self.check(text).warnings)

    def check(self, text: str) -> Any:
        """The definition, read and checked. Raises InvalidDefinition."""

        async def checked(app: App) -> Any:
            return app.dags.check(inspect.cleandoc(text) + "\n", path=str(self.work / "flow.yaml"))

        return self.use(checked)

    def _environ(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            **self.environ,
        }
