"""Which addresses requests may reach, whoever names them (X03)."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

import pytest

from dagu_core import InvalidDefinition
from dagu_core.testing.fixtures import Command
from dagu_http.network import NetworkConfig, Policy

METADATA = ["169.254.169.254", "169.254.170.2", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200"]
DISGUISED = [
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "0xa9fea9fe",
    "2852039166",
]


def policy(**config: Any) -> Policy:
    return Policy.of({"network": NetworkConfig(**config)})


@pytest.mark.parametrize("host", METADATA + DISGUISED)
def test_X03_metadata_and_link_local_addresses_are_refused(ask: Any, host: str) -> None:
    result = ask(f"GET http://{host}/latest/meta-data/", timeout=5)
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert "is a link-local or metadata address: never allowed" in result.step.error


def test_X03_loopback_is_allowed_by_default(ask: Any, site: Any) -> None:
    assert ask(f"GET {site.url}/ok").status == "succeeded"
    assert ask(f"GET http://localhost:{site.port}/ok").status == "succeeded"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "127.1"]
)
def test_X03_restricted_refuses_what_is_not_public(ask: Any, site: Any, host: str) -> None:
    dag = {"network": {"policy": "restricted"}}
    result = ask(f"GET http://{host}:{site.port}/ok", dag=dag)
    assert result.status == "failed"
    assert "is not a public address: refused by network.policy restricted" in result.step.error
    assert site.seen == []


@pytest.mark.parametrize("allow", ["127.0.0.1", "127.0.0.0/8", "localhost", "LOCALHOST."])
def test_X03_restricted_takes_an_allow_list(ask: Any, site: Any, allow: str) -> None:
    dag = {"network": {"policy": "restricted", "allow": ["10.0.0.0/8", allow]}}
    assert ask(f"GET http://localhost:{site.port}/ok", dag=dag).status == "succeeded"
    assert "not a public address" in ask(f"GET http://[::1]:{site.port}/ok", dag=dag).step.error


@pytest.mark.parametrize(
    "dag",
    [
        None,
        {"network": {"policy": "open"}},
        {"network": {"policy": "restricted", "allow": ["127.0.0.0/8", "localhost"]}},
        {"env": [{"DAGU_NETWORK_POLICY": "open"}, {"DAGU_HOME": "/nowhere"}]},
    ],
)
def test_X03_no_dag_widens_what_the_operators_set(
    ask: Any, site: Any, monkeypatch: pytest.MonkeyPatch, dag: dict[str, Any] | None
) -> None:
    monkeypatch.setenv("DAGU_NETWORK_POLICY", "restricted")
    refused = ask(f"GET http://localhost:{site.port}/ok", dag=dag)
    assert refused.status == "failed" and site.seen == []
    assert "refused by network.policy restricted of the settings" in refused.step.error
    monkeypatch.setenv("DAGU_NETWORK_ALLOW", "10.0.0.0/8, localhost")
    assert ask(f"GET http://localhost:{site.port}/ok", dag=dag).status == "succeeded"


def test_X03_a_dag_may_forbid_more_than_the_operators(
    ask: Any, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGU_NETWORK_POLICY", "restricted")
    monkeypatch.setenv("DAGU_NETWORK_ALLOW", "localhost")
    refused = ask(f"GET {site.url}/ok", dag={"network": {"policy": "restricted", "allow": ["::1"]}})
    assert refused.status == "failed" and "of the settings" not in refused.step.error


def test_X03_settings_that_cannot_be_read_let_nothing_pass(
    ask: Any, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGU_NETWORK_POLICY", "restrictd")
    result = ask(f"GET {site.url}/ok")
    assert result.status == "failed" and site.seen == []
    assert "DAGU_NETWORK_POLICY" in result.step.error


def test_X03_a_file_of_settings_named_at_the_start_counts(site: Any, dagu: Command, tmp_path: Path) -> None:
    (tmp_path / "strict.yaml").write_text("network: {policy: restricted}\n")
    file = dagu.home / "ask.yaml"
    file.write_text(f"webhook: {site.url}/hook\nsteps: [{{type: http, command: 'GET {site.url}/ok'}}]\n")
    done = dagu("start", "--config", str(tmp_path / "strict.yaml"), str(file))
    assert done.code == 1 and site.seen == []
    assert (done.out + done.err).count("of the settings") >= 2
    assert dagu("start", str(file)).code == 0


@pytest.mark.parametrize("scheme", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http:///x"])
def test_X03_a_redirect_to_something_else_than_http_is_not_followed(ask: Any, site: Any, scheme: str) -> None:
    result = ask(f"GET {site.url}/redirect?to={scheme}", silent=True)
    assert result.status == "failed" and b"root:" not in result.stdout


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_X03_each_redirect_is_checked(ask: Any, site: Any, code: int) -> None:
    result = ask(f"GET {site.url}/redirect/{code}?to=http://169.254.169.254/latest/", timeout=5)
    assert "169.254.169.254 is a link-local or metadata address" in result.step.error


def test_X03_a_redirect_inside_is_refused_when_restricted(ask: Any, site: Any) -> None:
    dag = {"network": {"policy": "restricted", "allow": ["127.0.0.1"]}}
    result = ask(f"GET {site.url}/redirect?to=http://127.0.0.2:{site.port}/ok", dag=dag)
    assert "127.0.0.2 is not a public address" in result.step.error
    assert [each.path.partition("?")[0] for each in site.seen] == ["/redirect"]


def test_X03_redirects_end(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/loop/1")
    assert "redirected more than 5 times" in result.step.error
    assert len(site.seen) == 6


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A name server that says what the test wants, another thing each time it is asked."""
    real, asked, answers = socket.getaddrinfo, [], []

    def look_up(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if not str(host).endswith(".test"):
            return real(host, port, *args, **more)
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked, answers


def test_X03_a_name_that_changes_its_mind_is_looked_up_once(ask: Any, site: Any, names: Any) -> None:
    asked, answers = names
    answers += [["127.0.0.1"], ["169.254.169.254"]]
    assert ask(f"GET http://rebinding.test:{site.port}/ok").status == "succeeded"
    assert asked == ["rebinding.test"]
    assert site.last.headers["Host"] == f"rebinding.test:{site.port}"
    again = ask(f"GET http://rebinding.test:{site.port}/ok", timeout=5)
    assert "rebinding.test: 169.254.169.254 is a link-local" in again.step.error


def test_X03_of_several_addresses_only_good_ones_are_tried(ask: Any, site: Any, names: Any) -> None:
    _, answers = names
    answers += [["169.254.169.254", "127.0.0.2", "127.0.0.1"]]
    dag = {"network": {"policy": "restricted", "allow": ["127.0.0.1"]}}
    assert ask(f"GET http://many.test:{site.port}/ok", dag=dag).status == "succeeded"


def test_the_next_address_is_tried_when_one_is_dead(ask: Any, site: Any, names: Any) -> None:
    _, answers = names
    answers += [["127.0.0.2", "127.0.0.1"]]
    # The server listens on 127.0.0.1 alone.
    assert ask(f"GET http://two.test:{site.port}/ok").status == "succeeded"


def test_a_name_that_does_not_exist(ask: Any) -> None:
    result = ask("GET http://no-such-name.invalid/")
    assert result.step.error == "http://no-such-name.invalid/: cannot connect: no such name"


def test_X03_a_proxy_does_not_help(ask: Any, make_proxy: Any) -> None:
    proxy = make_proxy()
    result = ask("GET http://169.254.169.254/latest/", proxy=proxy.url)
    assert "never allowed" in result.step.error and proxy.seen == []
    dag = {"network": {"policy": "restricted"}}
    assert "not a public address" in ask("GET http://192.0.2.1/", proxy=proxy.url, dag=dag).step.error
    assert proxy.seen == []


@pytest.mark.parametrize(
    ("address", "restricted", "fine"),
    [
        ("93.184.216.34", True, True),
        ("2606:4700::1111", True, True),
        ("10.0.0.1", False, True),
        ("10.0.0.1", True, False),
        ("192.168.1.1", True, False),
        ("172.20.0.1", True, False),
        ("100.64.0.1", True, False),
        ("::1", True, False),
        ("fc00::1", True, False),
        ("::ffff:10.0.0.1", True, False),
        ("64:ff9b::0a00:0001", True, False),
        ("::10.0.0.1", True, False),
        ("224.0.0.1", True, False),
        ("255.255.255.255", True, False),
        ("0.0.0.0", True, False),
        ("::", True, False),
        ("168.63.129.16", False, False),
        ("fe80::1%1", False, False),
    ],
)
def test_X03_how_addresses_are_judged(address: str, restricted: bool, fine: bool) -> None:
    rule = policy(policy="restricted" if restricted else "open")
    assert (rule.judge("a.name", ipaddress.ip_address(address)) == "") is fine


def test_X03_nothing_lets_metadata_pass() -> None:
    rule = policy(policy="restricted", allow=["169.254.0.0/16", "*.internal", "metadata.internal"])
    address = ipaddress.ip_address("169.254.169.254")
    assert rule.judge("metadata.internal", address)
    assert rule.judge("a.internal", ipaddress.ip_address("10.0.0.1")) == ""
    assert rule.judge("internal", ipaddress.ip_address("10.0.0.1"))
    assert rule.judge("notinternal", ipaddress.ip_address("10.0.0.1"))


@pytest.mark.parametrize(
    "network", [{"policy": "closed"}, {"allow": ["10.0.0.0/99"]}, {"allow": [""]}, {"deny": []}]
)
def test_a_network_key_that_makes_no_sense_is_refused(ask: Any, network: dict[str, Any]) -> None:
    with pytest.raises(InvalidDefinition, match=r"network|allow|policy|deny"):
        ask("GET http://127.0.0.1/", dag={"network": network})
