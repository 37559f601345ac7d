"""Every promised row of the catalogue has a test named after it, or a reason to have none yet."""

from __future__ import annotations

import pytest

from tests.house.rows import listed, missing, spread, tested


def test_every_row_is_tested_or_has_a_reason() -> None:
    assert missing() == []


def test_what_is_left_for_later_is_promised_and_really_missing() -> None:
    later = listed()["later"]
    assert later.keys() <= set(spread(listed()["rows"]))
    assert later.keys() & tested() == set()
    assert [row for row, reason in later.items() if len(str(reason)) < 10] == []


def test_ranges_are_spread() -> None:
    assert list(spread("P01-P03 G099-G101 K10")) == ["P01", "P02", "P03", "G099", "G100", "G101", "K10"]
    with pytest.raises(ValueError, match="P01-K02"):
        list(spread("P01-K02"))
