"""vsftpd: no MLSD, TLS, and users who are locked into their folder."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagu_core.testing.requirements import require

from .servers import PASSWORD, Server, free_port, program, running

VSFTPD = program("vsftpd")


def make_vsftpd(folder: Path, **more: Any) -> Server:
    """vsftpd in a folder; `more` are lines of its configuration. It wants a password from a list."""
    require(VSFTPD and os.getuid() == 0, "vsftpd as root: apt install vsftpd")
    port = free_port()
    root = folder / "top" / "in"
    root.mkdir(parents=True)
    owner = pwd.getpwnam("ftp")
    os.chown(root, owner.pw_uid, owner.pw_gid)
    (folder / "empty").mkdir()
    (folder / "passwords").write_text(f"{PASSWORD}\n", "ascii")
    lines = {
        "listen": "YES",
        "listen_address": "127.0.0.1",
        "listen_port": port,
        "background": "NO",
        "anonymous_enable": "YES",
        "local_enable": "NO",
        "anon_root": folder / "top",
        "secure_email_list_enable": "YES",
        "email_password_file": folder / "passwords",
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "anon_mkdir_write_enable": "YES",
        "anon_other_write_enable": "YES",
        "anon_world_readable_only": "NO",
        "anon_umask": "022",
        "secure_chroot_dir": folder / "empty",
        "seccomp_sandbox": "NO",
        "isolate": "NO",
        "isolate_network": "NO",
        "vsftpd_log_file": folder / "log",
        "xferlog_enable": "YES",
        "log_ftp_protocol": "YES",
        "connect_from_port_20": "NO",
        **more,
    }
    config = folder / "vsftpd.conf"
    config.write_text("".join(f"{key}={value}\n" for key, value in lines.items()), "utf-8")
    server = Server("ftp", root, port, {"user": "anonymous", "password": PASSWORD, "timeout": 5})
    server.at = "in/"
    server.start = lambda: subprocess.Popen(
        [str(VSFTPD), str(config)], stdin=subprocess.DEVNULL, start_new_session=True
    )
    server.begin()
    return server


@dataclass(frozen=True)
class Authority:
    """A certificate authority a certificate of 127.0.0.1, and one of another host, as files."""

    ca: Path
    cert: Path
    elsewhere: Path


@contextlib.contextmanager
def tls_vsftpd(authority: Authority, **more: Any) -> Iterator[Server]:
    """vsftpd that insists on TLS, and on the same TLS session for both channels."""
    tls = {
        "ssl_enable": "YES",
        "allow_anon_ssl": "YES",
        "force_anon_logins_ssl": "YES",
        "force_anon_data_ssl": "YES",
        "require_ssl_reuse": "YES",
        "rsa_cert_file": authority.cert,
        "rsa_private_key_file": authority.cert,
    }
    with running(make_vsftpd, **{**tls, **more}) as server:
        server.kind = "ftps"
        server.base["caFile"] = str(authority.ca)
        yield server
