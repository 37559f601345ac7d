"""Real mail servers on loopback: with and without encryption and login, refusing, and slow ones."""

from __future__ import annotations

import asyncio
import hmac
import inspect
import os
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, Session

from dagu_core.app.app import App
from dagu_core.app.requests import StartRequest
from dagu_core.app.views import RunView
from dagu_core.base.settings import Settings
from dagu_mail import plugin

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


class Loop:
    """A loop in a thread of its own, for servers."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._connections: list[Any] = []
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def serve(self, connected: Callable[[], Any], context: ssl.SSLContext | None = None) -> int:
        """Listen on a free port of loopback, and tell it."""

        def watched() -> Any:
            protocol = connected()
            made = protocol.connection_made

            def connection_made(transport: Any) -> None:
                self._connections.append(transport)
                made(transport)

            protocol.connection_made = connection_made
            return protocol

        listening = self.loop.create_server(watched, "127.0.0.1", 0, ssl=context)
        server = asyncio.run_coroutine_threadsafe(listening, self.loop).result(10)
        self._connections.append(server)
        return int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        async def end() -> None:
            for each in self._connections:
                each.close() if isinstance(each, asyncio.Server) else each.abort()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    found = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    found.cert_pem.write_to_path(str(path))
    return found, path


@pytest.fixture(scope="session")
def ca_file(authority: tuple[trustme.CA, Path]) -> str:
    return str(authority[1])


@pytest.fixture
def loop() -> Iterator[Loop]:
    found = Loop()
    yield found
    found.close()


@pytest.fixture
def serve(loop: Loop, authority: tuple[trustme.CA, Path]) -> Callable[..., Server]:
    """Starts servers: `tls` is "none", "starttls" or "implicit"; `login` = nothing without one."""

    def started(
        tls: str = "none",
        login: bool = False,
        only: str = "",
        size: int = 33_554_432,
        name: str = "127.0.0.1",
    ) -> Server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority[0].issue_cert(name).configure_cert(context)
        box = Box()

        def connected() -> SMTP:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns of logins in the clear: they are under test
                return SMTP(
                    box,
                    hostname="mail.example.org",
                    data_size_limit=size,
                    enable_SMTPUTF8=False,
                    tls_context=context if tls == "starttls" else None,
                    auth_required=login,
                    auth_require_tls=False,
                    authenticator=box.authenticate,
                    auth_exclude_mechanism={"LOGIN", "PLAIN", "CRAM-MD5"} - {only} if only else None,
                    loop=loop.loop,
                )

        return Server(loop.serve(connected, context if tls == "implicit" else None), box)

    return started


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve()


class TarPit(asyncio.Protocol):
    """Says one byte now and then, and never anything of use."""

    def __init__(self, pace: float) -> None:
        self.pace = pace

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.drip()

    def drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"2")
            asyncio.get_running_loop().call_later(self.pace, self.drip)


class Flood(asyncio.Protocol):
    """Greets without end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.resume_writing()

    def resume_writing(self) -> None:
        self.is_full = False
        while not (self.is_full or self.transport.is_closing()):
            self.transport.write(b"220-" + b"x" * 1000 + b"\r\n")

    def pause_writing(self) -> None:
        self.is_full = True


@pytest.fixture
def tar_pit(loop: Loop) -> int:
    """The port of a server that keeps everybody waiting."""
    return loop.serve(lambda: TarPit(0.05))


@pytest.fixture
def flood(loop: Loop) -> int:
    """The port of a server that talks without end."""
    return loop.serve(Flood)


@dataclass
class Ran:
    """A run that is over, and everything that was recorded of it."""

    view: RunView
    events: list[Any]

    @property
    def status(self) -> str:
        return self.view.summary.status.label

    def step(self, name: str) -> Any:
        return self.view.steps[self.view.plan.by_name[name]]

    @property
    def log(self) -> str:
        """The run's own log."""
        return Path(self.view.summary.log).read_text("utf-8")

    def notes(self, code: str) -> list[str]:
        return [event.message for event in self.events if getattr(event, "code", "") == code]


@dataclass
class Home:
    """A home of its own; what stands in `base` is base.yaml, `environ` is what the engine sees."""

    path: Path
    base: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        own = {"HOME": str(self.path), "SHELL": "/bin/sh", "LANG": "C.UTF-8", "DAGU_HOME": str(self.path)}
        return {"PATH": os.environ["PATH"], **own, **self.environ}

    def write(self, text: str, name: str = "flow") -> Path:
        (self.path / "base.yaml").write_text(inspect.cleandoc(self.base) + "\n")
        file = self.path / f"{name}.yaml"
        file.write_text(inspect.cleandoc(text) + "\n")
        return file

    def run(self, text: str, *, name: str = "flow", params: str | None = None, stop: bool = False) -> Ran:
        """Run a definition in this process; `stop` = as soon as the file `ready` is there."""
        request = StartRequest(dag=str(self.write(text, name)), run_id="r", params=params)
        return asyncio.run(self._run(request, name, stop))

    def warnings(self, text: str) -> list[str]:
        """What the definition is warned of."""
        path = self.write(text)

        async def check() -> list[str]:
            async with App.open(self._settings(), plugins=[plugin], discover=False) as app:
                return [each.message for each in app.dags.read(str(path)).warnings]

        return asyncio.run(check())

    async def _run(self, request: StartRequest, name: str, stop: bool) -> Ran:
        async with App.open(self._settings(), plugins=[plugin], discover=False) as app:
            running = asyncio.create_task(app.runs.start(request))
            while stop and not (self.path / "ready").exists() and not running.done():
                await asyncio.sleep(0.01)
            if stop:
                await app.runs.stop(name, "r")
            view = await running
            events = [event for _, event in await app.store.events(view.summary.ref)]
        return Ran(view, events)

    def _settings(self) -> Settings:
        return Settings.load(environ=self.environment())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)
