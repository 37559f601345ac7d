"""A web server that behaves, and one that does not; TLS, client certificates, a proxy."""

from __future__ import annotations

import base64
import gzip
import os
import shutil
import socket
import ssl
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from dagu_core.testing.harness import StepResult, offering, run_step
from dagu_http import plugin
from dagu_http.executor import HttpExecutor

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


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def handle_error(self, *args: object) -> None:
        pass  # clients that go away are what many of these tests are about


MakeSite = Callable[..., Site]


@pytest.fixture
def make_site() -> Iterator[MakeSite]:
    """Start servers; they end with the test."""
    running: list[tuple[Site, threading.Thread]] = []

    def make(kind: type[Handler] = Handler, tls: ssl.SSLContext | None = None, **facts: Any) -> Site:
        handler = type("Bound", (kind,), facts)
        server = Server(("127.0.0.1", 0), handler)
        site = handler.site = Site(server, "https" if tls else "http")
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        running.append((site, thread))
        return site

    yield make
    for site, thread in running:
        site.closing.set()
        site.server.shutdown()
        site.server.server_close()
        thread.join(10)


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A plain server."""
    return make_site()


@pytest.fixture
def make_proxy(make_site: MakeSite) -> MakeSite:
    """Start proxies."""
    return lambda **facts: make_site(ProxyHandler, **facts)


@dataclass(frozen=True)
class Certificates:
    """Our own authority and what it signed, as files."""

    folder: Path
    authority: trustme.CA

    def server(self, name: str = "127.0.0.1", *, asks_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name).configure_cert(context)
        if asks_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        return context

    @property
    def ca_file(self) -> str:
        return str(self.folder / "ca.pem")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    client = authority.issue_cert("client@example.org")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    client.private_key_pem.write_to_path(folder / "client.key")
    client.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    return Certificates(folder, authority)


Ask = Callable[..., StepResult]


@pytest.fixture
def ask() -> Ask:
    """Run one http step: `ask("GET http://…", silent=True)`; DAG-level keys go under `dag`."""

    def run(
        command: str,
        *,
        dag: dict[str, Any] | None = None,
        step: dict[str, Any] | None = None,
        environ: dict[str, str] | None = None,
        stop_after: float | None = None,
        **config: Any,
    ) -> StepResult:
        whole = {"type": "http", "command": command, "config": config, **(step or {})}
        plugins = [plugin] if dag else [offering(HttpExecutor)]
        return run_step(whole, plugins=plugins, dag=dag, environ=environ, stop_after=stop_after)

    return run
