"""Mails as steps: what arrives, what is refused."""

from __future__ import annotations

import os
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from dagu_core import InvalidDefinition
from dagu_core.testing.harness import StepResult, run_step
from dagu_mail import plugin

LETTER = {"from": "dagu@example.org", "to": "ann@example.org", "subject": "hello", "message": "world"}


def send(server: Any, smtp: dict[str, Any] | None = None, **more: Any) -> StepResult:
    """Run one step that sends a mail."""
    config = {key: value for key, value in {**LETTER, **more}.items() if value is not None}
    step = {"type": "mail", "config": config}
    return run_step(step, plugins=[plugin], dag={"smtp": server.smtp() if smtp is None else smtp})


def test_a_mail_arrives_as_html_and_as_text(server: Any) -> None:
    result = send(server, message="one\ntwo <b>three</b>\nfour & five")
    assert result.status == "succeeded", result.step.error
    (mail,) = server.mails
    assert mail.html.replace("\r", "") == "one<br />\ntwo <b>three</b><br />\nfour & five\n"
    assert mail.text.replace("\r", "") == "one\n\ntwo three\n\nfour & five\n"
    assert mail.message["From"] == "dagu@example.org" and mail.message["To"] == "ann@example.org"
    assert b"Subject: hello\n" in result.stdout and b"four & five" in result.stdout


def test_headers_that_every_mail_has(server: Any) -> None:
    for _ in range(2):
        assert (
            send(server, subject="Grüße aus Ü", **{"from": "Jürgen <dagu@münchen.de>"}).status == "succeeded"
        )
    first, second = (mail.message for mail in server.mails)
    assert first["Subject"] == "Grüße aus Ü" and first["From"].addresses[0].display_name == "Jürgen"
    assert server.mails[0].sender == "dagu@xn--mnchen-3ya.de"
    assert first["Date"].datetime == parsedate_to_datetime(str(first["Date"]))
    assert first["Message-ID"].endswith("@xn--mnchen-3ya.de>") and first["Message-ID"] != second["Message-ID"]
    assert first["Auto-Submitted"] is None


def test_several_recipients_are_several(server: Any) -> None:
    result = send(
        server,
        to="Ann <ann@example.org>, bob@example.org",
        cc=["cleo@example.org", "ann@example.org"],
        bcc="eve@example.org",
        replyTo="desk@example.org",
    )
    assert result.status == "succeeded", result.step.error
    (mail,) = server.mails
    assert mail.recipients == [f"{name}@example.org" for name in ("ann", "bob", "cleo", "eve")]
    assert [each.addr_spec for each in mail.message["To"].addresses] == ["ann@example.org", "bob@example.org"]
    assert mail.message["Reply-To"] == "desk@example.org"
    assert "eve@" not in mail.message.as_string() and b"eve@" not in result.stdout
    assert result.outcome is not None and result.outcome.details["recipients"] == 4


def test_references_are_replaced(server: Any) -> None:
    dag = {
        "smtp": {"host": "${HOST}", "port": "${PORT}"},
        "params": f"HOST=127.0.0.1 PORT={server.port} TO=bob@x.org",
    }
    step = {"type": "mail", "config": {**LETTER, "to": ["${TO}"], "subject": "for ${TO}"}}
    result = run_step(step, plugins=[plugin], dag=dag)
    assert result.status == "succeeded", result.step.error
    assert (server.mails[0].recipients, server.mails[0].message["Subject"]) == (
        ["bob@x.org"],
        "for bob@x.org",
    )


def test_attachments_are_sent(server: Any, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF \x00\xff")
    (tmp_path / "tëxt.csv").write_text("a,b\n")
    (tmp_path / "old.eml").write_text("Subject: x\n\ny")
    files = [str(tmp_path / "report.pdf"), "tëxt.csv", "old.eml"]
    step = {"type": "mail", "workingDir": str(tmp_path), "config": {**LETTER, "attachments": files}}
    result = run_step(step, plugins=[plugin], dag={"smtp": server.smtp()})
    assert result.status == "succeeded", result.step.error
    (mail,) = server.mails
    assert mail.attached == {
        "report.pdf": b"%PDF \x00\xff",
        "tëxt.csv": b"a,b\n",
        "old.eml": b"Subject: x\n\ny",
    }
    kinds = [part.get_content_type() for part in mail.message.iter_attachments()]
    assert kinds == ["application/pdf", "text/csv", "application/octet-stream"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"attachments": "none.txt"}, "none.txt: No such file"),
        ({"attachments": "."}, "is a folder (pack it first)"),
        ({"attachments": "pipe"}, "pipe is no regular file"),
        ({"attachments": "/dev/zero"}, "is no regular file"),
        (
            {"attachments": "large", "maxAttachmentSize": 999},
            "large is larger than 999 bytes (raise maxAttach",
        ),
        ({"attachments": ["large", "large"], "maxTotalSize": 1999}, "up to large are too large together"),
        ({"to": None}, "the mail has no recipient"),
        ({"from": None}, "a mail has one sender"),
        ({"from": "a@x.org, b@x.org"}, "a mail has one sender"),
    ],
)
def test_what_cannot_be_sent_is_said(server: Any, tmp_path: Path, more: dict[str, Any], told: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(1000))
    config = {key: value for key, value in {**LETTER, **more}.items() if value is not None}
    step = {"type": "mail", "workingDir": str(tmp_path), "config": config}
    result = run_step(step, plugins=[plugin], dag={"smtp": server.smtp()})
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert told in result.step.error
    assert server.mails == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subject", "hello\nBcc: eve@example.org"),
        ("to", "ann@example.org\r\nBcc: eve@example.org"),
        ("from", "dagu@example.org\nX: y"),
        ("replyTo", ["a@x.org\nX: y"]),
        ("to", "ann"),
        ("to", "ann@example.org bob@example.org"),
        ("to", ["ann@example.org", "a b c"]),
        ("cc", "@example.org"),
    ],
)
def test_injected_lines_and_broken_addresses_are_refused(server: Any, key: str, value: Any) -> None:
    if value == "ann":  # a name alone is somebody on the server's own machine
        assert send(server, to=value).status == "succeeded"
        return
    with pytest.raises(InvalidDefinition, match=r"control characters|no mail address"):
        send(server, **{key: value})
    # The same from a reference, which is known to the run only.
    text = value if isinstance(value, str) else value[-1]
    step = {"type": "mail", "env": [{"GIVEN": text}], "config": {**LETTER, key: "${GIVEN}"}}
    result = run_step(step, plugins=[plugin], dag={"smtp": server.smtp()})
    assert result.status == "failed"
    assert "control characters" in result.step.error or "no mail address" in result.step.error
    assert server.mails == []


def test_a_file_name_cannot_smuggle_in_a_header(server: Any, tmp_path: Path) -> None:
    name = 'x"\r\nBcc: eve@example.org\r\n\r\n.txt'
    (tmp_path / name).write_text("text")
    result = send(server, attachments=str(tmp_path / name))
    assert result.status == "succeeded", result.step.error
    (mail,) = server.mails
    assert mail.message["Bcc"] is None and list(mail.attached.values()) == [b"text"]


def test_a_message_with_lines_of_dots_arrives_whole(server: Any) -> None:
    assert send(server, message="one\n.\nQUIT\n..two").status == "succeeded"
    assert server.mails[0].text.replace("\r", "").split() == ["one", ".", "QUIT", "..two"]


def test_refused_recipients_are_named_and_the_others_get_the_mail(server: Any) -> None:
    server.box.refused |= {"bob@example.org", "cleo@example.org"}
    everybody = "ann@example.org, bob@example.org, cleo@example.org"
    result = send(server, to=everybody)
    assert (result.status, result.step.exit_code) == ("failed", 550)
    assert (
        "refused 2 of 3 recipients, the others got it: bob@example.org: 550 5.1.1 nobody" in result.step.error
    )
    assert "cleo@example.org: 550" in result.step.error and "ann@" not in result.step.error
    assert [mail.recipients for mail in server.mails] == [["ann@example.org"]]


def test_no_recipient_left(server: Any) -> None:
    server.box.refused.add("ann@example.org")
    result = send(server)
    assert (result.status, result.step.exit_code) == ("failed", 550)
    assert "refused all recipients: ann@example.org: 550" in result.step.error
    assert server.mails == []


def test_retries_may_look_at_the_answer_of_the_server(server: Any) -> None:
    server.box.refused.add("ann@example.org")
    step = {
        "type": "mail",
        "config": LETTER,
        "retryPolicy": {"limit": 2, "intervalSec": 0, "exitCode": [550]},
    }
    assert run_step(step, plugins=[plugin], dag={"smtp": server.smtp()}).step.attempts == 3


def test_without_a_server_the_step_says_so() -> None:
    result = run_step({"type": "mail", "config": LETTER}, plugins=[plugin])
    assert result.status == "failed"
    assert "there is no mail server" in result.step.error and "smtp:" in result.step.error


def test_a_mail_that_is_too_large_for_the_server(serve: Any) -> None:
    server = serve(size=5000)
    result = send(server, message="x" * 6000)
    assert (result.status, result.step.exit_code) == ("failed", 552)
    assert "552" in result.step.error


def test_unknown_keys_of_smtp_and_notices_are_refused(server: Any) -> None:
    for dag in ({"smtp": {"hots": "x"}}, {"mailOn": {"fail": True}}, {"errorMail": {"too": "x"}}):
        with pytest.raises(InvalidDefinition):
            run_step({"command": "true"}, plugins=[plugin], dag=dag)
