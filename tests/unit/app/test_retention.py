"""Old runs go with everything that belongs to them; what is young or not over stays."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.base.clock import SystemClock
from dagu_core.base.settings import Settings
from dagu_core.contracts.store import RunQuery

DAY = 86_400.0


class LaterClock(SystemClock):
    """The clock of a machine some days from now."""

    days = 0.0

    def now(self) -> float:
        return super().now() + self.days * DAY


@pytest.mark.parametrize(
    ("keep", "days", "left"),
    [
        ("histRetentionDays: 7", 8, ["new"]),
        ("histRetentionDays: 7", 6, ["new", "old"]),
        ("", 31, ["new"]),
        ("histRetentionDays: -1", 4000, ["new", "old"]),
    ],
)
def test_the_end_of_a_run_removes_what_is_too_old(
    tmp_path: Path, keep: str, days: float, left: list[str]
) -> None:
    dag = tmp_path / "flow.yaml"
    dag.write_text(f"{keep}\nsteps: [{{call: kid}}]\n---\nname: kid\nsteps: [echo here]\n")
    clock = LaterClock()

    async def both() -> tuple[list[str], list[str]]:
        settings = Settings.load(environ={"DAGU_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"})
        async with App.open(settings, discover=False, clock=clock) as app:
            await app.runs.start(StartRequest(dag=str(dag), run_id="old"))
            clock.days = days
            await app.runs.start(StartRequest(dag=str(dag), run_id="new"))
            runs = await app.store.find(RunQuery(roots_only=False))
        logs = [path for path in (tmp_path / "home" / "logs").rglob("*.out") if path.is_file()]
        return sorted(run.ref.run_id for run in runs if run.parent is None), [
            str(run.ref) for run in runs
        ] + [str(path) for path in logs]

    ids, everything = asyncio.run(both())
    assert ids == left
    # a run here is a root, its sub-DAG run, and the log of one step of each
    assert len(everything) == 4 * len(left)
