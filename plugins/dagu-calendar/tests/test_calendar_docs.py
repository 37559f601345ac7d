"""The examples of the page and of the README are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dagu_calendar.plugin
import dagu_cron.plugin
from dagu_calendar.config import CalendarConfig
from dagu_calendar.files import CalendarFile, parsed
from dagu_calendar.verb import command
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition

_ROOT = Path(__file__).parents[3]
_PAGES = (_ROOT / "docs/plugins/calendar.md", _ROOT / "plugins/dagu-calendar/README.md")
_BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in _PAGES
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", _BLOCKS)
def test_an_example_is_valid(block: str) -> None:
    words = PluginHost.load(
        plugins=[dagu_calendar.plugin, dagu_cron.plugin], discover=False
    ).catalog.vocabulary
    plan = read_definition(block, path="example.yaml", vocabulary=words).plans[0]
    assert plan.schedule.entries


def test_every_key_and_verb_is_on_the_page() -> None:
    page = _PAGES[0].read_text("utf-8")
    fields = [*CalendarConfig.model_fields.values(), *CalendarFile.model_fields.values()]
    assert [field.alias for field in fields if f"| `{field.alias}`" not in page] == []
    assert [verb for verb in command.commands if f"| `{verb}" not in page] == []
    options = {
        option for param in command.commands["import"].params for option in param.opts if "--" in option
    }
    assert [option for option in options if f"| `{option}`" not in page] == []


def test_the_calendar_on_the_page_is_valid() -> None:
    (text,) = re.findall(r"```text\n(.*?)```", _PAGES[0].read_text("utf-8"), re.DOTALL)
    assert parsed(Path("company.yaml"), text.encode()).workdays == ["2026-12-19"]
