"""What may be written, and that the page of the plugin writes nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dagu_core.testing.harness import run_step
from dagu_core.testing.page_contract import PageContract
from dagu_ssh import plugin
from dagu_ssh.config import SshConfig, SshSettings

ROOT = Path(__file__).parents[3]
READING = {"phase": "read"}


def read(**keys: Any) -> SshConfig:
    return SshConfig.model_validate(keys, context=READING)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"hots": "a"}, "hots"),
        ({"port": 0}, "1 to 65535"),
        ({"port": "ssh"}, "1 to 65535"),
        ({"port": True}, "1 to 65535"),
        ({"timeout": 0}, "greater than 0"),
        ({"timeout": "soon"}, "30s"),
        ({"keepAlive": -1}, "cannot be negative"),
        ({"jump": "a b:c:d"}, "user@host:port"),
        ({"jump": {"hots": "a"}}, "hots"),
        ({"env": ["A B"]}, "no name of a variable"),
        ({"env": {"1A": "x"}}, "no name of a variable"),
        ({"upload": {"from": "a"}}, "to"),
        ({"strictHostKey": "maybe"}, "bool"),
        ({"shell": 3}, "shell"),
    ],
)
def test_what_makes_no_sense_is_refused_when_the_file_is_read(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(**keys)


def test_both_spellings_and_short_forms() -> None:
    config = read(
        strict_host_key=False,
        knownHostFile="f",
        KEY_PASSPHRASE="p",
        port="2222",
        timeout="1m",
        bastion="me@[::1]:23",
        upload={"from": "a", "to": "b"},
    )
    assert (config.strict_host_key, config.known_host_file, config.key_passphrase) == (False, "f", "p")
    assert (config.port, config.timeout) == (2222, 60.0)
    assert config.jump is not None
    assert (config.jump.user, config.jump.host, config.jump.port) == ("me", "::1", 23)
    assert [(copy.source, copy.to) for copy in config.upload] == [("a", "b")]


def test_references_wait_for_the_run() -> None:
    written = {"port": "${P}", "jump": "${J}", "timeout": "${T}", "strictHostKey": "${S}", "env": ["${N}"]}
    read(**written)


def test_passwords_are_in_no_representation() -> None:
    config = read(
        host="a", password="swordfish", keyPassphrase="swordfish", jump={"host": "b", "password": "swordfish"}
    )
    assert "swordfish" not in repr(config)


def test_hosts_are_checked_unless_somebody_says_no() -> None:
    assert SshConfig().strict_host_key is SshSettings().strict_host_key is True


class TestPages(PageContract):
    pages = (ROOT / "docs/plugins/ssh.md", ROOT / "plugins/dagu-ssh/README.md")
    plugins = (plugin,)
    models = (SshConfig,)


def test_a_typo_in_the_dags_ssh_is_found_with_its_place() -> None:
    from dagu_core.base.places import InvalidDefinition

    with pytest.raises(InvalidDefinition) as caught:
        run_step({"command": "true"}, plugins=[plugin], dag={"ssh": {"host": "a", "strictHostKeys": True}})
    (problem,) = caught.value.problems
    assert "strictHostKeys" in problem.message and "strictHostKey" in problem.hint
