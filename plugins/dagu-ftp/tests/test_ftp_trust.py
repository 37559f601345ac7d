"""Who is at the other end, and who we are: certificates, host keys, passwords, bastions."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.requirements import require


def send(server: Any, folder: Path, **more: Any) -> Any:
    """A step that uploads one file."""
    (folder / "a").write_text("hello")
    return server.step("upload", source="a", destination=f"{server.at}a", retries=0, **more)


def test_explicit_tls(ftps: Any, do: Any, tmp_path: Path) -> None:
    assert do(send(ftps, tmp_path)).status == "succeeded"
    done = do(ftps.step("download", source=f"{ftps.at}a", destination="b", verify="sha256"))
    assert done.status == "succeeded", done.error
    assert (tmp_path / "b").read_text() == "hello"
    assert [row["name"] for row in do(ftps.step("list", source=ftps.at)).report["entries"]] == ["a"]


def test_implicit_tls(implicit_ftps: Any, do: Any, tmp_path: Path) -> None:
    assert do(send(implicit_ftps, tmp_path)).status == "succeeded"
    assert (implicit_ftps.root / "a").read_text() == "hello"


def test_a_certificate_of_nobody_is_refused(ftps: Any, run: Any, tmp_path: Path) -> None:
    done = run(send(ftps, tmp_path, caFile=None))
    assert (done.status, done.code) == ("failed", 22)
    assert "certificate" in done.error and "Traceback" not in done.stderr
    assert list(ftps.root.iterdir()) == []


def test_a_certificate_of_another_host_is_refused(misnamed_ftps: Any, do: Any, tmp_path: Path) -> None:
    done = do(send(misnamed_ftps, tmp_path))
    assert done.code == 22 and "certificate" in done.error
    assert list(misnamed_ftps.root.iterdir()) == []


def test_without_verification_it_goes_and_is_warned_about(ftps: Any, run: Any, tmp_path: Path) -> None:
    done = run(send(ftps, tmp_path, caFile=None, tlsVerify=False))
    assert done.status == "succeeded"
    assert "not checked" in done.stderr


def test_tls_is_never_left_out_silently(vsftpd: Any, do: Any, tmp_path: Path) -> None:
    done = do(send(vsftpd, tmp_path, tls="explicit"))
    assert done.code == 22 and "TLS" in done.error
    assert list(vsftpd.root.iterdir()) == []


def test_active_mode(vsftpd: Any, do: Any, tmp_path: Path) -> None:
    assert do(send(vsftpd, tmp_path, passive=False)).status == "succeeded"
    assert (vsftpd.root / "a").read_text() == "hello"


@pytest.mark.parametrize("kind", ["vsftpd", "sshd"])
def test_a_wrong_password_is_refused_and_told_to_nobody(
    request: pytest.FixtureRequest, run: Any, tmp_path: Path, kind: str
) -> None:
    server = request.getfixturevalue(kind)
    wrong = "wrong-password-4711"
    done = run(send(server, tmp_path, password=wrong, key=None))
    assert (done.status, done.code) == ("failed", 21)
    assert wrong not in done.error + done.stderr + repr(done.report)


def test_nobody_listens(do: Any, run: Any, vsftpd: Any, tmp_path: Path) -> None:
    done = run(send(vsftpd, tmp_path, port=1))
    assert (done.status, done.code) == ("failed", 5)
    assert "127.0.0.1:1" in done.error
    assert (
        do({"type": "sftp", "command": "list", "config": {"host": "127.0.0.1", "port": 1, "retries": 0}}).code
        == 5
    )


def test_X05_a_host_key_that_changed_is_refused(own_sshd: Any, run: Any, tmp_path: Path) -> None:
    assert run(send(own_sshd, tmp_path)).status == "succeeded"
    folder = own_sshd.root.parent
    (folder / "host_key").unlink()
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host_key")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    own_sshd.kill()
    own_sshd.begin()
    (own_sshd.root / "a").unlink()
    done = run(send(own_sshd, tmp_path))
    assert (done.status, done.code) == ("failed", 22)
    assert "CHANGED" in done.error
    relaxed = run(send(own_sshd, tmp_path, strictHostKey=False))
    assert (relaxed.status, relaxed.code) == ("failed", 22), "a changed key is no unknown key"
    assert list(own_sshd.root.iterdir()) == []


def test_a_host_key_nobody_knows(sshd: Any, run: Any, do: Any, tmp_path: Path) -> None:
    (tmp_path / "none").write_text("")
    step = send(sshd, tmp_path, knownHostFile=str(tmp_path / "none"))
    done = do(step)
    assert done.code == 22 and "SHA256:" in done.error
    step["config"]["strictHostKey"] = False
    relaxed = run(step)
    assert relaxed.status == "succeeded" and "not checked" in relaxed.stderr


def test_a_pinned_host_key(sshd: Any, do: Any, tmp_path: Path) -> None:
    public = (sshd.root.parent / "host_key.pub").read_text().rsplit(" ", 1)[0]
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(sshd.root.parent / "host_key.pub")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()[1]
    (tmp_path / "none").write_text("")
    for pin in (public, shown):
        step = send(sshd, tmp_path, knownHostFile=str(tmp_path / "none"), hostKey=pin)
        assert do(step).status == "succeeded", pin
    done = do(send(sshd, tmp_path, hostKey="SHA256:nothing"))
    assert done.code == 22 and "hostKey" in done.error


def test_private_keys(sshd: Any, do: Any, tmp_path: Path) -> None:
    folder = sshd.root.parent
    locked = tmp_path / "locked"
    locked.write_bytes((folder / "user_key").read_bytes())
    locked.chmod(0o600)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-N", "open me", "-f", str(locked)], check=True, capture_output=True
    )
    assert do(send(sshd, tmp_path, key="locked", keyPassphrase="open me")).status == "succeeded"
    assert do(send(sshd, tmp_path, key="locked", password="open me")).status == "succeeded"
    for more in ({}, {"keyPassphrase": "wrong"}):
        done = do(send(sshd, tmp_path, key="locked", **more))
        assert done.code == 21 and "passphrase" in done.error and "wrong" not in done.error
    done = do(send(sshd, tmp_path, key="none"))
    assert done.code == 21 and "there is no key file" in done.error
    done = do(send(sshd, tmp_path, key="~nobody-here/id"))
    assert done.code == 21 and "there is no key file" in done.error and "~nobody-here/id" in done.error
    assert do(send(sshd, tmp_path, keyPassphrase="not needed")).status == "succeeded"


def test_through_bastions(sshd: Any, own_sshd: Any, do: Any, tmp_path: Path) -> None:
    known = tmp_path / "known"
    both = [(each.root.parent / "known_hosts").read_text() for each in (sshd, own_sshd)]
    known.write_text("".join(both))
    hop = {
        "host": "127.0.0.1",
        "port": own_sshd.port,
        "user": own_sshd.base["user"],
        "key": own_sshd.base["key"],
    }
    for bastion in (hop, [hop, hop]):
        done = do(send(sshd, tmp_path, bastion=bastion, knownHostFile=str(known)))
        assert done.status == "succeeded", done.error
    assert (sshd.root / "a").read_text() == "hello"
    known.write_text(both[0])
    done = do(send(sshd, tmp_path, bastion=hop, knownHostFile=str(known)))
    assert done.code == 22 and str(own_sshd.port) in done.error
    closed = {**hop, "key": own_sshd.base["key"]}
    known.write_text("".join(both))
    done = do(send(sshd, tmp_path, bastion=closed, knownHostFile=str(known), port=1))
    assert done.code == 5 and "bastion" in done.error


def test_the_ssh_of_the_dag_counts_for_steps_without_a_server(sshd: Any, run: Any, tmp_path: Path) -> None:
    require(importlib.util.find_spec("dagu_ssh"), "the package dagu-ssh: pip install dagu-ssh")
    from dagu_ssh import plugin

    (tmp_path / "a").write_text("hello")
    shared = sshd.config()
    step = {"type": "sftp", "config": {"direction": "upload", "source": "a", "destination": "b"}}
    done = run(step, dag={"ssh": shared}, plugins=[plugin])
    assert done.status == "succeeded", done.error
    assert (sshd.root / "b").read_text() == "hello"
    through = {**shared, "jump": {"host": "127.0.0.1", "port": sshd.port}}
    step["config"]["destination"] = "c"
    done = run(step, dag={"ssh": through}, plugins=[plugin])
    assert done.status == "succeeded", done.error
    assert (sshd.root / "c").read_text() == "hello"
    own = {**step, "config": {**step["config"], "host": "127.0.0.1", "port": 1, "retries": 0}}
    assert run(own, dag={"ssh": shared}, plugins=[plugin]).code == 5
    none = run(step)
    assert none.status == "failed" and "no server is named" in none.error


@pytest.mark.parametrize("kind", ["ftp", "ftps", "sftp"])
def test_a_server_must_be_named(kind: str, do: Any) -> None:
    done = do({"type": kind, "command": "list", "config": {}})
    assert done.status == "failed" and "no server is named" in done.error
