"""A web server that behaves, and does not when it is asked to."""

from __future__ import annotations

import base64
import gzip
import os
import shutil
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

JSON = b'{"z":1,"a":[1.5,12345678901234567890,"<\xc3\xa9>"],"n":null}'


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """A running server: what it saw, and where it is."""

    server: ThreadingHTTPServer
    scheme: str = "http"
    seen: list[Seen] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def last(self) -> Seen:
        return self.seen[-1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *args: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def serve(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        self.site.seen.append(Seen(self.command, self.path, dict(self.headers.items()), body))
        self.site.calls[parts.path] += 1
        name, *rest = parts.path.strip("/").split("/")
        getattr(self, f"on_{name.replace('-', '_')}")(query, *rest)

    def answer(self, code: int = 200, body: bytes = b"hello\n", **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content_Type": "text/plain", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def on_ok(self, query: dict[str, str]) -> None:
        self.answer()

    def on_headers(self, query: dict[str, str]) -> None:
        self.answer(x_low="one", X_HIGH="two")

    def on_status(self, query: dict[str, str], code: str) -> None:
        self.answer(int(code), b"" if code == "204" else f"this is {code}\n".encode(), **query)

    def on_json(self, query: dict[str, str], code: str = "200") -> None:
        self.answer(int(code), JSON, Content_Type="application/json")

    def on_gzip(self, query: dict[str, str]) -> None:
        asked = "gzip" in self.headers.get("Accept-Encoding", "")
        data = gzip.compress(b"packed, ") + gzip.compress(b"and packed again\n")
        if "short" in query:
            data = data[:-12]
        if "broken" in query:
            data = data[:10] + b"\xff" * 40
        self.answer(body=data if asked else b"plain\n", **({"Content_Encoding": "gzip"} if asked else {}))

    def on_file(self, query: dict[str, str]) -> None:
        with Path(query["path"]).open("rb") as file:
            self.send_response(200)
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            shutil.copyfileobj(file, self.wfile, 1 << 16)

    def on_echo(self, query: dict[str, str]) -> None:
        self.answer(body=self.site.last.body)

    def on_bytes(self, query: dict[str, str], count: str) -> None:
        block, left = b"0123456789abcde\n" * 4096, int(count)
        self.send_response(200)
        self.send_header("Content-Length", count)
        self.end_headers()
        while left > 0:
            self.wfile.write(block[:left])
            left -= len(block)

    def on_bomb(self, query: dict[str, str], count: str) -> None:
        pack, left, data = zlib.compressobj(9, wbits=31), int(count), b""
        while left > 0:
            data += pack.compress(b"0" * min(left, 1 << 20))
            left -= 1 << 20
        self.answer(body=data + pack.flush(), Content_Encoding="gzip")

    def on_stall(self, query: dict[str, str]) -> None:
        self.site.closing.wait(300)

    def on_half(self, query: dict[str, str]) -> None:
        """The beginning of a body, and never the rest."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"the beginning\n")
        self.site.closing.wait(300)

    def on_drip(self, query: dict[str, str]) -> None:
        self.send_response(200)
        self.end_headers()
        self._drip()

    def on_drip_head(self, query: dict[str, str]) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._drip()

    def _drip(self) -> None:
        self.close_connection = True
        while not self.site.closing.wait(0.05):
            self.wfile.write(b".")

    def on_cut(self, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"the beginning\n")
        self.close_connection = True

    def on_slam(self, query: dict[str, str]) -> None:
        """Hang up without a word; from the second call on answer."""
        if self.site.calls["/slam"] > int(query.get("times", "1")):
            self.answer()
        self.close_connection = True

    def on_garbage(self, query: dict[str, str]) -> None:
        self.wfile.write(b"this is not HTTP\r\n\r\n")
        self.close_connection = True

    def on_flaky(self, query: dict[str, str], times: str, code: str) -> None:
        if self.site.calls[urlsplit(self.path).path] > int(times):
            self.answer()
        else:
            self.answer(int(code), b"not yet\n", **query)

    def on_redirect(self, query: dict[str, str], code: str = "302") -> None:
        self.answer(int(code), b"elsewhere\n", Location=query["to"])

    def on_loop(self, query: dict[str, str], number: str) -> None:
        self.answer(302, b"", Location=f"/loop/{int(number) + 1}")

    def on_endless_redirect(self, query: dict[str, str]) -> None:
        """A redirect whose body never ends."""
        self.send_response(302)
        self.send_header("Location", "/ok")
        self.end_headers()
        self._drip()

    def on_auth(self, query: dict[str, str]) -> None:
        good = "Basic " + base64.b64encode(b"ann:s3cr3t-pass").decode()
        self.answer(200 if self.headers.get("Authorization") in (good, "Bearer tok-12345") else 401)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def handle_error(self, *args: object) -> None:
        pass  # clients that go away are what many of these tests are about
