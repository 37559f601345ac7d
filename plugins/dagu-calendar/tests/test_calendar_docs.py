"""The examples of the page and of the README are valid, and every key is explained."""

from __future__ import annotations

from pathlib import Path

import dagu_calendar.plugin
import dagu_cron.plugin
from dagu_calendar.config import CalendarConfig
from dagu_calendar.files import CalendarFile, parsed
from dagu_calendar.verb import command
from dagu_core.model.plan.plan import Plan
from dagu_core.testing.page_contract import PageContract, blocks

_ROOT = Path(__file__).parents[3]


class TestPages(PageContract):
    pages = (_ROOT / "docs/plugins/calendar.md", _ROOT / "plugins/dagu-calendar/README.md")
    plugins = (dagu_calendar.plugin, dagu_cron.plugin)
    models = (CalendarConfig, CalendarFile)

    def check(self, plan: Plan) -> None:
        assert plan.schedule.entries

    def test_every_verb_is_on_the_page(self) -> None:
        page = self.pages[0].read_text("utf-8")
        assert [verb for verb in command.commands if f"| `{verb}" not in page] == []
        options = {
            option for param in command.commands["import"].params for option in param.opts if "--" in option
        }
        assert [option for option in options if f"| `{option}`" not in page] == []

    def test_the_calendar_on_the_page_is_valid(self) -> None:
        (text,) = blocks(self.pages[0], "text")
        assert parsed(Path("company.yaml"), text.encode()).workdays == ["2026-12-19"]
