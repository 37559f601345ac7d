"""The examples of the page and of the README are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dagu_archive.plugin
from dagu_archive.config import ArchiveConfig
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition

_ROOT = Path(__file__).parents[3]
_PAGES = (_ROOT / "docs/plugins/archive.md", _ROOT / "plugins/dagu-archive/README.md")
_BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in _PAGES
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", _BLOCKS)
def test_an_example_is_valid(block: str) -> None:
    host = PluginHost.load(discover=False, plugins=[dagu_archive.plugin])
    definition = read_definition(block, path="example.yaml", vocabulary=host.catalog.vocabulary)
    assert host.lint(definition.plans[0]) == []


def test_every_key_is_on_the_page() -> None:
    page = _PAGES[0].read_text("utf-8")
    assert [f.alias for f in ArchiveConfig.model_fields.values() if f"| `{f.alias}`" not in page] == []
