"""What a notice says, and which logs go with it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from .notices import FAILS, home

__all__ = ["home"]


def test_the_mail_shows_how_everything_went(home: Any, server: Any) -> None:
    home.run(
        """
        mailOn: {failure: true}
        handlerOn: {failure: {command: echo sorry}, success: {command: echo yes}}
        steps:
          - {name: first, command: "echo '<script>' & echo"}
          - {name: second, command: "echo '<b>bad</b>' >&2; exit 3"}
          - {name: third, command: "true"}
        """,
        params="WHO=<i>ann</i>",
    )
    (mail,) = server.mails
    assert [part.get_content_type() for part in mail.message.iter_parts()] == ["text/plain", "text/html"]
    for part in mail.message.iter_parts():
        assert part["Content-Transfer-Encoding"] == "base64"
    html = mail.html
    for column in ("#", "Step", "Started At", "Finished At", "Status", "Command", "Error"):
        assert f">{column}</th>" in html
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "<b>bad" not in html and "&lt;b&gt;bad&lt;/b&gt;" in html
    assert "<i>ann" not in html and "WHO=&lt;i&gt;ann&lt;/i&gt;" in html
    assert ">Failed</span>" in html and ">r</td>" in html
    assert ">onFailure</td>" in html and ">onSuccess</td>" not in html
    text = mail.text.replace("\r", "")
    assert "  1. first: Succeeded" in text and "  2. second: Failed\n" in text
    assert "  3. third: Aborted" in text and "exit status 3" in text


def test_a_run_without_parameters_says_so(home: Any, server: Any) -> None:
    home.run("mailOn: {failure: true}\nsteps: ['false']")
    assert "Parameters: (none)" in server.mails[0].text


def test_a_mail_about_a_step_names_it(home: Any, server: Any) -> None:
    home.run(f"steps: ['true', {FAILS}}}]")
    assert server.mails[0].text.startswith("Failed step: s")


def test_logs_go_with_the_mail(home: Any, server: Any) -> None:
    ran = home.run("""
        mailOn: {failure: true}
        errorMail: {attachLogs: true}
        steps:
          - {name: one, command: "echo first; echo trouble >&2"}
          - {name: quiet, command: "true"}
          - {name: two, command: "printf 'a\\\\377b'; exit 3"}
        """)
    (mail,) = server.mails
    names = [os.path.basename(ran.step(name).stdout) for name in ("one", "two")]
    assert mail.attached == {names[0]: b"first\n", names[1]: b"a\xffb"}
    assert {part.get_content_type() for part in mail.message.iter_attachments()} == {"text/plain"}


def test_stderr_goes_with_it_when_asked_for(home: Any, server: Any) -> None:
    ran = home.run("""
        mailOn: {failure: true}
        errorMail: {attachLogs: true, attachStderr: true}
        steps: [{name: s, command: "echo out; echo err >&2; exit 1"}]
        """)
    found = {
        os.path.basename(ran.step("s").stdout): b"out\n",
        os.path.basename(ran.step("s").stderr): b"err\n",
    }
    assert server.mails[0].attached == found


def test_long_logs_are_cut_at_a_line_and_the_mail_says_so(home: Any, server: Any) -> None:
    home.run("""
        mailOn: {failure: true}
        errorMail: {attachLogs: true, maxLogSize: 100}
        steps: [{name: s, command: "seq 1000 1999; exit 1"}]
        """)
    (mail,) = server.mails
    (content,) = mail.attached.values()
    assert content == b"".join(b"%d\n" % number for number in range(1981, 2000))
    assert "has 5000 bytes: its last 95 bytes are attached." in mail.text
    assert "has 5000 bytes: its last 95 bytes are attached." in mail.html


def test_the_logs_of_many_steps_have_a_limit(home: Any, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagu_mail import report

    monkeypatch.setattr(report, "TOTAL", 8)
    monkeypatch.setattr(report, "ROWS", 2)
    home.run("""
        mailOn: {failure: true}
        errorMail: {attachLogs: true}
        steps: [echo one, echo two, {name: last, command: "echo x; exit 1"}]
        """)
    (mail,) = server.mails
    assert list(mail.attached.values()) == [b"one\n", b"two\n"]
    assert "has 2 bytes: it is not attached." in mail.text
    assert "1 more steps are not listed." in mail.text and "last: Failed" in mail.text


def test_secrets_are_masked_in_all_of_it(home: Any, server: Any) -> None:
    home.environ = {"SOURCE": "swordfish-0042"}
    ran = home.run("""
        secrets: [{name: TOKEN, provider: env, key: SOURCE}]
        mailOn: {failure: true}
        errorMail: {attachLogs: true, attachStderr: true}
        steps: [{name: s, command: "echo $TOKEN; echo no $TOKEN >&2; exit 1"}]
        """)
    assert ran.status == "failed"
    (mail,) = server.mails
    everything = [mail.text, mail.html, *(each.decode() for each in mail.attached.values())]
    assert not any("swordfish" in each for each in everything)
    assert any("no *******" in each for each in everything)
