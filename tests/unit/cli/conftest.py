"""The command line against an app that is prepared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run
from tests.unit.cli.asked import Asked, Dagu


@pytest.fixture
def app() -> SimpleNamespace:
    dags = SimpleNamespace(name_of=lambda word: Path(word).stem, resolve=Path)
    plain = SimpleNamespace(obstacle=lambda ref: "")
    return SimpleNamespace(runs=Asked(None), history=Asked(None), dags=dags, store=Asked([]), schedules=plain)


@pytest.fixture
def dagu(app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dagu:
    """Run the command line against the prepared app."""

    def with_app(self: Invocation, work: Callable[[Any], Awaitable[Any]]) -> Any:
        async def body() -> Any:
            return await work(app)

        return asyncio.run(body())

    monkeypatch.setattr(Invocation, "run", with_app)
    monkeypatch.setattr(Invocation, "dags", app.dags)
    return lambda *args: run(list(args), Invocation(home=str(tmp_path)))
