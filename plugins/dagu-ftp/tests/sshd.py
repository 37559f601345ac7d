"""OpenSSH with internal-sftp, and keys of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from dagu_core.testing.requirements import require

from .servers import Server, free_port, program

SSHD = program("sshd")


def make_sshd(folder: Path) -> Server:
    require(SSHD and shutil.which("ssh-keygen"), "a real sshd: apt install openssh-server")
    root = folder / "in"
    root.mkdir()
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host_key", "user_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    port = free_port()
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nUseDNS no\n"
        f"PermitRootLogin yes\nMaxStartups 100\nSubsystem sftp internal-sftp -d {root}\n",
        "utf-8",
    )
    host_key = (folder / "host_key.pub").read_text("ascii").rsplit(" ", 1)[0]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n", "ascii")
    base = {
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "key": str(folder / "user_key"),
        "knownHostFile": str(folder / "known_hosts"),
        "timeout": 5,
    }
    server = Server("sftp", root, port, base)

    def start() -> subprocess.Popen[bytes]:
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(SSHD), "-D", "-e", "-f", str(config)], stderr=log, start_new_session=True
            )

    server.start = start
    server.begin()
    return server
