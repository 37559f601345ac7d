"""What is said to a mail server: greeting, encryption, login, mail."""

from __future__ import annotations

import smtplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from dagu_mail.config import SmtpConfig

#: bytes a server may say in one conversation
HEARD = 1 << 20


class Conversation(smtplib.SMTP):
    """smtplib's conversation over a connection of the caller's own; it hears only so much."""

    def __init__(
        self,
        server: SmtpConfig,
        limit: float,
        connect: Callable[[], socket.socket],
        encryption: ssl.SSLContext,
    ) -> None:
        self._server, self._connect, self._encryption = server, connect, encryption
        self._heard = 0
        # A name given here keeps smtplib from asking the name service for one, which may take long.
        super().__init__(server.host, server.real_port, server.local_hostname or "localhost", limit)
        if not server.local_hostname and self.sock is not None:
            self.local_hostname = _own_name(self.sock)

    @property
    def is_encrypted(self) -> bool:
        """Whether nobody else can read along."""
        return isinstance(self.sock, ssl.SSLSocket)

    def encrypt(self) -> None:
        """Go on in encryption. Raises SMTPException when the server will not."""
        self.starttls(context=self._encryption)
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
            self.file = _Bounded(self.sock.makefile("rb"), self._count)
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        line = self._connect()
        return self._encryption.wrap_socket(line, server_hostname=host) if self._server.is_implicit else line

    def _count(self, size: int) -> None:
        """Nobody who means well has so much to say."""
        self._heard += size
        if self._heard > HEARD:
            raise OSError("the server does not stop talking")


class _Bounded:
    """A server's answers, as far as we listen."""

    def __init__(self, file: Any, count: Callable[[int], None]) -> None:
        self._file, self._count = file, count

    def readline(self, size: int) -> bytes:
        found: bytes = self._file.readline(size)
        self._count(len(found))
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
