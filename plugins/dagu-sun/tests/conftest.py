"""Definitions with schedules by the sun, read and planned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

import dagu_cron.plugin
import dagu_sun.plugin
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.schedule.planner import Planner

Fires = Callable[..., list[str]]


@pytest.fixture(scope="session")
def fires() -> Fires:
    """Local times of the slots of a definition: `MM-DD HH:MM:SS action`, skipped ones with `- reason`."""
    catalog = PluginHost.load(plugins=[dagu_sun.plugin, dagu_cron.plugin], discover=False).catalog

    def planned(text: str, first: str, last: str) -> list[str]:
        plan = read_definition(f"{text}\nsteps: [a]\n", vocabulary=catalog.vocabulary).plans[0]
        zone = ZoneInfo(plan.schedule.timezone)
        begin, end = (datetime.fromisoformat(day).replace(tzinfo=zone).timestamp() for day in (first, last))
        lines = []
        for slot in Planner.of(plan, catalog, zone="UTC").slots(begin, end):
            local = datetime.fromtimestamp(slot.at, zone).strftime("%m-%d %H:%M:%S")
            told = f"- {slot.skipped}" if slot.skipped else f"{slot.action} {slot.note}".strip()
            lines.append(f"{local} {told}")
        return lines

    return planned
