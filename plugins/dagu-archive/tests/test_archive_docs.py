"""The examples of the page and of the README are valid, and every key is explained."""

from __future__ import annotations

from pathlib import Path

import dagu_archive.plugin
from dagu_archive.config import ArchiveConfig
from dagu_core.testing.page_contract import PageContract

_ROOT = Path(__file__).parents[3]


class TestPages(PageContract):
    pages = (_ROOT / "docs/plugins/archive.md", _ROOT / "plugins/dagu-archive/README.md")
    plugins = (dagu_archive.plugin,)
    models = (ArchiveConfig,)
