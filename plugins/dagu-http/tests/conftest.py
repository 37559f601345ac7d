"""Web servers and proxies that end with the test; certificates; a step that asks them."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from dagu_core.testing.fixtures import dagu, dagu_home  # noqa: F401
from dagu_core.testing.harness import StepResult, offering, run_step
from dagu_http import plugin
from dagu_http.executor import HttpExecutor

from .certificates import Certificates
from .proxy import ProxyHandler
from .site import Handler, Server, Site

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
