"""The examples of the page and of the README are valid, and every key is explained."""

from __future__ import annotations

from pathlib import Path

import dagu_cron.plugin
import dagu_sun.plugin
from dagu_core.model.plan.plan import Plan
from dagu_core.testing.page_contract import PageContract
from dagu_sun.config import SunConfig

_ROOT = Path(__file__).parents[3]


class TestPages(PageContract):
    pages = (_ROOT / "docs/plugins/sun.md", _ROOT / "plugins/dagu-sun/README.md")
    plugins = (dagu_sun.plugin, dagu_cron.plugin)
    models = (SunConfig,)

    def check(self, plan: Plan) -> None:
        assert plan.schedule.entries
