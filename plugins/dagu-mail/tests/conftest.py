"""Real mail servers on loopback: with and without encryption and login, refusing, and slow ones."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from aiosmtpd.smtp import SMTP

from .box import Box, Server
from .homes import Home
from .loop import Flood, Loop, TarPit


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


@pytest.fixture
def tar_pit(loop: Loop) -> int:
    """The port of a server that keeps everybody waiting."""
    return loop.serve(lambda: TarPit(0.05))


@pytest.fixture
def flood(loop: Loop) -> int:
    """The port of a server that talks without end."""
    return loop.serve(Flood)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)
