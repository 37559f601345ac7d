"""The examples of the page and of the README are valid, and every key is explained."""

from __future__ import annotations

from pathlib import Path

from dagu_core.testing.page_contract import PageContract
from dagu_jq import plugin
from dagu_jq.config import JqConfig

_ROOT = Path(__file__).parents[3]


class TestPages(PageContract):
    pages = (_ROOT / "docs/plugins/jq.md", _ROOT / "plugins/dagu-jq/README.md")
    plugins = (plugin,)
    models = (JqConfig,)
