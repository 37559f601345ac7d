"""What a leader has at work: one item of a DAG after the other, and what is open until it is done."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core.base.errors import LostOwnership, Unavailable
from dagu_core.service import work
from dagu_core.service.timetable import Missed
from dagu_core.service.work import Work


def missed(dag: str, after: float) -> Missed:
    line: Any = SimpleNamespace(plan=SimpleNamespace(name=dag))
    return Missed(line, after, after + 1)


def test_items_of_a_dag_come_one_after_the_other_and_are_open_until_they_are_done() -> None:
    async def main() -> None:
        begun: list[float] = []
        gates = {1.0: asyncio.Event(), 2.0: asyncio.Event(), 3.0: asyncio.Event()}

        async def carry_out(each: Any) -> None:
            begun.append(each.after)
            await gates[each.after].wait()

        at_work = Work(carry_out, asyncio.Event(), lambda error: None)
        for dag, after in (("a", 1.0), ("a", 2.0), ("b", 3.0)):
            at_work.begin(missed(dag, after))
        await asyncio.sleep(0.01)
        assert (begun, at_work.oldest(9.0)) == ([1.0, 3.0], 1.0)
        gates[1.0].set()
        await asyncio.sleep(0.01)
        assert (begun, at_work.oldest(9.0)) == ([1.0, 3.0, 2.0], 2.0)
        for gate in gates.values():
            gate.set()
        await asyncio.gather(*at_work.tasks)
        await asyncio.sleep(0)
        assert (at_work.oldest(9.0), list(at_work.tasks)) == (9.0, [])

    asyncio.run(main())


def test_a_store_that_is_away_is_waited_for_and_a_lost_lead_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_AGAIN", 0.001)

    async def main() -> None:
        answers: list[Exception | None] = [Unavailable("gone"), Unavailable("gone"), None]
        failed: list[Exception] = []

        async def carry_out(each: Any) -> None:
            if (error := answers.pop(0)) is not None:
                raise error

        at_work = Work(carry_out, asyncio.Event(), failed.append)
        at_work.begin(missed("a", 1.0))
        await asyncio.wait(at_work.tasks)
        await asyncio.sleep(0)
        assert (answers, failed, at_work.oldest(9.0)) == ([], [], 9.0)
        answers.append(LostOwnership("another one leads"))
        at_work.begin(missed("a", 2.0))
        await asyncio.wait(at_work.tasks)
        await asyncio.sleep(0)
        assert [type(error) for error in failed] == [LostOwnership]
        assert at_work.oldest(9.0) == 2.0, "the next leader does it"

    asyncio.run(main())
