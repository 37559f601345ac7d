"""The past stays within its limits: by age, by number and by size, also of DAGs that run no more."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from dagu_core.app import decisions, retention
from dagu_core.app.app import App
from dagu_core.app.backfill import NAMESPACE, Backfill
from dagu_core.app.requests import StartRequest
from dagu_core.app.retention import DAY, Keeping
from dagu_core.base.errors import NotFound
from dagu_core.base.places import InvalidDefinition
from dagu_core.base.settings import Settings
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.store import Change, RunQuery, definition_key
from dagu_core.model.plan.plan import Source
from dagu_core.model.run.run import RunRef, RunSummary
from dagu_core.model.status import RunStatus
from dagu_core.service.housekeeping import EVERY, LEASE, Housekeeping
from dagu_core.testing.fakes import FakeClock

KIB = 1024


class Lab:
    """A home with runs that were never run."""

    def __init__(self, home: Path) -> None:
        self.home, self.clock = home, FakeClock()
        self.settings: dict[str, str] = {}
        (home / "dags").mkdir(parents=True)

    def use(self, work: Callable[[App], Awaitable[Any]]) -> Any:
        environ = {"DAGU_HOME": str(self.home), "HOME": str(self.home), "PATH": "/bin"} | self.settings

        async def main() -> Any:
            settings = Settings.load(environ=environ)
            host = PluginHost.of(settings, discover=False)
            async with App.open(settings, host=host, clock=self.clock) as app:
                return await work(app)

        return asyncio.run(main())

    async def add(
        self, app: App, run_id: str, *, text: str = "steps: []", days: float = 0, size: int = 0, **more: Any
    ) -> RunSummary:
        """A run that ended so many days ago, with a log of so many bytes; a definition `NAME: TEXT`."""
        dag = more.pop("dag", "flow")
        source = Source(text, more.pop("path", ""), 0, more.pop("base", ""))
        at = self.clock.now() - days * DAY
        summary = RunSummary(RunRef(dag, run_id), RunStatus.SUCCEEDED, created_at=at, finished_at=at, fence=1)
        summary.definition = definition_key(source)
        folder = self.home / "logs" / dag / run_id
        folder.mkdir(parents=True)
        summary.log = str(folder / "run.log")
        (folder / "run.log").write_bytes(b"x" * size)
        summary = replace(summary, **more)
        await app.store.create(Change(summary), source)
        return summary

    def logs(self) -> list[str]:
        return sorted(path.name for path in self.home.glob("logs/*/*"))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


async def left(app: App) -> list[str]:
    return sorted(one.ref.run_id for one in await app.store.find(RunQuery(roots_only=False, limit=1000)))


async def told(app: App, dag: str = "flow") -> list[tuple[str, str, int]]:
    return [(one.kind, one.detail.partition(": ")[2], one.count) for one in await decisions.of(app, dag)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("histRetentionDays: 7", Keeping(7, 0)),
        ("hist_retention_runs: 3", Keeping(30, 3)),
        ("", Keeping(30, 0)),
        ("histRetentionDays: -1", Keeping(-1, 0)),
    ],
)
def test_what_a_definition_keeps(lab: Lab, text: str, kept: Keeping) -> None:
    async def work(app: App) -> Keeping:
        return Keeping.of(app.dags.check(f"{text}\nsteps: []").plans[0])

    assert lab.use(work) == kept


@pytest.mark.parametrize(
    ("own", "base", "kept"),
    [
        ("", "histRetentionRuns: 5", Keeping(30, 5)),
        ("histRetentionDays: 9", "histRetentionRuns: 5", Keeping(9, 0)),
        ("histRetentionRuns: 4", "histRetentionDays: 9", Keeping(9, 4)),
    ],
)
def test_the_nearer_key_counts(lab: Lab, own: str, base: str, kept: Keeping) -> None:
    async def work(app: App) -> Keeping:
        return Keeping.of(app.dags.check(f"{own}\nsteps: []", base=base).plans[0])

    assert lab.use(work) == kept


def test_the_two_keys_exclude_each_other(lab: Lab) -> None:
    async def work(app: App) -> None:
        app.dags.check("histRetentionDays: 3\nhistRetentionRuns: 4\nsteps: []", path="flow.yaml")

    with pytest.raises(InvalidDefinition, match="exclude each other") as caught:
        lab.use(work)
    assert caught.value.problems[0].place.line == 2


def test_by_age_also_for_a_dag_that_runs_no_more(lab: Lab) -> None:
    async def work(app: App) -> None:
        for run_id, days in (("new", 1), ("old", 31), ("older", 400)):
            await lab.add(app, run_id, days=days, text="steps: [] # histRetention")
        await lab.add(app, "week", dag="weekly", days=8, text="histRetentionDays: 7\nsteps: []")
        await lab.add(app, "ever", dag="all", days=8000, text="histRetentionDays: -1\nsteps: []")
        assert await Housekeeping("e").pass_once(app) == 3
        assert await left(app) == ["ever", "new"] == lab.logs()
        assert await told(app) == [("removed", "older than 30 days", 2)]
        assert await told(app, "weekly") == [("removed", "older than 7 days", 1)]
        assert await Housekeeping("e").pass_once(app) == 0

    lab.use(work)


def test_by_number(lab: Lab) -> None:
    async def work(app: App) -> None:
        for number in range(6):
            await lab.add(app, f"r{number}", days=9000 - number, text="histRetentionRuns: 2\nsteps: []")
        house = Housekeeping("e")
        assert await house.pass_once(app) == 4
        assert await left(app) == ["r4", "r5"] == lab.logs()
        assert await house.pass_once(app) == 0
        await lab.add(app, "r6", days=1, text="histRetentionRuns: 2\nsteps: []")
        assert await house.pass_once(app) == 1
        # removals of one day are one decision
        assert await told(app) == [("removed", "more than the last 2", 5)]
        lab.clock.advance(DAY)
        await lab.add(app, "r7", text="histRetentionRuns: 2\nsteps: []")
        assert await house.pass_once(app) == 1
        assert [count for _, _, count in await told(app)] == [1, 5]

    lab.use(work)


def test_the_file_of_today_counts_more_than_the_latest_run(lab: Lab) -> None:
    path = lab.home / "dags" / "flow.yaml"

    async def work(app: App) -> None:
        for run_id in ("a", "b"):
            await lab.add(app, run_id, days=40, path=str(path), text="steps: []")
        house = Housekeeping("e")
        path.write_text("histRetentionDays: -1\nsteps: []")
        assert await house.pass_once(app) == 0
        path.write_text("histRetentionDays: 41\nsteps: []")
        assert await house.pass_once(app) == 0
        # broken now: as the latest run knew it
        path.write_text("retention: [")
        assert await house.pass_once(app) == 2

    lab.use(work)


def test_what_nobody_can_read_stays(lab: Lab) -> None:
    async def work(app: App) -> None:
        await lab.add(app, "r", days=400, text="histRetentionDays: [")
        await lab.add(app, "s", dag="gone", days=400)
        with sqlite3.connect(lab.home / "data" / "dagu.db") as database:
            assert database.execute("DELETE FROM definitions WHERE body NOT LIKE '%Days%'").rowcount == 1
        database.close()
        assert await Housekeeping("e").pass_once(app) == 0
        assert await left(app) == ["r", "s"]

    lab.use(work)


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.QUEUED])
def test_C08_what_is_active_stays_at_any_retention(lab: Lab, status: RunStatus) -> None:
    lab.settings = {"DAGU_HISTORY_MAX_SIZE": "1"}

    async def work(app: App) -> None:
        await lab.add(
            app, "active", days=400, size=KIB, status=status, text="histRetentionRuns: 1\nsteps: []"
        )
        await lab.add(app, "young", days=1, size=KIB, text="histRetentionRuns: 1\nsteps: []")
        await Housekeeping("e").pass_once(app)
        assert await left(app) == ["active"] == lab.logs()

    lab.use(work)


def test_C08_a_run_that_begins_again_while_it_is_removed_keeps_its_logs(lab: Lab) -> None:
    async def work(app: App) -> None:
        run = await lab.add(app, "r", days=400)
        # as if a retry had been faster than the removal
        await app.store.delete([run.ref])
        await app.store.create(Change(replace(run, status=RunStatus.RUNNING)), Source("steps: []"))
        await retention.remove(app, [run])
        assert await left(app) == ["r"] == lab.logs()

    lab.use(work)


def test_runs_of_a_backfill_stay_until_all_of_it_is_over(lab: Lab) -> None:
    text = "histRetentionRuns: 1\nsteps: []"

    async def work(app: App) -> None:
        for number in range(3):
            await lab.add(app, f"backfill-0badcafe-{number}", days=9 - number, text=text)
        last = await lab.add(app, "backfill-0badcafe-9", status=RunStatus.QUEUED, text=text)
        await lab.add(app, "backfill-deadbeef-0", days=50, text=text)
        assert await Housekeeping("e").pass_once(app) == 1
        assert [one[9:17] for one in await left(app)] == ["0badcafe"] * 4
        await app.store.commit(Change(replace(last, status=RunStatus.SUCCEEDED, finished_at=lab.clock.now())))
        going = Backfill("0badcafe", "flow", "", "paused", 1.0, 1.0, 2.0, "asc", "missing", 1, 9)
        await app.store.put(NAMESPACE, going.id, to_builtins(going))
        assert await Housekeeping("e").pass_once(app) == 0
        await app.store.put(NAMESPACE, going.id, to_builtins(replace(going, state="done")))
        assert await Housekeeping("e").pass_once(app) == 3

    lab.use(work)


@pytest.mark.parametrize(
    ("limit", "per_dag", "expected"),
    [
        ("40KiB", "0", ["a2", "a3", "b1"]),
        ("0", "24KiB", ["a3", "b1"]),
        ("16KiB", "24KiB", ["a3"]),
        ("1GiB", "1GB", ["a1", "a2", "a3", "b1"]),
    ],
)
def test_by_size_the_oldest_go_first(lab: Lab, limit: str, per_dag: str, expected: list[str]) -> None:
    lab.settings = {"DAGU_HISTORY_MAX_SIZE": limit, "DAGU_HISTORY_MAX_SIZE_PER_DAG": per_dag}

    async def work(app: App) -> None:
        await lab.add(app, "a1", dag="a", days=5, size=16 * KIB)
        await lab.add(app, "b1", dag="b", days=4, size=8 * KIB)
        await lab.add(app, "a2", dag="a", days=3, size=16 * KIB)
        top = await lab.add(app, "a3", dag="a", days=2, size=8 * KIB)
        # what a sub-DAG run takes counts for the run that called it
        await lab.add(app, "kid", dag="kid", size=8 * KIB, root=top.ref, parent=top.ref)
        await lab.add(app, "none", dag="b", days=20, log="")
        await Housekeeping("e").pass_once(app)
        assert sorted(set(await left(app)) - {"kid", "none"}) == expected
        assert "none" in await left(app), "it takes nothing"

    lab.use(work)


def test_a_sub_dag_run_goes_with_the_run_that_called_it(lab: Lab) -> None:
    async def work(app: App) -> None:
        top = await lab.add(app, "top", days=400)
        await lab.add(app, "kid", dag="kid", days=400, root=top.ref, parent=top.ref)
        assert await Housekeeping("e").pass_once(app) == 1
        assert await left(app) == [] == lab.logs()

    lab.use(work)


def test_one_pass_in_ten_minutes_whoever_does_it(lab: Lab) -> None:
    async def work(app: App) -> None:
        one, other = Housekeeping("one"), Housekeeping("other")
        assert await one.pass_in_turn(app) == 0
        assert await other.pass_in_turn(app) is None
        assert await app.store.acquire(LEASE, "other", EVERY) is None

    lab.use(work)


def test_the_end_of_a_run_applies_the_number_at_once(lab: Lab) -> None:
    (lab.home / "dags" / "flow.yaml").write_text("histRetentionRuns: 2\nsteps: ['true']")

    async def work(app: App) -> None:
        for number in range(4):
            await app.runs.start(StartRequest(dag="flow", run_id=f"r{number}"))
            lab.clock.advance(1)
        assert await left(app) == ["r2", "r3"]
        with pytest.raises(NotFound):
            await app.store.load(RunRef("flow", "r0"))

    lab.use(work)
