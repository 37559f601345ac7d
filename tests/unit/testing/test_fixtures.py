"""The fixtures for authors of plugins, and the store that fails when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagu_core import Attempt, Executor, NoConfig, Outcome, Unavailable
from dagu_core.app.requests import StartRequest
from dagu_core.builtins.sqlite_store import SqliteStore
from dagu_core.testing.faulty_store import Faults, faulty
from dagu_core.testing.fixtures import Command, dagu, dagu_app, dagu_home, run_step  # noqa: F401
from dagu_core.testing.harness import offering
from dagu_core.testing.leftovers import processes_of

pytest_plugins = ["pytester"]


class Hum(Executor[NoConfig]):
    """Hums."""

    name = "hum"
    Config = NoConfig

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        await attempt.stdout.write(b"hmm")
        return Outcome()


def test_a_step_is_run(run_step: Callable[..., Any]) -> None:  # noqa: F811
    assert run_step({"type": "hum"}, plugins=[offering(Hum)]).stdout == b"hmm"


def test_the_real_command_works_in_a_home_of_its_own(dagu: Command, dagu_home: Path) -> None:  # noqa: F811
    (dagu_home / "flow.yaml").write_text("steps: [echo hello]\n")
    done = dagu("start", "flow.yaml")
    assert done.code == 0, done.err
    assert "Result: Succeeded" in done.out
    assert (dagu_home / "data" / "dagu.db").exists()
    assert dagu("status", "nothing").code == 3


def test_whatever_a_test_leaves_in_its_home_is_ended(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import subprocess
        pytest_plugins = ["dagu_core.testing.fixtures"]

        def test_it(dagu, dagu_home):
            (dagu_home / "flow.yaml").write_text("steps: ['setsid sleep 300 & sleep 300']\\n")
            try:
                dagu("start", "flow.yaml", limit=2)
            except subprocess.TimeoutExpired:
                pass
        """
    )
    result = pytester.runpytest_subprocess("-q", "--basetemp", str(pytester.path / "base"))
    result.assert_outcomes(passed=1)
    homes = list((pytester.path / "base").rglob("dagu-home"))
    assert homes and [pid for home in homes for pid in processes_of(home)] == []


def test_an_app_is_opened_with_plugins(dagu_app: Callable[..., Any], tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "flow.yaml"
    file.write_text("steps: [{type: hum}]\n")

    async def work() -> str:
        async with dagu_app(plugins=[offering(Hum)]) as app:
            view = await app.runs.start(StartRequest(dag=str(file)))
            return str(view.summary.status.label)

    assert asyncio.run(work()) == "succeeded"


def test_a_store_fails_at_the_call_it_is_told_to(tmp_path: Path) -> None:
    faults = Faults()
    faults.at("find", 2, Unavailable("gone"))
    store = faulty(SqliteStore, faults)(f"sqlite://{tmp_path}/runs.db")

    async def work() -> None:
        from dagu_core import RunQuery

        await store.open()
        try:
            assert await store.find(RunQuery()) == []
            with pytest.raises(Unavailable, match="gone"):
                await store.find(RunQuery())
            assert await store.find(RunQuery()) == []
        finally:
            await store.close()

    asyncio.run(work())
    assert faults.calls["find"] == 3
    with pytest.raises(AttributeError):
        faults.at("finds", 1, Unavailable("gone"))


def test_what_is_no_part_cannot_be_offered() -> None:
    with pytest.raises(TypeError, match="int is no part"):
        offering(int)
