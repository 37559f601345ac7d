"""A home whose base.yaml says who gets which notice."""

from __future__ import annotations

from typing import Any

import pytest

_KEYS = """
    smtp: {{host: 127.0.0.1, port: {port}}}
    errorMail: {{from: err@example.org, to: [ops@example.org, boss@example.org], prefix: "[ERR]"}}
    infoMail: {{from: info@example.org, to: "ops@example.org", prefix: "[OK]"}}
    waitMail: {{from: wait@example.org, to: ops@example.org}}
    """


BOTH = "mailOn: {failure: true, success: true}"
FAILS = "{name: s, command: exit 3, mailOnError: true"


@pytest.fixture
def home(home: Any, server: Any) -> Any:
    home.base = _KEYS.format(port=server.port)
    return home


def subjects(server: Any) -> list[str]:
    return [str(mail.message["Subject"]) for mail in server.mails]
