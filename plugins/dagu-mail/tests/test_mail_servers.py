"""Mail servers of all kinds: encryption, login, trouble."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from dagu_core.testing.harness import StepResult, run_step
from dagu_mail import delivery, plugin
from dagu_mail.config import SmtpConfig
from dagu_mail.conversation import is_local

LETTER = {"from": "dagu@example.org", "to": "ann@example.org", "subject": "hello", "message": "world"}
USER, PASSWORD = "ann", "swordfish-0042"
LOGIN = {"username": USER, "password": PASSWORD}


def send(smtp: dict[str, Any], **more: Any) -> StepResult:
    """Run one step that sends a mail over this server."""
    return run_step({"type": "mail", "config": LETTER}, plugins=[plugin], dag={"smtp": smtp}, **more)


def test_without_a_login_auto_does_not_encrypt(serve: Any) -> None:
    server = serve("starttls")
    assert send(server.smtp()).status == "succeeded"
    assert [mail.is_encrypted for mail in server.mails] == [False]


@pytest.mark.parametrize("tls", ["auto", "starttls"])
def test_with_a_login_it_encrypts_first(serve: Any, ca_file: str, tls: str) -> None:
    server = serve("starttls", login=True)
    result = send(server.smtp(tls=tls, caFile=ca_file, **LOGIN))
    assert result.status == "succeeded", result.step.error
    (mail,) = server.mails
    assert mail.is_encrypted and mail.login.endswith(f" {USER}")


@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN", "CRAM-MD5"])
def test_each_way_to_log_in(serve: Any, ca_file: str, mechanism: str) -> None:
    server = serve("implicit", login=True, only=mechanism)
    result = send(server.smtp(tls="implicit", caFile=ca_file, **LOGIN))
    assert result.status == "succeeded", result.step.error
    assert server.mails[0].is_encrypted and server.box.logins == [f"{mechanism} {USER}"]


@pytest.mark.parametrize("tls", ["none", "auto"])
def test_a_login_in_the_clear_stays_on_this_machine(serve: Any, tls: str) -> None:
    server = serve(login=True)
    assert send(server.smtp(tls=tls, **LOGIN)).status == "succeeded"
    assert not server.mails[0].is_encrypted


def test_a_password_is_never_sent_in_the_clear_to_another_host(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(login=True)
    monkeypatch.setattr(delivery, "is_local", lambda host: False)
    result = send(server.smtp(**LOGIN))
    assert result.status == "failed"
    assert "offers no encryption: the password is not sent" in result.step.error
    assert server.box.logins == [] and server.mails == []


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_what_is_local(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_a_wrong_password_is_said_and_not_shown(serve: Any) -> None:
    server = serve(login=True)
    result = send(server.smtp(username=USER, password="open-sesame"))
    assert (result.status, result.step.exit_code) == ("failed", 535)
    assert "refused the login: 535" in result.step.error and "check smtp.username" in result.step.error
    assert "sesame" not in result.step.error + result.stdout.decode() + result.stderr.decode()


def test_a_password_that_is_not_ascii(serve: Any) -> None:
    server = serve(login=True)
    result = send(server.smtp(username=USER, password="schwért"))
    assert (result.status, result.step.exit_code) == ("failed", 535)
    assert server.box.logins == [f"PLAIN {USER}"]


def test_a_login_where_nobody_can_log_in(serve: Any) -> None:
    result = send(serve(only="none").smtp(username="x", password="y"))
    assert result.status == "failed" and "No suitable authentication method" in result.step.error


def test_a_login_the_server_wants_and_nobody_gave(serve: Any) -> None:
    result = send(serve(login=True).smtp())
    assert (result.status, result.step.exit_code) == ("failed", 530)
    assert "refused the sender dagu@example.org: 530" in result.step.error


def test_the_password_may_be_a_secret(serve: Any) -> None:
    server = serve(login=True)
    smtp = server.smtp(username="${WHO}", password="${PW}")
    secrets = [{"name": "PW", "provider": "env", "key": "SOURCE"}]
    dag = {"smtp": smtp, "secrets": secrets, "env": [{"WHO": USER}]}
    step = {"type": "mail", "config": {**LETTER, "message": "it is ${PW}"}}
    environ = {"SOURCE": PASSWORD}
    result = run_step(step, plugins=[plugin], dag=dag, environ=environ, secrets=[PASSWORD])
    assert result.status == "succeeded", result.step.error
    assert b"it is *******" in result.stdout and result.leaks == ()


def test_an_authority_nobody_knows(serve: Any) -> None:
    for kind in ("starttls", "implicit"):
        result = send(serve(kind).smtp(tls=kind))
        assert result.status == "failed"
        assert "its certificate is not trusted" in result.step.error and "smtp.caFile" in result.step.error


def test_a_certificate_of_another_host(serve: Any, ca_file: str) -> None:
    server = serve("starttls", name="other.example.org")
    result = send(server.smtp(tls="starttls", caFile=ca_file))
    assert "its certificate is not trusted" in result.step.error and "127.0.0.1" in result.step.error
    assert server.mails == []


def test_encryption_that_is_demanded_and_not_offered(serve: Any, ca_file: str) -> None:
    server = serve()
    assert "offers no STARTTLS" in send(server.smtp(tls="starttls")).step.error
    assert "encryption failed" in send(server.smtp(tls="implicit", caFile=ca_file)).step.error
    assert server.mails == []


def test_a_file_of_authorities_that_is_none(serve: Any, tmp_path: Any) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("empty.pem", "absent.pem"):
        result = send(serve("starttls").smtp(tls="starttls", caFile=str(tmp_path / name)))
        assert f"cannot read caFile {tmp_path / name}" in result.step.error


def test_who_we_say_we_are(serve: Any) -> None:
    server = serve()
    assert send(server.smtp(localHostname="robot.example.org")).status == "succeeded"
    assert send(server.smtp()).status == "succeeded"
    first, second = server.box.names
    assert first == "robot.example.org"
    assert second == (socket.gethostname() if "." in socket.gethostname() else "[127.0.0.1]")


def test_nobody_at_home() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = send({"host": "127.0.0.1", "port": str(port)})
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert result.step.error.startswith(f"mail server 127.0.0.1:{port}: Connection refused")


def test_a_host_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(delivery.socket, "getaddrinfo", unknown)
    result = send({"host": "mail.example.org"})
    assert "mail server mail.example.org:25: there is no such host" in result.step.error


@pytest.mark.parametrize(
    ("smtp", "port"),
    [
        ({}, 25),
        ({"username": "a"}, 587),
        ({"tls": "implicit"}, 465),
        ({"port": "2525", "tls": "implicit"}, 2525),
        ({"port": ""}, 25),
    ],
)
def test_which_port(smtp: dict[str, Any], port: int) -> None:
    assert SmtpConfig.model_validate({"host": "h", **smtp}).real_port == port


def test_port_465_means_encryption_from_the_first_byte() -> None:
    assert SmtpConfig.model_validate({"host": "h", "port": 465}).is_implicit
    assert not SmtpConfig.model_validate({"host": "h", "port": 465, "tls": "starttls"}).is_implicit


def test_X07_a_step_is_done_with_a_tar_pit_after_its_timeout(tar_pit: int) -> None:
    began = time.monotonic()
    result = send({"host": "127.0.0.1", "port": tar_pit, "timeout": 1})
    assert time.monotonic() - began < 5
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert f"mail server 127.0.0.1:{tar_pit}: took longer than 1 s" in result.step.error
    assert result.left == ()


def test_a_server_that_does_not_stop_talking(flood: int) -> None:
    result = send({"host": "127.0.0.1", "port": flood, "timeout": 20})
    assert result.status == "failed" and "does not stop talking" in result.step.error
    assert result.left == ()


def test_a_line_that_is_cut(loop: Any) -> None:
    import asyncio

    class Rude(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"220 hello\r\n")
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.abort()

    result = send({"host": "127.0.0.1", "port": loop.serve(Rude)})
    assert result.status == "failed"
    assert "Connection reset" in result.step.error or "unexpectedly closed" in result.step.error
