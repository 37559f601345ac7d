"""Decisions: each kept once, with the fire it is about, in bounds, and found again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dagu_core.app import decisions
from dagu_core.app.decisions import DecisionQuery, find, kinds_of, of, record, tally
from dagu_core.base.errors import UsageError
from tests.unit.service.lab import NOON, Lab, lab


def run(root: Path, work: Callable[[Lab], Awaitable[None]]) -> None:
    async def main() -> None:
        async with lab(root) as one:
            await work(one)

    asyncio.run(main())


async def skip(one: Lab, fire: str = "", due: float | None = NOON, dag: str = "a") -> None:
    await record(one.app, dag, "skipped", "overlap", "run a:r1 is active", due=due, fire=fire)


def test_fires_of_one_instant_are_told_apart_and_each_is_kept_once(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        for fire in ("create /in/1.csv", "create /in/2.csv", "", "create /in/1.csv", ""):
            await skip(one, fire)
        assert sorted(each.sentence for each in await of(one.app, "a")) == [
            "create /in/1.csv: run a:r1 is active",
            "create /in/2.csv: run a:r1 is active",
            "run a:r1 is active",
        ]
        await record(one.app, "a", "dropped", "overlap", due=NOON)
        await record(one.app, "a", "skipped", "suspended", due=NOON)
        await skip(one, due=NOON + 1)
        assert len(await of(one.app, "a")) == 6

    run(tmp_path, work)


def test_what_is_about_no_instant_is_kept_each_time(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        for _ in range(3):
            one.clock.advance(1)
            await record(one.app, "a", "refused", "definition", "broken")
        await record(one.app, "a", "refused", "definition", "in another way")
        assert len(await of(one.app, "a")) == 4

    run(tmp_path, work)


def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        await skip(one, "create /in/\udce9\ud800.csv")
        assert [each.fire for each in await of(one.app, "a")] == ["create /in/\udce9\ud800.csv"]

    run(tmp_path, work)


def test_beyond_so_many_a_day_they_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(one: Lab) -> None:
        for number in range(12):
            await skip(one, f"f{number}")
        await skip(one, "f3")  # that one is kept
        await record(one.app, "a", "refused", "queue", due=NOON)
        await skip(one, "x", dag="b")
        told = [(each.kind, each.fire, each.count) for each in await of(one.app, "a", 100)]
        assert sorted(told) == [
            ("refused", "", 1),
            ("skipped", "", 7),
            *(("skipped", f"f{number}", 1) for number in range(5)),
        ]
        assert [each.fire for each in await of(one.app, "b")] == ["x"]
        one.clock.advance(86_400)
        await skip(one, "the next day")
        assert (await of(one.app, "a", 1))[0].fire == "the next day"

    monkeypatch.setattr(decisions, "MOST_A_DAY", 5)
    run(tmp_path, work)


def test_the_last_fire_of_an_instant_costs_as_much_as_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: Lab) -> None:
        asked: list[str] = []

        def counted(name: str) -> Callable[..., Awaitable[Any]]:
            method = getattr(one.app.store, name)

            async def call(*args: Any, **more: Any) -> Any:
                asked.append(name)
                return await method(*args, **more)

            return call

        for name in ("get", "put", "scan"):
            monkeypatch.setattr(one.app.store, name, counted(name))
        await skip(one, "0")
        first = list(asked)
        for number in range(1, 500):
            await skip(one, str(number))
        assert first and asked == first * 500

    run(tmp_path, work)


def test_a_tally_is_one_a_day(tmp_path: Path) -> None:
    async def work(one: Lab) -> None:
        for detail in ("x", "x", "y"):
            await tally(one.app, "a", "warned", "filtered", detail)
        assert (await tally(one.app, "a", "warned", "filtered", "x", 5)).count == 5
        assert sorted(each.sentence for each in await of(one.app, "a")) == ["7 × x", "y"]
        one.clock.advance(86_400)
        await tally(one.app, "a", "warned", "filtered", "x")
        assert [each.sentence for each in await of(one.app, "a", 1)] == ["x"]

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (DecisionQuery(), ["a0", "b1", "a2", "ab3"]),
        (DecisionQuery("a"), ["a0", "a2"]),
        (DecisionQuery("nope"), []),
        (DecisionQuery(kinds=("refused", "missed")), ["b1"]),
        (DecisionQuery(since=NOON + 1), ["b1", "a2", "ab3"]),
        (DecisionQuery(until=NOON + 1), ["a0", "b1"]),
        (DecisionQuery(since=NOON + 1, until=NOON + 2, limit=1), ["a2"]),
        (DecisionQuery(limit=2), ["a2", "ab3"]),
    ],
)
def test_the_last_that_match_newest_last(tmp_path: Path, query: DecisionQuery, found: list[str]) -> None:
    async def work(one: Lab) -> None:
        # the later it is decided, the longer ago it was due
        for number, dag in enumerate(("a", "b", "a", "ab")):
            one.clock.at = NOON + number
            kind: decisions.Kind = "refused" if dag == "b" else "skipped"
            await record(one.app, dag, kind, "why", f"{dag}{number}", due=NOON - number)
        await one.app.store.put(decisions.NAMESPACE, "a/1/of another version", {"when": 1})
        listed = await find(one.app, query)
        assert [each.detail for each in listed] == found
        assert all(each.detail.startswith(each.dag) for each in listed)

    run(tmp_path, work)


def test_kinds_of_a_list() -> None:
    assert kinds_of("") == ()
    assert kinds_of(" Missed, skipped,,missed") == ("skipped", "missed")
    with pytest.raises(UsageError, match="'skiped' is no kind of decision"):
        kinds_of("missed,skiped")
