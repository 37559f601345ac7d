"""What the page and the README show is valid, and the page has every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dagu_mail.config import MailConfig, MailOnConfig, NoticeConfig, SmtpConfig

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "plugins" / "mail.md"
README = ROOT / "plugins" / "dagu-mail" / "README.md"
BLOCKS = [
    (path.name, block)
    for path in (PAGE, README)
    for block in re.findall(r"^```yaml\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S)
]


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page}-{n}" for n, (page, _) in enumerate(BLOCKS)])
def test_examples_are_valid_and_without_warnings(home: Any, page: str, block: str) -> None:
    assert home.warnings(block) == []


def test_there_are_examples() -> None:
    assert {page for page, _ in BLOCKS} == {"mail.md", "README.md"}


@pytest.mark.parametrize("model", [MailConfig, MailOnConfig, NoticeConfig, SmtpConfig])
def test_the_page_has_every_key(model: Any) -> None:
    text = PAGE.read_text("utf-8")
    keys = [field.alias or name for name, field in model.model_fields.items()]
    assert [key for key in keys if f"`{key}`" not in text and f"`mailOn.{key}`" not in text] == []
