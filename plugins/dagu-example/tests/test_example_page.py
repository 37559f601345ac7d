"""What the README shows is valid."""

from __future__ import annotations

from pathlib import Path

from dagu_core.testing.page_contract import PageContract
from dagu_example import plugin
from dagu_example.executor import WaitForConfig


class TestPages(PageContract):
    pages = (Path(__file__).parents[1] / "README.md",)
    plugins = (plugin,)
    models = (WaitForConfig,)
