"""Every example of the page and of the README is a valid DAG."""

from __future__ import annotations

from pathlib import Path

from dagu_core.model.plan.plan import Plan
from dagu_core.testing.page_contract import PageContract
from dagu_docker import plugin

_ROOT = Path(__file__).parents[3]


class TestPages(PageContract):
    pages = (_ROOT / "docs/plugins/docker.md", _ROOT / "plugins/dagu-docker/README.md")
    plugins = (plugin,)
    expected = ("D152",)  # the folders that are built are not here

    def check(self, plan: Plan) -> None:
        assert any(node.executor in ("docker", "container") for node in plan.nodes)
