"""The examples of the page and of the README are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.harness import offering
from dagu_jq.config import JqConfig
from dagu_jq.executor import JqExecutor

_ROOT = Path(__file__).parents[3]
_PAGES = (_ROOT / "docs/plugins/jq.md", _ROOT / "plugins/dagu-jq/README.md")
_BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in _PAGES
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", _BLOCKS)
def test_an_example_is_valid(block: str) -> None:
    words = PluginHost.load(discover=False, plugins=[offering(JqExecutor)]).catalog.vocabulary
    read_definition(block, path="example.yaml", vocabulary=words)


def test_every_key_is_on_the_page() -> None:
    page = _PAGES[0].read_text("utf-8")
    assert [f.alias for f in JqConfig.model_fields.values() if f"| `{f.alias}`" not in page] == []
