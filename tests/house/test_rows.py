"""Every promised row of the catalogue has a test named after it, or a reason to have none yet."""

from __future__ import annotations

import pytest

from tests.gotchas.later import LATER
from tests.house.rows import listed, missing, rows_tested, spread


def test_every_row_is_tested_or_has_a_reason() -> None:
    assert missing() == []


def test_what_is_left_for_later_is_promised_and_really_missing() -> None:
    later = listed()["later"]
    assert later.keys() <= set(spread(listed()["rows"]))
    assert later.keys() & rows_tested() == set()
    assert [row for row, reason in later.items() if len(str(reason)) < 10] == []


def test_the_gotchas_agree_about_what_is_left() -> None:
    assert {int(row[1:]) for row in listed()["later"] if row[0] == "G"} == LATER.keys()


def test_ranges_are_spread() -> None:
    assert list(spread("P01-P03 G099-G101 K10")) == ["P01", "P02", "P03", "G099", "G100", "G101", "K10"]
    with pytest.raises(ValueError, match="P01-K02"):
        list(spread("P01-K02"))
