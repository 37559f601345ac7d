"""pyftpdlib: MLSD, a list of the commands it got, and connections that break when they are told to."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from dagu_core.testing.requirements import require

from .servers import PASSWORD, Server, folder_for_all


@contextlib.contextmanager
def pyftpd_running(filesystem: Any = None) -> Iterator[Server]:
    """pyftpdlib in a thread of the test."""
    require(importlib.util.find_spec("pyftpdlib"), "a second FTP server: pip install pyftpdlib")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # asyncore, on Python 3.11
        from pyftpdlib import authorizers, handlers, ioloop, servers
    root = folder_for_all()
    server = Server("ftp", root, 0, {"user": "user", "password": PASSWORD, "timeout": 5})

    class Channel(handlers.DTPHandler):  # type: ignore[misc]
        def send(self, data: bytes) -> int:
            self._count(len(data))
            return int(super().send(data))

        def recv(self, size: int) -> bytes:
            data = bytes(super().recv(size))
            self._count(len(data))
            return data

        def _count(self, size: int) -> None:
            self.seen = getattr(self, "seen", 0) + size
            if server.cut_after and self.seen > server.cut_after[0]:
                server.cut_after.pop(0)
                self.cmd_channel.close()
                self.close()

    class Handler(handlers.FTPHandler):  # type: ignore[misc]
        dtp_handler = Channel
        use_sendfile = False  # or the channel would not see what it sends

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            server.commands.append(cmd)
            super().pre_process_command(line, cmd, arg)

    Handler.authorizer = authorizers.DummyAuthorizer()
    Handler.authorizer.add_user("user", PASSWORD, str(root), perm="elradfmwMT")
    if filesystem is not None:
        Handler.abstracted_fs = filesystem
    loop = ioloop.IOLoop()
    ftpd = servers.FTPServer(("127.0.0.1", 0), Handler, ioloop=loop)
    server.port = ftpd.address[1]
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            loop.loop(timeout=0.05, blocking=False)
        ftpd.close_all()

    thread = threading.Thread(target=serve, name="pyftpd", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stopping.set()
        thread.join(10)
        shutil.rmtree(root)
