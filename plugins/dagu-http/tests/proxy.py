"""A proxy that forwards plain requests and tunnels the others."""

from __future__ import annotations

import base64
import socket
import threading

from .site import Handler, Seen


class ProxyHandler(Handler):
    """Forwards plain requests, tunnels the others; asks for `user:word` when it is told to."""

    wants_password = False

    def serve(self) -> None:
        self.site.seen.append(Seen(self.command, self.path, dict(self.headers.items()), b""))
        good = "Basic " + base64.b64encode(b"user:word").decode()
        if self.wants_password and self.headers.get("Proxy-Authorization") != good:
            self.answer(407, b"who are you?\n")
            self.close_connection = True
        elif self.command == "CONNECT":
            self.tunnel()
        else:
            self.answer(body=b"by proxy\n")

    def tunnel(self) -> None:
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), 10) as other:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(other, self.connection), daemon=True)
            back.start()
            _pump(self.connection, other)
            back.join(10)
        self.close_connection = True


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
