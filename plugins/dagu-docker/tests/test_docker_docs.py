"""Every example of the page is a valid DAG."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_docker import plugin

_ROOT = Path(__file__).parents[3]
_PAGES = (_ROOT / "docs" / "plugins" / "docker.md", _ROOT / "plugins" / "dagu-docker" / "README.md")
_BLOCKS = [
    block
    for page in _PAGES
    for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
]


@pytest.mark.parametrize("block", _BLOCKS, ids=range(len(_BLOCKS)))
def test_an_example_is_a_valid_dag(block: str) -> None:
    words = PluginHost.load(discover=False, plugins=[plugin]).catalog.vocabulary
    definition = read_definition(block, path="example.yaml", vocabulary=words)
    assert [found.message for found in definition.warnings] == []
    assert any(node.executor in ("docker", "container") for node in definition.plans[0].nodes)


def test_there_are_examples() -> None:
    assert len(_BLOCKS) >= 7
