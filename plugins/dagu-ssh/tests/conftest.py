"""A real sshd on loopback, and what tests need to look at what it leaves running."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from .looking import free_port, running, within
from .proxy import Proxy
from .sshd import Sshd, keygen, start_sshd, stop_sshd
from .steps import stop_when


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = start_sshd(tmp_path_factory.mktemp("sshd") / "server")
    try:
        yield server
    finally:
        stop_sshd(server)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A second sshd, with a guest who has a password."""
    server = start_sshd(tmp_path_factory.mktemp("guarded") / "server")
    name = f"dagu{os.getpid()}"
    try:
        if os.getuid() == 0 and shutil.which("useradd"):
            subprocess.run(["useradd", "-m", "-s", "/bin/sh", name], check=True, capture_output=True)
            server.guest, server.guest_password = name, "open-sesame-0042"
            text = f"{name}:{server.guest_password}\n".encode()
            subprocess.run(["chpasswd"], input=text, check=True, capture_output=True)
        yield server
    finally:
        stop_sshd(server)
        if server.guest:
            subprocess.run(["pkill", "-KILL", "-u", name], check=False, capture_output=True)
            subprocess.run(["userdel", "-r", name], check=False, capture_output=True)


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """What tests need to set things up and to look at them."""
    return SimpleNamespace(
        stop_when=stop_when,
        keygen=keygen,
        start=start_sshd,
        stop=stop_sshd,
        within=within,
        running=running,
        port=free_port,
        proxy=Proxy,
    )


#: tells the sleeping processes of one test from all others
_NUMBERS = iter(range(100, 999))


@pytest.fixture
def nap() -> Iterator[str]:
    """An odd number of seconds to sleep: a word to find the sleepers by. None may be left."""
    word = f"77.{os.getpid()}{next(_NUMBERS)}"
    yield word
    within(5, lambda: not running(word))


@pytest.fixture
def proxy(sshd: Sshd) -> Iterator[Proxy]:
    one = Proxy(sshd.port)
    try:
        yield one
    finally:
        one.close()
