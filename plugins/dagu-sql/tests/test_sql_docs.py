"""The page says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.harness import offering
from dagu_sql.config import ImportConfig, SqlConfig
from dagu_sql.executor import MEANINGS, MysqlExecutor, PostgresExecutor, SqlExecutor, SqliteExecutor

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/plugins/sql.md").read_text("utf-8")
README = (ROOT / "plugins/dagu-sql/README.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE + README, re.DOTALL)
TYPES = (SqlExecutor, PostgresExecutor, MysqlExecutor, SqliteExecutor)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_valid(block: str) -> None:
    words = PluginHost.load(discover=False, plugins=[offering(*TYPES)]).catalog.vocabulary
    assert read_definition(block, path="example.yaml", vocabulary=words).plans


def test_every_key_is_on_the_page() -> None:
    for model in (SqlConfig, ImportConfig):
        missing = [field.alias for field in model.model_fields.values() if f"| `{field.alias}` |" not in PAGE]
        assert missing == []


def test_every_type_and_exit_code_is_on_the_page() -> None:
    for word in (word for part in TYPES for word in (part.name, *part.aliases)):
        assert f"`{word}`" in PAGE
    assert [code for code in MEANINGS if f"| {code} |" not in PAGE] == []
