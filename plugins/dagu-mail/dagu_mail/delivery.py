"""Hands a mail to a server: one conversation, bounded in time, that another thread can cut."""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from dagu_core import DaguError
from dagu_mail.config import SmtpConfig
from dagu_mail.letter import Letter

#: bytes a server may say in one conversation
HEARD = 1 << 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class NotSent(DaguError):
    """The mail was not sent. `reply` is what the server answered, 0 when it did not."""

    code = "unavailable"

    def __init__(self, message: str, *, hint: str = "", reply: int = 0) -> None:
        super().__init__(message, hint=hint, reply=reply)
        self.reply = reply


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
        line: _Line | None = None
        try:
            line = _Line(self)
            self._log_in(line)
            refused = line.send_message(letter.message, letter.sender, list(letter.recipients))
            with contextlib.suppress(smtplib.SMTPException, OSError):
                line.quit()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self._explained(error) from None
        finally:
            timer.cancel()
            if line is not None:
                line.close()
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

    def connect(self) -> socket.socket:
        """A connection to the server. Raises OSError."""
        host, port = self.server.host, self.server.real_port
        last = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            line = socket.socket(family, kind, protocol)
            try:
                self._hold(line)
                line.settimeout(self.limit)
                line.connect(address)
                return line
            except OSError as error:
                line.close()
                last = error
                if self._reason:
                    break
        raise last

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or better, with the server's name checked."""
        try:
            return ssl.create_default_context(cafile=self.server.ca_file or None)
        except OSError as error:
            raise NotSent(f"cannot read caFile {self.server.ca_file}: {error.strerror or error}") from None

    def _hold(self, line: socket.socket) -> None:
        """Keep a handle of our own: encryption moves the connection to another object."""
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = line.dup()
            if self._reason:
                raise OSError(self._reason)

    def _log_in(self, line: _Line) -> None:
        server = self.server
        line.introduce()
        offered = line.has_extn("starttls")
        if server.tls == "starttls" or (
            server.tls == "auto" and offered and server.username and not server.is_implicit
        ):
            if not offered:
                raise NotSent(
                    f"mail server {server.address} offers no STARTTLS",
                    hint="`tls: implicit` encrypts from the first byte, `tls: none` not at all",
                )
            line.starttls(context=self.context())
            line.introduce()
        if not server.username:
            return
        if not (isinstance(line.sock, ssl.SSLSocket) or is_local(server.host)):
            raise NotSent(
                f"mail server {server.address} offers no encryption: the password is not sent",
                hint="use a server or a port with TLS",
            )
        line.authenticate(server.username, server.password)

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


class _Line(smtplib.SMTP):
    """The conversation itself, over a connection that its owner can cut."""

    def __init__(self, owner: Delivery) -> None:
        self._owner = owner
        self._heard = 0
        server = owner.server
        # A name given here keeps smtplib from asking the name service for one, which may take long.
        super().__init__(server.host, server.real_port, server.local_hostname or "localhost", owner.limit)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        line = self._owner.connect()
        if not self._owner.server.local_hostname:
            self.local_hostname = _own_name(line)
        if self._owner.server.is_implicit:
            return self._owner.context().wrap_socket(line, server_hostname=host)
        return line

    def introduce(self) -> None:
        self.ehlo_or_helo_if_needed()

    def authenticate(self, user: str, password: str) -> None:
        """Log in by the best way both know; smtplib itself cannot send what is not ASCII."""
        if (user + password).isascii():
            self.login(user, password)
            return
        token = b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
        code, text = self.docmd("AUTH", f"PLAIN {token}")
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, text)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"), self)
        return super().getreply()

    def count(self, size: int) -> None:
        """Nobody who means well has so much to say."""
        self._heard += size
        if self._heard > HEARD:
            raise OSError("the server does not stop talking")


class _Bounded:
    """A server's answers, as far as we listen."""

    def __init__(self, file: Any, line: _Line) -> None:
        self._file, self._line = file, line

    def readline(self, size: int) -> bytes:
        found: bytes = self._file.readline(size)
        self._line.count(len(found))
        return found

    def close(self) -> None:
        self._file.close()


def is_local(host: str) -> bool:
    """Whether what is sent to this host stays on this machine."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _own_name(line: socket.socket) -> str:
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    address = str(line.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


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
