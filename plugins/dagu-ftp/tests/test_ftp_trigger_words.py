"""What an entry of `triggers` may say, and how it is told what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

import dagu_ftp.plugin
from dagu_core import InvalidDefinition
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.page_contract import PageContract
from dagu_ftp.trigger_config import FtpsTriggerConfig, FtpTriggerConfig, SftpTriggerConfig

ROOT = Path(__file__).parents[3]
HOST = PluginHost.load(discover=False, plugins=[dagu_ftp.plugin])


def _problems(entry: str) -> str:
    """What is wrong with an entry."""
    text = f"triggers:\n  - {entry}\nsteps:\n  - command: echo\n"
    try:
        read_definition(text, vocabulary=HOST.catalog.vocabulary)
    except InvalidDefinition as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "entry",
    [
        "{type: ftp, host: h, watch: in/*.csv}",
        "{type: ftps, host: '${HOST}', user: u, password: '${P}', watch: [a, b], tls: implicit, port: 990}",
        "{type: sftp, ip: h, username: u, jump: me@gate:22, watch: '*', settle: 0, poll_interval: 1m}",
        "{type: sftp, host: h, watch: '*', bastion: [{host: g, password: '${GATE}'}], batch: {window: 5s}}",
    ],
)
def test_what_is_right_is_read(entry: str) -> None:
    assert _problems(entry) == ""


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{type: ftp, watch: '*'}", "host"),
        ("{type: sftp, host: h}", "watch"),
        ("{type: sftp, host: h, watch: []}", "watch"),
        ("{type: ftp, host: h, watch: '*', mode: inotify}", "mode"),
        ("{type: ftp, host: h, watch: '*', source: x}", "source"),
        ("{type: ftp, host: h, watch: '*', key: x}", "key"),
        ("{type: ftps, host: h, watch: '*', tls: none}", "tls"),
        ("{type: ftp, host: h, watch: '${IN}/*'}", "is needed before there is a run"),
        ("{type: ftp, host: h, watch: '*', port: '${PORT}'}", "is needed before there is a run"),
        ("{type: sftp, host: h, watch: '*', bastion: {host: g, port: '${PORT}'}}", "bastion"),
        ("{type: ftp, host: h, watch: '*', events: [made]}", "events"),
        ("{type: ftp, host: h, watch: '*', events: remove, settle: 1s}", "has no meaning"),
        ("{type: ftp, host: h, watch: '*', marker: '{file}.ok'}", "marker"),
    ],
)
def test_what_is_wrong_is_told(entry: str, told: str) -> None:
    assert told in _problems(entry)


def test_a_server_that_is_not_checked_is_warned_about() -> None:
    text = (
        "triggers:\n"
        "  - {type: ftps, host: h, watch: a, tlsVerify: false}\n"
        "  - {type: sftp, host: h, watch: b, strict_host_key: false}\n"
        "steps:\n  - command: echo\n"
    )
    found = read_definition(text, path="f.yaml", vocabulary=HOST.catalog.vocabulary)
    told = HOST.lint(found.plans[0], found.places[0])
    assert [(each.code, each.place.line, str(each.message)) for each in told] == [
        ("D331", 2, "trigger ftps a: the certificate of the server is not checked"),
        ("D331", 3, "trigger sftp b: the host key of the server is not checked"),
    ]


class TestTriggerPage(PageContract):
    pages = (ROOT / "docs/plugins/ftp-triggers.md",)
    plugins = (dagu_ftp.plugin,)
    models = (FtpsTriggerConfig, FtpTriggerConfig, SftpTriggerConfig)
