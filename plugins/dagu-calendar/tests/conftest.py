"""Calendar files in a folder, and definitions that name them, read and planned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import dagu_calendar.plugin
import dagu_cron.plugin
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.schedule.planner import Planner

Write = Callable[[str, str], Path]
Fires = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a calendar by name."""

    def written(name: str, text: str) -> Path:
        path = tmp_path / "calendars" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return written


@pytest.fixture(scope="session")
def host() -> PluginHost:
    return PluginHost.load(plugins=[dagu_calendar.plugin, dagu_cron.plugin], discover=False)


@pytest.fixture
def fires(tmp_path: Path, host: PluginHost) -> Fires:
    """Local times of the slots of a definition: `MM-DD HH:MM`, skipped ones with `- reason`."""

    def planned(
        calendar: str, first: str, last: str, schedule: str = "0 1 * * *", more: str = ""
    ) -> list[str]:
        text = f"timezone: Europe/Berlin\nschedule: {schedule!r}\ncalendar: {calendar}\n{more}\nsteps: [a]\n"
        plan = read_definition(text, vocabulary=host.catalog.vocabulary).plans[0]
        zone = ZoneInfo("Europe/Berlin")
        begin, end = (datetime.fromisoformat(day).replace(tzinfo=zone).timestamp() for day in (first, last))
        lines = []
        for slot in Planner.of(plan, host.catalog, zone="UTC", folder=tmp_path).slots(begin, end):
            local = datetime.fromtimestamp(slot.at, zone).strftime("%m-%d %H:%M")
            lines.append(f"{local} - {slot.skipped}" if slot.skipped else f"{local} {slot.note}".strip())
        return lines

    return planned
