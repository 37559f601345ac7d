"""Run ids say what caused the run, and are legal."""

from __future__ import annotations

import pytest

from dagu_core.base.names import check_run_id
from dagu_core.schedule.identity import backfill_run_id, file_run_id, run_id_of, stamp
from dagu_core.schedule.slots import Slot

#: 2026-12-31T23:59:59Z
LAST = 1_798_761_599.0


@pytest.mark.parametrize(
    ("at", "text"),
    [(LAST, "20261231T235959Z"), (LAST + 0.5, "20261231T235959-500Z"), (LAST + 0.9999, "20270101T000000Z")],
)
def test_a_stamp_is_in_utc(at: float, text: str) -> None:
    assert stamp(at) == text


def test_the_id_depends_on_action_and_instant_alone() -> None:
    slot = Slot(LAST, LAST + 17.0, "start", ())
    assert run_id_of(slot) == "sched-20261231T235959Z"
    assert run_id_of(Slot(LAST, LAST, "restart", ())) == "restart-20261231T235959Z"
    assert backfill_run_id("0a1b2c3d", LAST) == "backfill-0a1b2c3d-20261231T235959Z"


def test_every_id_is_legal() -> None:
    ids = [
        run_id_of(Slot(LAST + 0.25, LAST, "start", ())),
        backfill_run_id("0a1b2c3d", LAST + 0.25),
        file_run_id("ab" * 8, "/tmp/\udcff ü:1:2"),
    ]
    assert [check_run_id(each) for each in ids] == ids
    assert file_run_id("a", "b") != file_run_id("a", "c") != file_run_id("b", "c")
