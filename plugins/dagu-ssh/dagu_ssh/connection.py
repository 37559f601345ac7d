"""A connection to a host: through jump hosts, with its key checked and its user logged in."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from dagu_core.contracts.work import Failed
from dagu_ssh.known_hosts import KnownHosts
from dagu_ssh.login import log_in

if TYPE_CHECKING:
    from paramiko import Transport

T = TypeVar("T")

#: bytes a server may send before the keys are exchanged: some say hello at length, none that long
_HELLO = 256 << 10


@dataclass(frozen=True, slots=True)
class Target:
    """A machine, its user, and what proves both."""

    host: str
    port: int
    user: str
    key: str
    key_passphrase: str
    password: str
    strict_host_key: bool
    known_host_file: str
    timeout: float
    jump: Target | None = None

    @classmethod
    def of(cls, data: dict[str, Any]) -> Target:
        """The target a request describes."""
        jump = data.get("jump")
        return cls(**{**data, "jump": cls.of(jump) if jump else None})

    @property
    def place(self) -> str:
        """Host and port, as people write them."""
        return self.host if self.port == 22 else f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        """User, host and port, as people write them."""
        return f"{self.user}@{self.place}"


class Progress:
    """What is being done at the moment, for the message of a timeout."""

    doing = "beginning"


def connect(target: Target, warn: Callable[[str], None]) -> Transport:
    """A transport that is logged in, after at most `timeout` seconds for each machine on the way.

    Raises Failed with a message for people.
    """
    through = connect(target.jump, warn) if target.jump else None
    progress = Progress()
    return within(target.timeout, lambda: _open(target, through, progress, warn), progress)


def within(seconds: float, work: Callable[[], T], progress: Progress) -> T:
    """The result of `work`, which has a thread of its own: no look-up of a name and no library's idea
    of patience keeps a stop or the timeout from being heard."""
    box: list[T] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def target() -> None:
        try:
            box.append(work())
        except BaseException as error:
            errors.append(error)
        done.set()

    threading.Thread(target=target, daemon=True).start()
    if not done.wait(seconds):
        raise Failed(f"timed out after {seconds:g} s {progress.doing}\nhint: see `timeout`.", 255)
    if errors:
        raise errors[0]
    return box[0]


def _open(
    target: Target, through: Transport | None, progress: Progress, warn: Callable[[str], None]
) -> Transport:
    from paramiko import SSHException, Transport

    progress.doing = f"connecting to {target.place}"
    hello: Any = _Hello(_socket(target, through))
    transport = Transport(hello)
    transport.daemon = True
    transport.banner_timeout = transport.auth_timeout = target.timeout
    known = KnownHosts(target.known_host_file, target.host, target.port)
    _prefer(transport, known.kinds)
    progress.doing = f"waiting for the SSH server of {target.place}"
    try:
        transport.start_client(timeout=target.timeout)
    except (SSHException, EOFError, OSError) as error:
        raise _no_server(target, hello, error) from None
    key = transport.get_remote_server_key()
    if target.strict_host_key:
        known.check(key.get_name(), key.get_base64())
    else:
        warn(f"warning: the key of host {target.place} is not checked (strictHostKey: false)")
    hello.is_over = True
    progress.doing = f"logging in as {target.name}"
    log_in(transport, target)
    return transport


def _socket(target: Target, through: Transport | None) -> Any:
    from paramiko import ChannelException, SSHException

    try:
        if through is None:
            return socket.create_connection((target.host, target.port), timeout=target.timeout)
        there = (target.host, target.port)
        return through.open_channel("direct-tcpip", there, ("127.0.0.1", 0), timeout=target.timeout)
    except ChannelException as error:
        raise Failed(f"the jump host cannot reach {target.place}: {error.text}", 255) from None
    except SSHException as error:
        raise Failed(f"the jump host cannot reach {target.place}: {error}", 255) from None
    except socket.gaierror as error:
        raise Failed(f"host {target.host} not found: {error.strerror}", 255) from None
    except TimeoutError:
        raise Failed(
            f"timed out after {target.timeout:g} s connecting to {target.place}\nhint: see `timeout`.", 255
        ) from None
    except OSError as error:
        raise Failed(f"cannot connect to {target.place}: {error.strerror or error}", 255) from None


def _prefer(transport: Transport, kinds: list[str]) -> None:
    """Ask for a kind of host key that is known first: a host has several."""
    options = transport.get_security_options()
    known = {"rsa-sha2-512", "rsa-sha2-256", *kinds} if "ssh-rsa" in kinds else set(kinds)
    options.key_types = sorted(options.key_types, key=lambda kind: kind not in known)


def _no_server(target: Target, hello: _Hello, error: Exception) -> Failed:
    from paramiko.ssh_exception import IncompatiblePeer

    if hello.is_flood:
        why = f"it sent {_HELLO >> 10} KiB instead of a greeting"
    elif isinstance(error, IncompatiblePeer):
        why = f"no common algorithms: {error}"
    elif isinstance(error, EOFError) or "Error reading SSH protocol banner" in str(error):
        why = "it closed the connection, or said nothing"
    else:
        why = f"what it says is not SSH ({type(error).__name__})"
    return Failed(f"{target.place} does not answer as an SSH server: {why}", 255)


class _Hello:
    """A socket that ends a server's flood of greetings; the library would read them for ever."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._got = 0
        self.is_over = False

    @property
    def is_flood(self) -> bool:
        return self._got > _HELLO

    def recv(self, size: int) -> bytes:
        data: bytes = self._inner.recv(size)
        if not self.is_over:
            self._got += len(data)
            if self.is_flood:
                raise OSError("too long a greeting")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
