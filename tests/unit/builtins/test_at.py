"""The schedule kind `at`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from dagu_core import ClockScope
from dagu_core.builtins.at import AtTrigger
from dagu_core.testing.trigger_contract import ClockTriggerContract


class TestAt(ClockTriggerContract):
    trigger = AtTrigger

    def entries(self) -> Sequence[Mapping[str, Any] | str]:
        return [{"at": "2026-12-01T08:00:30+01:00"}, {"at": "2101-01-01"}, {"at": "1970-01-02 00:00:00.5"}]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-01T08:00:30+01:00", 1_796_108_430.0),
        ("2026-12-01T07:00:30Z", 1_796_108_430.0),
        (" 2026-12-01 08:00:30 ", 1_796_108_430.0),
        ("2026-12-01", 1_796_079_600.0),
    ],
)
def test_it_comes_once_without_an_offset_in_the_zone_of_the_dag(text: str, instant: float) -> None:
    config, scope = AtTrigger.Config.model_validate({"at": text}), ClockScope(ZoneInfo("Europe/Berlin"))
    trigger = AtTrigger()
    tick = trigger.next_after(config, scope, instant - 1)
    assert tick is not None and tick.at == instant
    assert trigger.next_after(config, scope, instant) is None
    assert not trigger.backfillable(config)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "09:00", 5])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        AtTrigger.Config.model_validate({"at": text})
