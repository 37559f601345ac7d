"""The examples of the page and of the README are valid, and every key is explained."""

from __future__ import annotations

from pathlib import Path

from dagu_core.testing.page_contract import PageContract, blocks
from dagu_http import plugin
from dagu_http.config import HttpConfig
from dagu_http.network import NetworkConfig
from dagu_http.webhook import Target, signature

_ROOT = Path(__file__).parents[3]


class TestPages(PageContract):
    pages = (_ROOT / "docs/plugins/http.md", _ROOT / "plugins/dagu-http/README.md")
    plugins = (plugin,)
    models = (HttpConfig, Target, NetworkConfig)

    def test_the_check_of_signatures_checks_ours(self) -> None:
        (code,) = (code for page in self.pages for code in blocks(page, "python"))
        space: dict[str, object] = {}
        exec(code, space)
        check = space["is_ours"]
        assert callable(check)
        assert check(b"key", "17", b"{}", signature("key", "17", b"{}"))
        assert not check(b"key", "18", b"{}", signature("key", "17", b"{}"))
