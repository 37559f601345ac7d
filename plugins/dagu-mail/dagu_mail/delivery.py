"""Hands a mail to a server: one conversation, bounded in time, that another thread can cut."""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
import threading
from dataclasses import dataclass, field

from dagu_core import DaguError
from dagu_mail.config import SmtpConfig
from dagu_mail.conversation import Conversation, is_local
from dagu_mail.letter import Letter

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class NotSent(DaguError):
    """The mail was not sent. `reply` is what the server answered, 0 when it did not."""

    code = "unavailable"

    def __init__(self, message: str, *, hint: str = "", reply: int = 0) -> None:
        super().__init__(message, hint=hint, reply=reply)


@dataclass
class Delivery:
    """One conversation with one server. `send` blocks; `cut` ends it from any other thread."""

    server: SmtpConfig
    limit: float
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _handle: socket.socket | None = None
    _reason: str = ""

    def send(self, letter: Letter) -> None:
        """Deliver the mail to all its recipients. Raises NotSent, also when some were refused; the
        others have got it then."""
        timer = threading.Timer(self.limit, self.cut, (f"took longer than {self.limit:g} s",))
        timer.daemon = True
        timer.start()
        talk: Conversation | None = None
        try:
            talk = Conversation(self.server, self.limit, self._connect, self._encryption())
            self._log_in(talk)
            refused = talk.send_message(letter.message, letter.sender, list(letter.recipients))
            with contextlib.suppress(smtplib.SMTPException, OSError):
                talk.quit()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self._explained(error) from None
        finally:
            timer.cancel()
            if talk is not None:
                talk.close()
            with self._lock:
                if self._handle is not None:
                    self._handle.close()
                    self._handle = None
        if refused:
            raise _refused(self.server.address, refused, len(letter.recipients))

    def cut(self, reason: str) -> None:
        """End the conversation, now or as soon as it begins."""
        with self._lock:
            self._reason = self._reason or reason
            if self._handle is not None:
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> socket.socket:
        last = OSError(f"{self.server.host} has no address")
        found = socket.getaddrinfo(self.server.host, self.server.real_port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            line = socket.socket(family, kind, protocol)
            try:
                self._hold(line)
                line.settimeout(self.limit)
                line.connect(address)
                return line
            except OSError as error:
                line.close()
                last = error
        raise last

    def _hold(self, line: socket.socket) -> None:
        """Keep a handle of our own: encryption moves the connection to another object."""
        with self._lock:
            if self._reason:
                raise OSError(self._reason)
            if self._handle is not None:
                self._handle.close()
            self._handle = line.dup()

    def _encryption(self) -> ssl.SSLContext:
        """TLS 1.2 or better, with the server's name checked."""
        try:
            return ssl.create_default_context(cafile=self.server.ca_file or None)
        except OSError as error:
            raise NotSent(f"cannot read caFile {self.server.ca_file}: {error.strerror or error}") from None

    def _log_in(self, talk: Conversation) -> None:
        server = self.server
        talk.ehlo_or_helo_if_needed()
        is_offered = talk.has_extn("starttls")
        if server.tls == "starttls" and not is_offered:
            raise NotSent(
                f"mail server {server.address} offers no STARTTLS",
                hint="`tls: implicit` encrypts from the first byte, `tls: none` not at all",
            )
        wants = server.tls == "starttls" or (server.tls == "auto" and is_offered and server.username)
        if wants and not talk.is_encrypted:
            talk.encrypt()
        if not server.username:
            return
        if not (talk.is_encrypted or is_local(server.host)):
            raise NotSent(
                f"mail server {server.address} offers no encryption: the password is not sent",
                hint="use a server or a port with TLS",
            )
        talk.authenticate(server.username, server.password)

    def _explained(self, error: Exception) -> NotSent:
        where = f"mail server {self.server.address}"
        if self._reason:
            return NotSent(f"{where}: {self._reason}")
        match error:
            case smtplib.SMTPAuthenticationError():
                hint = "check smtp.username and smtp.password"
                return NotSent(
                    f"{where} refused the login: {_reply(error)}", hint=hint, reply=error.smtp_code
                )
            case smtplib.SMTPSenderRefused(sender=sender):
                said = f"{where} refused the sender {sender}: {_reply(error)}"
                return NotSent(said, reply=error.smtp_code)
            case smtplib.SMTPRecipientsRefused(recipients=refused):
                return _refused(self.server.address, refused, len(refused))
            case smtplib.SMTPResponseException():
                return NotSent(f"{where} refused: {_reply(error)}", reply=error.smtp_code)
            case socket.gaierror():
                return NotSent(f"{where}: there is no such host", hint="check smtp.host")
            case ssl.SSLCertVerificationError():
                said = f"{where}: its certificate is not trusted: {error.verify_message}"
                return NotSent(said, hint="name its authority in smtp.caFile")
            case ssl.SSLError():
                said = f"{where}: encryption failed: {error.reason or error}"
                return NotSent(said, hint="is it `tls: implicit` or `tls: starttls`?")
            case TimeoutError():
                return NotSent(f"{where}: no answer within {self.limit:g} s")
            case _:
                return NotSent(f"{where}: {_shown(getattr(error, 'strerror', None) or error)}")


def _refused(server: str, refused: dict[str, tuple[int, bytes]], count: int) -> NotSent:
    told = "; ".join(f"{who}: {code} {_shown(text)}" for who, (code, text) in list(refused.items())[:20])
    more = f"; and {len(refused) - 20} more" if len(refused) > 20 else ""
    which = (
        "all recipients"
        if len(refused) == count
        else f"{len(refused)} of {count} recipients, the others got it"
    )
    code = next(iter(refused.values()))[0]
    return NotSent(f"mail server {server} refused {which}: {told}{more}", reply=code)


def _reply(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_shown(error.smtp_error)}"


def _shown(text: object) -> str:
    found = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return _CONTROL.sub(" ", found).strip()[:500]
