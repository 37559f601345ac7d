"""The suite every clock trigger keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dagu_core.testing.trigger_contract import ClockTriggerContract
from dagu_cron.trigger import CronTrigger


class TestCron(ClockTriggerContract):
    trigger = CronTrigger

    def entries(self) -> Sequence[Mapping[str, Any] | str]:
        return [
            "* * * * *",
            "*/5 * * * * *",
            "30 2 * * *",
            "*/15 1-3 * * MON-FRI",
            "0 0 L * *",
            "0 9 * * MON#2",
            "0 9 15W * *",
            "@daily",
            "@every 90s",
            {"expression": "0 12 1,15 JAN,JUL *"},
            {"cron": "0 12 * * 7"},
        ]
