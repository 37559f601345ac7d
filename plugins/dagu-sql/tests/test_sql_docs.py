"""The page says what is true."""

from __future__ import annotations

from pathlib import Path

from dagu_core.testing.page_contract import PageContract
from dagu_sql import plugin
from dagu_sql.config import ImportConfig, SqlConfig
from dagu_sql.executor import MEANINGS, MysqlExecutor, PostgresExecutor, SqlExecutor, SqliteExecutor

_ROOT = Path(__file__).parents[3]


class TestPages(PageContract):
    pages = (_ROOT / "docs/plugins/sql.md", _ROOT / "plugins/dagu-sql/README.md")
    plugins = (plugin,)
    models = (SqlConfig, ImportConfig)

    def test_every_type_and_exit_code_is_on_the_page(self) -> None:
        page = self.pages[0].read_text("utf-8")
        types = (SqlExecutor, PostgresExecutor, MysqlExecutor, SqliteExecutor)
        for word in (word for part in types for word in (part.name, *part.aliases)):
            assert f"`{word}`" in page
        assert [code for code in MEANINGS if f"| {code} |" not in page] == []
