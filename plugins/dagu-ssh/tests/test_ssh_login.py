"""Who the host is, who we are, and how the two are told what went wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagu_core.contracts.work import Failed
from dagu_core.testing.harness import StepResult, run_step
from dagu_core.testing.requirements import require
from dagu_ssh import plugin
from dagu_ssh.keys import load_key
from dagu_ssh.known_hosts import KnownHosts

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIHHl6ob0C7SP0OGpzUkuTgPlZd5PkWhzdAMn8oLhGCEk"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIHHl6ob0C7SP0OGpzUkuTgPlZd5PkWhzdAMn8oLhGCFl"


def run(step: Any, **more: Any) -> StepResult:
    return run_step(step, plugins=[plugin], **more)


def refused(step: Any, **more: Any) -> str:
    """What is said of a step that fails before it runs anything; all of it can be read by people."""
    result = run(step, **more)
    assert (result.status, result.outcome.exit_code) == ("failed", 255)
    said = result.step.error + result.stderr.decode()
    assert "Traceback" not in said and "paramiko" not in said
    return result.step.error


# -- the host ------------------------------------------------------------------------------------


def test_an_unknown_host_is_refused_with_the_line_that_makes_it_known(sshd: Any, tmp_path: Path) -> None:
    file = tmp_path / "none"
    said = refused(sshd.step(f"touch {tmp_path}/ran", knownHostFile=str(file)))
    assert "is unknown" in said and "SHA256:" in said and str(file) in said
    line = next(line for line in said.splitlines() if line.startswith("[127.0.0.1]:"))
    assert not file.exists() and not (tmp_path / "ran").exists()
    file.write_text(line + "\n", "utf-8")
    assert run(sshd.step("true", knownHostFile=str(file))).status == "succeeded"


def test_gotcha_079_hosts_are_checked_by_default_at_both_levels(sshd: Any) -> None:
    # HOME of the step is an empty folder: nothing is known there.
    assert "is unknown" in refused(sshd.step("true", knownHostFile=None))
    dag = {"ssh": sshd.config(knownHostFile=None)}
    assert "is unknown" in refused({"command": "true"}, dag=dag)


def test_the_check_can_be_turned_off_and_that_is_said(sshd: Any) -> None:
    result = run(sshd.step("true", knownHostFile=None, strictHostKey=False))
    assert result.status == "succeeded"
    assert b"warning: the key of host" in result.stderr


def test_a_host_that_is_known_by_another_kind_of_key(sshd: Any, tmp_path: Path) -> None:
    file = tmp_path / "known"
    key = lab_key(tmp_path, "ecdsa")
    file.write_text(f"[127.0.0.1]:{sshd.port} {key}\n", "utf-8")
    assert "another kind of key" in refused(sshd.step("true", knownHostFile=str(file)))


def lab_key(folder: Path, kind: str) -> str:
    path = folder / f"key_{kind}"
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return Path(f"{path}.pub").read_text("utf-8").rsplit(" ", 1)[0]


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("hosts", "host", "port", "knows"),
    [
        ("db", "db", 22, True),
        ("db", "DB", 22, True),
        ("db", "db", 2222, False),
        ("[db]:2222", "db", 2222, True),
        ("web,db,10.0.0.1", "10.0.0.1", 22, True),
        ("*.corp", "db.corp", 22, True),
        ("*.corp,!db.corp", "db.corp", 22, False),
        ("d?", "db", 22, True),
        ("d.b", "dxb", 22, False),
        (hashed("db"), "db", 22, True),
        (hashed("db"), "web", 22, False),
        ("|1|broken", "db", 22, False),
        ("# db", "db", 22, False),
        ("@cert-authority db", "db", 22, False),
    ],
)
def test_lines_of_known_hosts(tmp_path: Path, hosts: str, host: str, port: int, knows: bool) -> None:
    file = tmp_path / "known"
    file.write_text(f"\nnonsense\n{hosts} ssh-ed25519 {KEY} a comment\n", "utf-8")
    known = KnownHosts(str(file), host, port)
    assert known.kinds == (["ssh-ed25519"] if knows else [])
    if knows:
        known.check("ssh-ed25519", KEY)
        with pytest.raises(Failed, match="HAS CHANGED"):
            known.check("ssh-ed25519", OTHER)
    else:
        with pytest.raises(Failed, match="is unknown"):
            known.check("ssh-ed25519", KEY)


def test_a_host_may_have_several_keys_and_a_revoked_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(f"db ssh-ed25519 {KEY}\ndb ssh-ed25519 {OTHER}\n", "utf-8")
    KnownHosts(str(file), "db", 22).check("ssh-ed25519", OTHER)
    file.write_text(f"db ssh-ed25519 {KEY}\n@revoked * ssh-ed25519 {KEY}\n", "utf-8")
    with pytest.raises(Failed, match=r"revoked in .*, line 2"):
        KnownHosts(str(file), "db", 22).check("ssh-ed25519", KEY)


def test_hosts_that_cannot_be_reached(lab: Any, sshd: Any) -> None:
    assert "not found" in refused(sshd.step("true", host="no-such-host.invalid"))
    said = refused(sshd.step("true", port=lab.port()))
    assert "cannot connect to 127.0.0.1:" in said and "refused" in said.lower()


def test_the_timeout_of_a_host_that_takes_connections_and_says_nothing(sshd: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = refused(sshd.step("true", port=server.getsockname()[1], timeout="500ms"))
    assert "timed out after 0.5 s waiting for the SSH server" in said


# -- the user ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_kinds_of_keys(lab: Any, sshd: Any, tmp_path: Path, kind: str) -> None:
    key = lab.keygen(tmp_path / "key", kind)
    with (sshd.folder / "authorized_keys").open("a", encoding="utf-8") as file:
        file.write(Path(f"{key}.pub").read_text("utf-8"))
    assert run(sshd.step("true", key=str(key))).status == "succeeded"


def test_a_key_with_a_passphrase(lab: Any, sshd: Any, tmp_path: Path) -> None:
    key = lab.keygen(tmp_path / "key", passphrase="swordfish-0042")
    with (sshd.folder / "authorized_keys").open("a", encoding="utf-8") as file:
        file.write(Path(f"{key}.pub").read_text("utf-8"))
    assert run(sshd.step("true", key=str(key), password="swordfish-0042")).status == "succeeded"
    said = refused(sshd.step("true", key=str(key), keyPassphrase="swordfish-0043"))
    assert "passphrase is wrong" in said and "swordfish" not in said
    with pytest.raises(Failed, match="needs a passphrase"):
        load_key(str(key), "")


def test_key_files_that_do_not_serve(lab: Any, tmp_path: Path) -> None:
    key = lab.keygen(tmp_path / "key")

    def said(file: Path) -> str:
        with pytest.raises(Failed) as caught:
            load_key(str(file), "")
        assert caught.value.code == 255
        return str(caught.value)

    assert "there is no key file" in said(tmp_path / "none")
    assert "Is a directory" in said(tmp_path)
    public = Path(f"{key}.pub")
    public.chmod(0o600)
    assert "not the `.pub` file" in said(public)
    broken = tmp_path / "broken"
    broken.write_bytes(key.read_bytes()[:200])
    broken.chmod(0o600)
    assert "damaged" in said(broken)
    key.chmod(0o644)
    assert "can be read by others" in said(key) and f"chmod 600 {key}" in said(key)
    key.chmod(0o600)
    assert load_key(str(key), "not needed").get_name() == "ssh-ed25519"


def test_a_refused_login_says_what_was_tried(lab: Any, sshd: Any, tmp_path: Path) -> None:
    key = lab.keygen(tmp_path / "key")
    said = refused(sshd.step("true", key=str(key)))
    assert f"refused to log in {sshd.user}" in said
    assert f"tried: key {key}" in said and "it accepts: publickey" in said
    assert "tried: nothing" in refused(sshd.step("true", key=None))


def test_keys_in_the_usual_places_are_found(sshd: Any, tmp_path: Path) -> None:
    folder = tmp_path / ".ssh"
    folder.mkdir()
    (folder / "id_ed25519").write_bytes(sshd.key.read_bytes())
    (folder / "id_ed25519").chmod(0o600)
    (folder / "id_rsa").write_text("nonsense", "utf-8")
    (folder / "known_hosts").write_bytes(sshd.known_hosts.read_bytes())
    step = sshd.step("true", key=None, knownHostFile=None)
    assert run(step, environ={"HOME": str(tmp_path)}).status == "succeeded"


@pytest.fixture
def agent(sshd: Any, tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "agent")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            add = ["ssh-add", "-q", str(sshd.key)]
            environ = {**os.environ, "SSH_AUTH_SOCK": path}
            if os.path.exists(path) and subprocess.run(add, env=environ, capture_output=True).returncode == 0:
                break
        yield path
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(5)


def test_an_agent_is_asked(sshd: Any, agent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", agent + ".gone")
    step = sshd.step("true", key=None)
    assert "tried: nothing" in refused(step)
    assert run({**step, "env": [{"SSH_AUTH_SOCK": agent}]}).status == "succeeded"
    monkeypatch.setenv("SSH_AUTH_SOCK", agent)
    assert run(step).status == "succeeded"


def test_a_password(guarded: Any) -> None:
    require(guarded.guest, "root and useradd, to make a user with a password")
    config = {"key": None, "user": guarded.guest, "password": "${PASSWORD}"}
    dag = {"secrets": [{"name": "PASSWORD", "provider": "env", "key": "SOURCE"}]}
    right, wrong = ({"SOURCE": word} for word in (guarded.guest_password, "swordfish-0042"))
    result = run(guarded.step("id -un", **config), dag=dag, environ=right, secrets=[guarded.guest_password])
    assert (result.status, result.stdout.decode().strip(), result.leaks) == ("succeeded", guarded.guest, ())
    said = refused(guarded.step("id -un", **config), dag=dag, environ=wrong)
    assert "tried: password" in said and "swordfish" not in said


# -- jump hosts ----------------------------------------------------------------------------------


def test_a_jump_host(lab: Any, sshd: Any, guarded: Any, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(sshd.known_hosts.read_text("utf-8") + guarded.known_hosts.read_text("utf-8"), "utf-8")
    for name in ("authorized_keys",):
        with (guarded.folder / name).open("a", encoding="utf-8") as file:
            file.write(Path(f"{sshd.key}.pub").read_text("utf-8"))
    line = "echo ${SSH_CONNECTION##* }"
    config = {"knownHostFile": str(known), "shell": "sh"}
    short = f"{guarded.user}@127.0.0.1:{guarded.port}"
    result = run(sshd.step(line, jump=short, **config))
    assert (result.status, result.stdout) == ("succeeded", f"{sshd.port}\n".encode())
    own = {"host": "127.0.0.1", "port": guarded.port, "user": guarded.user, "key": str(guarded.key)}
    assert run(sshd.step(line, bastion=own, **config)).status == "succeeded"

    said = refused(sshd.step(line, jump=short, knownHostFile=str(sshd.known_hosts)))
    assert f"[127.0.0.1]:{guarded.port} is unknown" in said
    said = refused(sshd.step(line, jump=short, **{**config, "port": lab.port()}))
    assert "the jump host cannot reach 127.0.0.1:" in said


def test_a_jump_host_never_sees_the_password_of_the_host_behind(sshd: Any) -> None:
    from types import SimpleNamespace

    from dagu_ssh.config import SshConfig
    from dagu_ssh.executor import _jump

    config = SshConfig.model_validate({"host": "db", "user": "me", "password": "p", "jump": "gate:2222"})
    found = _jump(config.jump, config, Path("/dags"))
    assert found is not None
    assert SimpleNamespace(**found).password == ""
    assert (found["host"], found["port"], found["user"]) == ("gate", 2222, "me")
