"""What the page and the README show is valid, and the page has every key."""

from __future__ import annotations

from pathlib import Path

from dagu_core.testing.page_contract import PageContract
from dagu_mail import plugin
from dagu_mail.config import MailConfig, MailOnConfig, NoticeConfig, SmtpConfig

_ROOT = Path(__file__).parents[3]


class TestPages(PageContract):
    pages = (_ROOT / "docs/plugins/mail.md", _ROOT / "plugins/dagu-mail/README.md")
    plugins = (plugin,)
    models = (MailConfig, NoticeConfig, SmtpConfig)

    def test_the_page_has_every_event(self) -> None:
        text = self.pages[0].read_text("utf-8")
        assert [key for key in MailOnConfig.model_fields if f"`mailOn.{key}`" not in text] == []
