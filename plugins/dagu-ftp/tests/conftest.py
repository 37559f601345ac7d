"""Real servers on loopback, each as a fixture: vsftpd (with and without TLS), pyftpdlib, sshd."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.requirements import require

from .pyftpd import pyftpd_running
from .servers import Server, running
from .sshd import make_sshd
from .steps import do, run
from .vsftpd import Authority, make_vsftpd, tls_vsftpd

__all__ = ["do", "run"]


@pytest.fixture(scope="session")
def _vsftpd() -> Iterator[Server]:
    with running(make_vsftpd) as server:
        yield server


@pytest.fixture
def vsftpd(_vsftpd: Server) -> Server:
    """vsftpd without TLS: no MLSD, and its users are locked into its folder."""
    _vsftpd.clear()
    return _vsftpd


@pytest.fixture(scope="session")
def _pyftpd() -> Iterator[Server]:
    with pyftpd_running() as server:
        yield server


@pytest.fixture
def pyftpd(_pyftpd: Server) -> Server:
    """pyftpdlib: has MLSD, MFMT and a list of the commands it got."""
    _pyftpd.clear()
    _pyftpd.commands.clear()
    _pyftpd.cut_after.clear()
    return _pyftpd


@pytest.fixture(scope="session")
def _sshd() -> Iterator[Server]:
    with running(make_sshd) as server:
        yield server


@pytest.fixture
def sshd(_sshd: Server) -> Server:
    """OpenSSH with internal-sftp; logins begin in its folder."""
    _sshd.clear()
    return _sshd


@pytest.fixture(params=["vsftpd", "pyftpd", "sshd"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the three, one after the other."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    import trustme

    folder = tmp_path_factory.mktemp("authority")
    ca = trustme.CA(key_type=trustme.KeyType.RSA)
    for file, names in (
        ("server.pem", ("127.0.0.1", "localhost")),
        ("elsewhere.pem", ("elsewhere.example",)),
    ):
        issued = ca.issue_cert(*names, key_type=trustme.KeyType.RSA)
        issued.private_key_and_cert_chain_pem.write_to_path(folder / file)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    return Authority(folder / "ca.pem", folder / "server.pem", folder / "elsewhere.pem")


@pytest.fixture(scope="session")
def _ftps(authority: Authority) -> Iterator[Server]:
    with tls_vsftpd(authority) as server:
        yield server


@pytest.fixture
def ftps(_ftps: Server) -> Server:
    """vsftpd with explicit TLS."""
    _ftps.clear()
    return _ftps


@pytest.fixture
def implicit_ftps(authority: Authority) -> Iterator[Server]:
    """vsftpd with TLS from the first byte."""
    with tls_vsftpd(authority, implicit_ssl="YES") as server:
        server.base["tls"] = "implicit"
        yield server


@pytest.fixture
def misnamed_ftps(authority: Authority) -> Iterator[Server]:
    """vsftpd with a good certificate of another host."""
    files = {"rsa_cert_file": authority.elsewhere, "rsa_private_key_file": authority.elsewhere}
    with tls_vsftpd(authority, **files) as server:
        yield server


@pytest.fixture
def own_vsftpd() -> Iterator[Callable[..., Server]]:
    """Makes a vsftpd with further lines, for one test."""
    with contextlib.ExitStack() as stack:
        yield lambda **more: stack.enter_context(running(make_vsftpd, **more))


@pytest.fixture
def own_pyftpd() -> Iterator[Callable[[Any], Server]]:
    """Makes a pyftpdlib with a file system of its own, for one test."""
    with contextlib.ExitStack() as stack:
        yield lambda filesystem: stack.enter_context(pyftpd_running(filesystem))


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path], None]]:
    """Makes a folder a disk with room for one megabyte."""
    with contextlib.ExitStack() as stack:

        def mount(folder: Path) -> None:
            folder.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", str(folder)]
            mounted = subprocess.run(command, capture_output=True)
            require(mounted.returncode == 0, "the right to mount a tmpfs (root)")
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)

        yield mount


@pytest.fixture
def own_sshd() -> Iterator[Server]:
    """An sshd for one test, which may spoil or kill it."""
    with running(make_sshd) as server:
        yield server
