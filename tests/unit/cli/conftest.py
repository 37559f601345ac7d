"""The command line: against an app that is prepared, and against a home of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core.app.moments import StandingClock, instant_of
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run
from tests.unit.cli.asked import Asked, Capture, Dagu, InHome


@pytest.fixture
def app() -> SimpleNamespace:
    dags = SimpleNamespace(name_of=lambda word: Path(word).stem, resolve=Path)
    plain = SimpleNamespace(standing=lambda ref: [])
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


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """The folder where the DAGs of the home are."""
    folder = tmp_path / "dags"
    folder.mkdir()
    return folder


@pytest.fixture
def daily(dags: Path) -> None:
    """In the home is a DAG `daily`, due at nine."""
    (dags / "daily.yaml").write_text("schedule: '0 9 * * *'\nsteps: ['true']\n")


@pytest.fixture
def in_home(dags: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> InHome:
    """Run the command line in a home of its own, in UTC; `at` is the time it is then."""
    for name, value in {"DAGU_HOME": str(dags.parent), "DAGU_TZ": "UTC", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)

    def call(*words: str, at: str = "") -> tuple[int, str, str]:
        invocation = Invocation()
        if at:
            invocation.clock = StandingClock(instant_of(at))
        code = run(list(words), invocation)
        return (code, *capsys.readouterr())

    return call
