"""Real servers on loopback: vsftpd (no MLSD, TLS), pyftpdlib (MLSD), sshd; and what looks at them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core.testing.requirements import require

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SSHD = shutil.which("sshd", path=_PATH)
VSFTPD = shutil.which("vsftpd", path=_PATH)
PASSWORD = "open-sesame-0815"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def descendants(pid: int) -> list[int]:
    file = Path(f"/proc/{pid}/task/{pid}/children")
    children = file.read_text("ascii").split() if file.exists() else []
    return [each for child in map(int, children) for each in (child, *descendants(child))]


@dataclass
class Server:
    """A server that runs; `root` is the folder users write to, called `at` by the server."""

    kind: str
    root: Path
    port: int
    base: dict[str, Any]
    start: Callable[[], subprocess.Popen[bytes]] | None = None
    process: subprocess.Popen[bytes] | None = None
    at: str = ""
    commands: list[str] = field(default_factory=list)
    #: of pyftpdlib: bytes after which the next data connection is cut
    cut_after: list[int] = field(default_factory=list)

    def config(self, **more: Any) -> dict[str, Any]:
        """A step config that reaches it; None takes a key away."""
        found = {"host": "127.0.0.1", "port": self.port, **self.base, **more}
        return {key: value for key, value in found.items() if value is not None}

    def step(self, command: str | None, **config: Any) -> dict[str, Any]:
        """A step that does `command` there."""
        found: dict[str, Any] = {"type": self.kind, "config": self.config(**config)}
        return found if command is None else {**found, "command": command}

    def kill(self) -> None:
        """End it with every session it has, as a power cut would."""
        if self.process is None:
            return
        for pid in reversed([self.process.pid, *descendants(self.process.pid)]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def begin(self) -> None:
        """Start it, again if need be."""
        assert self.start is not None
        self.process = self.start()
        for _ in range(1000):
            if listens(self.port):
                return
            assert self.process.poll() is None, "the server did not start"
            time.sleep(0.01)
        raise AssertionError("the server does not listen")

    def clear(self) -> None:
        """Empty its folder."""
        for each in self.root.iterdir():
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()

    @property
    def connections(self) -> int:
        """How many established TCP connections its port has."""
        mark, found = f":{self.port:04X}", 0
        for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
            words = line.split()
            found += words[1].endswith(mark) and words[3] == "01"
        return found


def folder_for_all() -> Path:
    """A folder every user may enter, which the folders of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="dagu-ftp-"))
    folder.chmod(0o755)
    return folder


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


@contextlib.contextmanager
def running(make: Callable[..., Server], **more: Any) -> Iterator[Server]:
    """A server in a folder of its own, both gone afterwards."""
    folder = folder_for_all()
    server = None
    try:
        server = make(folder, **more)
        yield server
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(folder)


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


@contextlib.contextmanager
def pyftpd_running(filesystem: Any = None) -> Iterator[Server]:
    """pyftpdlib in a thread of the test."""
    require(importlib.util.find_spec("pyftpdlib"), "a second FTP server: pip install pyftpdlib")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # asyncore, on Python 3.11
        from pyftpdlib import authorizers, handlers, ioloop, servers
    root = folder_for_all()
    server = Server("ftp", root, 0, {"user": "user", "password": PASSWORD, "timeout": 5})

    class Channel(handlers.DTPHandler):  # type: ignore[misc]
        def send(self, data: bytes) -> int:
            self._count(len(data))
            return int(super().send(data))

        def recv(self, size: int) -> bytes:
            data = bytes(super().recv(size))
            self._count(len(data))
            return data

        def _count(self, size: int) -> None:
            self.seen = getattr(self, "seen", 0) + size
            if server.cut_after and self.seen > server.cut_after[0]:
                server.cut_after.pop(0)
                self.cmd_channel.close()
                self.close()

    class Handler(handlers.FTPHandler):  # type: ignore[misc]
        dtp_handler = Channel
        use_sendfile = False  # or the channel would not see what it sends

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            server.commands.append(cmd)
            super().pre_process_command(line, cmd, arg)

    Handler.authorizer = authorizers.DummyAuthorizer()
    Handler.authorizer.add_user("user", PASSWORD, str(root), perm="elradfmwMT")
    if filesystem is not None:
        Handler.abstracted_fs = filesystem
    loop = ioloop.IOLoop()
    ftpd = servers.FTPServer(("127.0.0.1", 0), Handler, ioloop=loop)
    server.port = ftpd.address[1]
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            loop.loop(timeout=0.05, blocking=False)
        ftpd.close_all()

    thread = threading.Thread(target=serve, name="pyftpd", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stopping.set()
        thread.join(10)
        shutil.rmtree(root)


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


@dataclass(frozen=True)
class Authority:
    """A certificate authority a certificate of 127.0.0.1, and one of another host, as files."""

    ca: Path
    cert: Path
    elsewhere: Path


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


@dataclass(frozen=True)
class Done:
    """How a step of ours ended, and what it said."""

    status: str
    code: Any
    error: str
    report: Any
    result: Any = None

    @property
    def stderr(self) -> str:
        return str(self.result.stderr.decode())

    def sources(self, key: str = "transferred") -> list[str]:
        return sorted(row["source"] for row in self.report[key])


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Done]:
    """Runs a step of ours in an engine, with a working folder of the test."""
    from dagu_core.testing.harness import run_step
    from dagu_ftp import plugin

    def go(
        step: dict[str, Any], *, dag: dict[str, Any] | None = None, plugins: Any = (), **more: Any
    ) -> Done:
        whole = {"workingDir": str(tmp_path), "maxCleanUpTimeSec": 3, **(dag or {})}
        result = run_step(step, plugins=(plugin, *plugins), dag=whole, **more)
        assert result.left == ()
        report = json.loads(result.stdout.splitlines()[-1]) if result.stdout else {}
        return Done(result.status, result.step.exit_code, result.step.error, report, result)

    return go


@pytest.fixture
def do(tmp_path: Path) -> Callable[[dict[str, Any]], Done]:
    """Does what a step of ours does, without engine and process: fast, for tables."""
    from dagu_core.base.errors import DaguError
    from dagu_ftp.executor import FtpExecutor, FtpsExecutor, SftpExecutor
    from dagu_ftp.job import Job
    from dagu_ftp.options import from_data
    from dagu_ftp.problems import Problem

    def go(step: dict[str, Any]) -> Done:
        part: Any = {"ftp": FtpExecutor, "ftps": FtpsExecutor, "sftp": SftpExecutor}[step["type"]]
        attempt: Any = SimpleNamespace(
            config=part.Config.model_validate(step["config"]),
            commands=[step["command"]] if "command" in step else [],
            working_dir=tmp_path,
            run=SimpleNamespace(dag="dag", run_id="r"),
            step=SimpleNamespace(name="step"),
            grace=3.0,
            dag_fields={},
        )
        try:
            request = json.loads(json.dumps(asyncio.run(part().request(attempt))))
        except DaguError as error:
            return Done("failed", 1, str(error), {})
        job = Job(from_data(request))
        try:
            job.run()
        except Problem as problem:
            return Done("failed", problem.code, job.progress.shown(str(problem)), job.report)
        return Done("succeeded", 0, "", job.report)

    return go
