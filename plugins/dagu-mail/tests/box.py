"""A mail server that takes mails and keeps them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "ann", "swordfish-0042"


@dataclass
class Delivered:
    """One mail as the server got it."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    is_encrypted: bool
    login: str

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def attached(self) -> dict[str, bytes]:
        return {
            part.get_filename() or "": part.get_payload(decode=True)  # type: ignore[misc]
            for part in self.message.iter_attachments()
        }


@dataclass
class Box:
    """What a server got; addresses in `refused` are turned away."""

    refused: set[str] = field(default_factory=set)
    mails: list[Delivered] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, name: str, answers: list[str]
    ) -> list[str]:
        session.host_name = name
        self.names.append(name)
        return answers

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        login = self.logins[-1] if session.authenticated else ""
        sender = envelope.mail_from or ""
        assert server.transport is not None
        is_encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.mails.append(Delivered(sender, envelope.rcpt_tos, message, is_encrypted, login))
        return "250 taken"

    async def auth_CRAM__MD5(self, server: SMTP, arguments: list[str]) -> Any:
        challenge = b"<1896.697170952@mail.example.org>"
        answer = await server.challenge_auth(challenge)
        if answer is MISSING:
            return AuthResult(success=False)
        user, _, digest = bytes(answer).decode().partition(" ")
        good = hmac.compare_digest(digest, hmac.new(PASSWORD.encode(), challenge, "md5").hexdigest())
        self.logins.append(f"CRAM-MD5 {user}")
        return AuthResult(success=good and user == USER, handled=False)

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append(f"{mechanism} {data.login.decode()}")
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        # Not "handled": the client is owed an answer.
        return AuthResult(success=good, handled=False)


@dataclass
class Server:
    """Where a server listens, and what it got."""

    port: int
    box: Box

    @property
    def mails(self) -> list[Delivered]:
        return self.box.mails

    def smtp(self, **more: Any) -> dict[str, Any]:
        """The `smtp` of a DAG."""
        return {"host": "127.0.0.1", "port": self.port, **more}
