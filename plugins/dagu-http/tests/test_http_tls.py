"""Trust, certificates and proxies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def secure(make_site: Any, certificates: Any) -> Any:
    """A server with a certificate of our own authority."""
    return make_site(tls=certificates.server())


def test_a_certificate_of_nobody_known_is_refused(ask: Any, secure: Any) -> None:
    result = ask(f"GET {secure.url}/ok?key=topsecret", retry={"intervalSec": 30})
    assert result.status == "failed"
    assert f"{secure.url}/ok: the certificate is not trusted: " in result.step.error
    assert secure.seen == []


def test_the_authority_can_be_named(ask: Any, secure: Any, certificates: Any) -> None:
    assert ask(f"GET {secure.url}/ok", caFile=certificates.ca_file, silent=True).stdout == b"hello\n"
    relative = ask(
        f"GET {secure.url}/ok", ca_file="ca.pem", step={"workingDir": str(certificates.folder)}, silent=True
    )
    assert relative.stdout == b"hello\n"


def test_the_name_must_be_right(ask: Any, make_site: Any, certificates: Any) -> None:
    site = make_site(tls=certificates.server("example.org"))
    result = ask(f"GET {site.url}/ok", caFile=certificates.ca_file)
    assert "the certificate is not trusted: IP address mismatch" in result.step.error


@pytest.mark.parametrize("key", ["skipTLSVerify", "skipTlsVerify", "skip_tls_verify"])
def test_checking_can_be_switched_off(ask: Any, secure: Any, key: str) -> None:
    assert ask(f"GET {secure.url}/ok", **{key: True}).status == "succeeded"


def test_a_client_certificate(ask: Any, make_site: Any, certificates: Any) -> None:
    site = make_site(tls=certificates.server(asks_client=True))
    url, folder = f"GET {site.url}/ok", certificates.folder
    trusting = {"caFile": certificates.ca_file}
    without = ask(url, **trusting)
    # The server hangs up; whether its reason or the end of the line is seen first is a race.
    assert without.status == "failed"
    assert any(said in without.step.error for said in ("the connection broke: ", "certificate required"))
    assert site.seen == []
    pair = ask(url, **trusting, clientCert=f"{folder}/client.pem", clientKey=f"{folder}/client.key")
    assert pair.status == "succeeded", pair.step.error
    assert ask(url, **trusting, clientCert=f"{folder}/both.pem").status == "succeeded"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"caFile": "none.pem"}, "caFile none.pem: no such file or directory"),
        ({"caFile": "text"}, "caFile text: "),
        ({"clientCert": "none.pem"}, "clientCert none.pem: no such file or directory"),
        ({"clientCert": "text"}, "clientCert text: "),
        ({"clientCert": "locked.pem"}, "clientCert locked.pem: "),
    ],
)
def test_files_that_are_no_certificates_are_named(
    ask: Any, secure: Any, certificates: Any, tmp_path: Path, config: dict[str, str], said: str
) -> None:
    (tmp_path / "text").write_text("this is no certificate")
    (tmp_path / "locked.pem").write_bytes(_locked((certificates.folder / "both.pem").read_bytes()))
    result = ask(f"GET {secure.url}/ok", step={"workingDir": str(tmp_path)}, **config)
    assert result.status == "failed" and result.step.error.startswith(said)
    assert secure.seen == []


def _locked(pem: bytes) -> bytes:
    """The certificate, its key under a password."""
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(pem, None)
    lock = form.BestAvailableEncryption(b"a password")
    return pem[pem.index(b"-----BEGIN CERT") :] + key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, lock
    )


def test_plain_http_on_a_tls_port_and_the_other_way_round(ask: Any, secure: Any, site: Any) -> None:
    plain = ask(f"GET http://127.0.0.1:{secure.port}/ok")
    assert plain.status == "failed" and "the connection broke" in plain.step.error
    tls = ask(f"GET https://127.0.0.1:{site.port}/ok", timeout=5)
    assert tls.status == "failed" and "TLS: " in tls.step.error


def test_a_proxy_is_asked(ask: Any, site: Any, make_proxy: Any) -> None:
    proxy = make_proxy()
    result = ask(f"GET {site.url}/ok", proxy=proxy.url, silent=True)
    assert result.stdout == b"by proxy\n" and site.seen == []
    assert (proxy.last.method, proxy.last.path) == ("GET", f"{site.url}/ok")


def test_tls_goes_through_a_tunnel(ask: Any, secure: Any, make_proxy: Any, certificates: Any) -> None:
    proxy = make_proxy()
    auth = {"token": "tok-12345"}
    result = ask(
        f"GET {secure.url}/auth", proxy=proxy.url, caFile=certificates.ca_file, silent=True, auth=auth
    )
    assert result.stdout == b"hello\n", result.step.error
    assert (proxy.last.method, proxy.last.path) == ("CONNECT", f"127.0.0.1:{secure.port}")
    assert "Authorization" not in proxy.last.headers and len(secure.seen) == 1


def test_a_proxy_behind_tls(ask: Any, site: Any, make_proxy: Any, certificates: Any) -> None:
    proxy = make_proxy(tls=certificates.server())
    assert "not trusted" in ask(f"GET {site.url}/ok", proxy=proxy.url).step.error
    result = ask(f"GET {site.url}/ok", proxy=proxy.url, caFile=certificates.ca_file, silent=True)
    assert result.stdout == b"by proxy\n"


def test_a_proxy_with_a_password(ask: Any, secure: Any, make_proxy: Any, certificates: Any) -> None:
    proxy = make_proxy(wants_password=True)
    trusting = {"caFile": certificates.ca_file}
    refused = ask(f"GET {secure.url}/ok", proxy=proxy.url, **trusting)
    assert refused.status == "failed" and "the proxy refused: 407" in refused.step.error
    known = proxy.url.replace("//", "//user:word@")
    assert ask(f"GET {secure.url}/ok", proxy=known, **trusting).status == "succeeded"
    wrong = ask(f"GET {secure.url}/ok", proxy=proxy.url.replace("//", "//user:topsecret@"), **trusting)
    assert wrong.status == "failed" and "topsecret" not in wrong.step.error


def test_the_environment_names_proxies_and_exceptions(
    ask: Any, site: Any, make_proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = make_proxy()
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def body(**more: Any) -> bytes:
        step = {"env": [{name: value} for name, value in more.pop("env", {}).items()]}
        return bytes(ask(f"GET {site.url}/ok", silent=True, step=step, **more).stdout)

    assert body() == b"hello\n"
    assert body(env={"http_proxy": proxy.url}) == b"by proxy\n"
    assert body(env={"ALL_PROXY": f"127.0.0.1:{proxy.port}"}) == b"by proxy\n"
    assert body(env={"HTTPS_PROXY": proxy.url}) == b"hello\n"
    assert body(env={"HTTP_PROXY": proxy.url, "NO_PROXY": "example.org,127.0.0.1"}) == b"hello\n"
    assert body(env={"HTTP_PROXY": proxy.url}, proxy="none") == b"hello\n"
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert body() == b"by proxy\n"
    assert body(env={"HTTP_PROXY": ""}) == body(env={"http_proxy": ""}) == b"hello\n"
    socks = ask(f"GET {site.url}/ok", step={"env": [{"HTTP_PROXY": "socks5://127.0.0.1:1"}]})
    assert socks.step.error == "a proxy is http://HOST:PORT or https://HOST:PORT"
