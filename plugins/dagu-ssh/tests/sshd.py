"""A real sshd on loopback, with keys of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagu_core.testing.requirements import require

from .looking import descendants, free_port, listens, within

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair; its private half."""
    bits = ["-b", "2048"] if kind == "rsa" else []
    command = ["ssh-keygen", "-q", "-t", kind, *bits, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


@dataclass
class Sshd:
    """A running sshd."""

    folder: Path
    port: int
    user: str
    process: subprocess.Popen[bytes]
    #: a user with a password, when one could be made
    guest: str = ""
    guest_password: str = field(default="", repr=False)

    @property
    def key(self) -> Path:
        return self.folder / "user_key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def host_key(self) -> str:
        return (self.folder / "host_key.pub").read_text("utf-8").rsplit(" ", 1)[0]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", errors="replace")

    def config(self, **more: Any) -> dict[str, Any]:
        """A step config that reaches it; None takes a key away."""
        found = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "key": str(self.key),
            "knownHostFile": str(self.known_hosts),
            **more,
        }
        return {key: value for key, value in found.items() if value is not None}

    def step(self, command: Any = None, **config: Any) -> dict[str, Any]:
        """A step that runs `command` there."""
        found = {"type": "ssh", "config": self.config(**config)}
        return {**found, "command": command} if command is not None else found


def start_sshd(folder: Path, *lines: str) -> Sshd:
    """A new sshd with the keys of the folder, made when missing."""
    require(SSHD and shutil.which("ssh-keygen"), "a real sshd: apt install openssh-server")
    assert SSHD is not None
    folder.mkdir(exist_ok=True)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host_key", "user_key"):
        if not (folder / name).exists():
            keygen(folder / name)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nUseDNS no\n"
        "PermitRootLogin yes\nMaxStartups 100\nMaxSessions 10\nSubsystem sftp internal-sftp\n"
        + "".join(f"{line}\n" for line in lines),
        "utf-8",
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log, start_new_session=True)
    found = Sshd(folder, port, pwd.getpwuid(os.getuid()).pw_name, process)
    within(10, lambda: listens(port) or process.poll() is not None)
    assert process.poll() is None, found.log
    found.known_hosts.write_text(f"[127.0.0.1]:{port} {found.host_key}\n", "utf-8")
    return found


def stop_sshd(server: Sshd) -> None:
    """End it with every session it has."""
    for pid in reversed([server.process.pid, *descendants(server.process.pid)]):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    server.process.wait(10)
