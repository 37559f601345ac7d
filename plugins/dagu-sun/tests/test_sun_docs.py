"""The examples of the page and of the README are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dagu_cron.plugin
import dagu_sun.plugin
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_sun.config import SunConfig

_ROOT = Path(__file__).parents[3]
_PAGES = (_ROOT / "docs/plugins/sun.md", _ROOT / "plugins/dagu-sun/README.md")
_BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in _PAGES
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", _BLOCKS)
def test_an_example_is_valid(block: str) -> None:
    words = PluginHost.load(plugins=[dagu_sun.plugin, dagu_cron.plugin], discover=False).catalog.vocabulary
    plan = read_definition(block, path="example.yaml", vocabulary=words).plans[0]
    assert plan.schedule.entries


def test_every_key_is_on_the_page() -> None:
    page = _PAGES[0].read_text("utf-8")
    assert [name for name in SunConfig.model_fields if f"| `{name}`" not in page] == []
