"""When a run tells by mail how it went, and what such a mail says."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest
from msgspec.structs import replace

from dagu_core import Notice, RunEnded, RunStatus, StepStatus, StoredRun
from dagu_core.model.run.events import RunRecovered, StopRequested
from dagu_core.testing.fakes import FakeClock
from dagu_mail import notifier
from dagu_mail.config import MailOnConfig, NoticeConfig, SmtpConfig

from .notices import BOTH, FAILS, home, subjects

__all__ = ["home"]


@pytest.mark.parametrize(
    ("text", "status", "expected"),
    [
        (f"{BOTH}\nsteps: ['false']", "failed", ["[ERR] flow (failed)"]),
        ("mailOn: {success: true}\nsteps: ['false']", "failed", []),
        (f"{BOTH}\nsteps: ['true']", "succeeded", ["[OK] flow (succeeded)"]),
        ("mailOn: {failure: true}\nsteps: ['true']", "succeeded", []),
        ("steps: ['true']", "succeeded", []),
        (f"steps: [{FAILS}}}]", "failed", ["[ERR] flow (running)"]),
        (f"{BOTH}\nsteps: [{FAILS}}}]", "failed", ["[ERR] flow (running)", "[ERR] flow (failed)"]),
        (
            f"steps: [{FAILS}, retryPolicy: {{limit: 2, intervalSec: 0}}}}]",
            "failed",
            ["[ERR] flow (running)"],
        ),
        (f"steps: [{FAILS}, continueOn: {{failure: true, markSuccess: true}}}}]", "succeeded", []),
        (
            f"handlerOn: {{failure: {FAILS}}}}}\nsteps: ['false']",
            "failed",
            ["[ERR] flow (running)"],
        ),
        (
            f"{BOTH}\nhandlerOn: {{exit: {{command: 'false'}}}}\nsteps: ['true']",
            "failed",
            ["[ERR] flow (failed)"],
        ),
        (f"{BOTH}\ntimeoutSec: 1\nsteps: ['sleep 30']", "failed", ["[ERR] flow (failed)"]),
        (f"{BOTH}\npreconditions: 'false'\nsteps: ['true']", "aborted", []),
        (f"{BOTH}\nsecrets: [{{name: A, provider: env, key: NO_SUCH}}]\nsteps: ['true']", "failed", []),
    ],
    ids=[
        "failed",
        "failed, not asked",
        "succeeded",
        "succeeded, not asked",
        "nothing asked",
        "step",
        "step and run",
        "step after retries",
        "step marked as success",
        "handler",
        "failing exit handler",
        "timeout",
        "precondition",
        "early failure",
    ],
)
def test_which_mails_are_sent(home: Any, server: Any, text: str, status: str, expected: list[str]) -> None:
    ran = home.run(text)
    assert (ran.status, subjects(server)) == (status, expected)
    assert ran.notes("notifier.failed") == []
    for mail in server.mails:
        assert mail.recipients == (
            ["ops@example.org", "boss@example.org"] if mail.sender.startswith("err") else ["ops@example.org"]
        )
        assert mail.message["Message-ID"] and mail.message["Date"]
        assert mail.message["Auto-Submitted"] == "auto-generated"


def test_gotcha_043_a_partial_success_sends_the_info_mail(home: Any, server: Any) -> None:
    tolerated = "{name: s, command: 'false', mailOnError: true, continueOn: failed}"
    ran = home.run(f"{BOTH}\nsteps: [{tolerated}, 'true']")
    assert ran.status == "partially_succeeded"
    assert sorted(subjects(server)) == ["[ERR] flow (running)", "[OK] flow (partially_succeeded)"]


def test_a_run_that_is_stopped_sends_none(home: Any, server: Any) -> None:
    ran = home.run(
        f"{BOTH}\nsteps: [{{name: s, command: 'touch $DAGU_HOME/ready; sleep 30', mailOnError: true}}]",
        stop=True,
    )
    assert (ran.status, ran.step("s").status) == ("aborted", StepStatus.ABORTED)
    assert server.mails == []


def test_a_subject_without_prefix_begins_with_the_name(home: Any, server: Any) -> None:
    home.run("mailOn: {failure: true}\nerrorMail: {prefix: '  '}\nsteps: ['false']")
    assert subjects(server) == ["flow (failed)"]


def test_gotcha_083_smtp_and_mail_keys_are_expanded(home: Any, server: Any) -> None:
    home.base = ""
    home.environ = {"SMTP_PORT": str(server.port), "PW": "swordfish-0042"}
    ran = home.run("""
        params: TO=ann@example.org,bob@example.org TEAM=[core]
        secrets: [{name: PASSWORD, provider: env, key: PW}]
        smtp: {host: 127.0.0.1, port: "${SMTP_PORT}", username: ann, password: "${PASSWORD}"}
        mailOn: {failure: true}
        errorMail: {from: "err@${HOST_PART}", to: ["${TO}"], prefix: "${TEAM}"}
        env: [{HOST_PART: example.org}]
        steps: ['false']
        """)
    assert ran.notes("notifier.invalid") == []
    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("err@example.org", ["ann@example.org", "bob@example.org"])
    assert subjects(server) == ["[core] flow (failed)"] and mail.login.endswith(" ann")


def test_a_document_says_more_than_its_base(home: Any, server: Any) -> None:
    home.base += "\n    mailOn: {failure: true, success: true}"
    home.run("errorMail: {to: me@example.org}\nsteps: ['false']")
    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("err@example.org", ["me@example.org"])
    home.run("mailOn: {success: false}\nsteps: ['true']", name="silent")
    assert len(server.mails) == 1


def test_sub_dag_runs_have_mails_of_their_own(home: Any, server: Any) -> None:
    home.run("steps: [{call: below}]\n---\nname: below\nmailOn: {failure: true}\nsteps: ['false']")
    assert subjects(server) == ["[ERR] below (failed)"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("errorMail: {to: ''}", "errorMail.to names nobody"),
        ("errorMail: {from: ''}", "errorMail.from names nobody"),
        ("errorMail: {to: '${NONE}'}", "refers to something that has no value"),
        ("smtp: {host: ''}", "there is no mail server"),
        ("smtp: {tls: starttls}", "offers no STARTTLS"),
    ],
)
def test_a_mail_that_cannot_be_sent_is_recorded(home: Any, server: Any, text: str, told: str) -> None:
    ran = home.run(f"{text}\nmailOn: {{failure: true}}\nsteps: [{FAILS}}}]")
    assert ran.status == "failed" and server.mails == []
    assert ran.log.count(told) == 1


def test_what_can_bring_no_mail_is_warned_of(home: Any, server: Any) -> None:
    assert home.warnings("mailOn: {failure: true, wait: true}\nsteps: ['true']") == []
    home.base = ""
    text = "mailOn: {failure: true, success: true}\ninfoMail: {to: a@x.org}\nsteps: ['true']"
    assert home.warnings(text) == [
        ("1:10", "D341", "`mailOn.failure` has no effect: there is no `errorMail`"),
        ("2:1", "D342", "`infoMail` has no mail server: there is no `smtp`"),
    ]
    assert home.warnings("steps: [{command: 'true', mailOnError: true}]") == [
        ("1:27", "D341", "`mailOnError` has no effect: there is no `errorMail`")
    ]
    assert home.warnings("steps: [{type: mail, config: {to: a@x.org}}]") == [
        ("1:16", "D342", "`mail` has no mail server: there is no `smtp`")
    ]


def test_X07_a_tar_pit_changes_nothing_and_is_recorded(
    home: Any, tar_pit: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert notifier.PATIENCE < 30
    monkeypatch.setattr(notifier, "PATIENCE", 1.0)
    began = time.monotonic()
    ran = home.run(f"smtp: {{port: {tar_pit}}}\n{BOTH}\nsteps: [{FAILS}}}, {{name: t, command: 'true'}}]")
    assert time.monotonic() - began < 10
    told = f"mail server 127.0.0.1:{tar_pit}: took longer than 1 s"
    assert ran.status == "failed" and isinstance(ran.events[-1], RunEnded)
    assert ran.view.summary.finished_at - ran.view.summary.started_at < 1
    assert told in ran.log.splitlines()[-1]
    assert told in capfd.readouterr().err


def test_X07_a_tar_pit_while_the_run_goes_on_is_an_event_of_it(
    home: Any, tar_pit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "PATIENCE", 0.5)
    goes_on = f"{FAILS}, continueOn: failed}}, {{name: t, command: sleep 1.5}}"
    ran = home.run(f"smtp: {{port: {tar_pit}}}\nsteps: [{goes_on}]")
    (note,) = ran.notes("notifier.failed")
    assert f"notifier errorMail: mail server 127.0.0.1:{tar_pit}: took longer than 0.5 s" in note
    assert ran.status == "partially_succeeded"


def test_the_command_line_sends_the_mails_of_base_yaml(home: Any, server: Any) -> None:
    home.base += "\n    mailOn: {failure: true}"
    file = home.write(
        "errorMail: {attachLogs: true}\nsteps: [{name: s, command: echo so; exit 3}]", "nightly"
    )
    command = [sys.executable, "-m", "dagu_core", "start", str(file)]
    done = subprocess.run(command, env=home.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    (mail,) = server.mails
    assert mail.message["Subject"] == "[ERR] nightly (failed)"
    assert list(mail.attached.values()) == [b"so\n"]


# No step type of the core waits for anybody: these notices are made by hand.


async def _tell(server: Any, ran: Any, *news: tuple[RunStatus, Any]) -> None:
    part = notifier.WaitMail()
    fields = {
        "smtp": SmtpConfig.model_validate(server.smtp()),
        "mailOn": MailOnConfig.model_validate({"wait": True}),
    }
    config = NoticeConfig.model_validate({"from": "a@example.org", "to": "b@example.org"})
    for status, event in news:
        run = StoredRun(replace(ran.view.summary, status=status), {})
        await part.notify(config, Notice(ran.view.plan, run, event, fields))


def test_a_run_that_begins_to_wait_tells_it_once(home: Any, server: Any) -> None:
    import asyncio

    ran, at = home.run("steps: ['true']"), FakeClock().now()
    event = StopRequested(at, "somebody")
    waiting, running = (RunStatus.WAITING, event), (RunStatus.RUNNING, event)
    asyncio.run(_tell(server, ran, running, waiting, waiting, running, waiting))
    assert subjects(server) == ["flow (waiting)", "flow (waiting)"]
    server.mails.clear()
    asyncio.run(_tell(server, ran, (RunStatus.WAITING, RunRecovered(at, "other", 1)), waiting))
    assert subjects(server) == []


@pytest.mark.parametrize("status", [RunStatus.REJECTED, RunStatus.ABORTED])
def test_no_mail_tells_of_a_rejection(home: Any, status: RunStatus) -> None:
    ran = home.run("steps: ['true']")
    on = MailOnConfig.model_validate({"failure": True, "success": True, "wait": True})
    event = RunEnded(FakeClock().now(), status)
    run = StoredRun(replace(ran.view.summary, status=status), {})
    notice = Notice(ran.view.plan, run, event, {})
    for part in (notifier.ErrorMail(), notifier.InfoMail(), notifier.WaitMail()):
        assert part.wants(on, notice) is None
