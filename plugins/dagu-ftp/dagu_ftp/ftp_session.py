"""One FTP connection as ftplib knows it, with what ftplib leaves out."""

from __future__ import annotations

import contextlib
import ftplib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

_IDLE, _BETWEEN, _PROBES = 30, 10, 3


class FtpSession(ftplib.FTP_TLS):
    """Implicit TLS, the control channel's TLS session on data channels, EPSV, names of any bytes."""

    def __init__(self, tls: str, context: ssl.SSLContext, timeout: float, encoding: str) -> None:
        super().__init__(context=context, timeout=timeout, encoding=encoding)
        self._tls = tls
        self._tries_epsv = True
        self._lines: Any = None
        #: the data channel that is open, for `cut`
        self.data: socket.socket | None = None

    @property
    def file(self) -> Any:
        return self._lines

    @file.setter
    def file(self, value: Any) -> None:
        if value is not None:
            value.reconfigure(errors="surrogateescape")
        self._lines = value

    def connect(
        self, host: str = "", port: int = 0, timeout: float = -999, source_address: Any = None
    ) -> str:
        self.host = host
        self.sock = socket.create_connection((host, port), self.timeout)
        _keep_alive(self.sock)
        self.af = self.sock.family
        if self._tls == "implicit":
            self.sock = self.context.wrap_socket(self.sock, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        if self._tls == "explicit":
            self.auth()
        return self.welcome

    def enter(self, user: str, password: str) -> None:
        """Log in, and protect data channels when there is TLS."""
        self.login(user, password, secure=False)
        if self._tls != "none":
            self.prot_p()

    def putline(self, line: str) -> None:
        if "\r" in line or "\n" in line:
            raise ValueError("a command must not hold a line break")
        assert self.sock is not None
        self.sock.sendall((line + "\r\n").encode(self.encoding, "surrogateescape"))

    def makepasv(self) -> tuple[str, int]:
        assert self.sock is not None
        if self._tries_epsv:
            try:
                # Names no address, so that no router between can have spoilt it.
                return ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())
            except (ftplib.error_perm, ftplib.error_proto, ftplib.error_reply):
                self._tries_epsv = False
        return super().makepasv()

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        self.data = conn
        if self._tls == "none":
            return conn, size
        control = self.sock
        assert isinstance(control, ssl.SSLSocket)
        try:
            # Many servers insist: it proves that both channels have the same client.
            self.data = self.context.wrap_socket(conn, server_hostname=self.host, session=control.session)
        except BaseException:
            conn.close()
            raise
        return self.data, size

    @contextlib.contextmanager
    def channel(self, command: str, rest: int | None = None) -> Iterator[socket.socket]:
        """A data channel for one command; its end is heard before the next command is sent."""
        conn = self.transfercmd(command, rest)
        try:
            yield conn
            if isinstance(conn, ssl.SSLSocket):
                with contextlib.suppress(ssl.SSLError, ConnectionError):
                    conn.unwrap()
            conn.close()
            self.voidresp()
        except OSError:
            # The control channel often knows why (a full disk), and is asked for one moment only.
            self._hear(conn)
            raise
        except BaseException:
            with contextlib.suppress(ftplib.Error, OSError, EOFError):
                self._hear(conn)
            raise
        finally:
            self.data = None
            conn.close()

    def _hear(self, conn: socket.socket) -> None:
        conn.close()
        if self.sock is None:
            return
        self.sock.settimeout(min(self.timeout or 2.0, 2.0))
        try:
            self.voidresp()
        except (OSError, EOFError):
            self.close()
        else:
            self.sock.settimeout(self.timeout)

    def cut(self) -> None:
        """Shut both channels, from any thread."""
        for each in (self.data, self.sock):
            if each is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)


def _keep_alive(sock: socket.socket) -> None:
    """A control channel is silent while a long file goes over; routers must not forget it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", _IDLE), ("TCP_KEEPINTVL", _BETWEEN), ("TCP_KEEPCNT", _PROBES)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
