"""Ways to an SSH server: through which others, with which keys, and only when its own key is known."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import os
import socket
from pathlib import Path
from typing import Any, NoReturn

import paramiko

from dagu_ftp.options import Hop, SftpOptions
from dagu_ftp.problems import IDENTITY, LOGIN, UNAVAILABLE, Problem, Warn, problem_of

# The library logs traces of every broken connection; what they mean is told by a Problem.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)

_KNOWN_HOSTS = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"]


class _Policy(paramiko.MissingHostKeyPolicy):
    """Judges the key of a server that no file knows."""

    def __init__(self, hop: Hop, strict: bool, known: str, warn: Warn) -> None:
        self._hop = hop
        self._warn = warn
        self._strict = strict
        self._known = known

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        shown = f"{key.get_name()} SHA256:{_fingerprint(key)}"
        if self._hop.host_key:
            if _is_pinned(self._hop.host_key, key):
                return
            raise Problem(f"{hostname} shows another host key than hostKey says: {shown}", IDENTITY)
        if self._strict:
            raise Problem(f"the host key of {hostname} is not known in {self._known} ({shown})", IDENTITY)
        self._warn(f"host key of {hostname} is not checked ({shown})")


def open_clients(options: SftpOptions, timeout: float, warn: Warn) -> list[paramiko.SSHClient]:
    """Connected clients, one a hop; the last is the server itself."""
    clients: list[paramiko.SSHClient] = []
    try:
        for hop in options.hops:
            sock = _through(clients[-1], hop, timeout) if clients else None
            clients.append(_login(hop, options, sock, timeout, warn))
    except BaseException:
        for client in reversed(clients):
            client.close()
        raise
    return clients


def _through(client: paramiko.SSHClient, hop: Hop, timeout: float) -> Any:
    transport = client.get_transport()
    assert transport is not None
    try:
        return transport.open_channel("direct-tcpip", (hop.host, hop.port), ("", 0), timeout=timeout)
    except paramiko.SSHException as error:
        raise Problem(
            f"the bastion does not reach {hop.host}:{hop.port}: {error}", UNAVAILABLE, is_passing=True
        ) from None


def _login(hop: Hop, options: SftpOptions, sock: Any, timeout: float, warn: Warn) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    files = [options.known_host_file] if options.known_host_file else _KNOWN_HOSTS
    for file in files if not hop.host_key else ():
        with contextlib.suppress(FileNotFoundError):
            client.load_system_host_keys(os.path.expanduser(file))
    client.set_missing_host_key_policy(_Policy(hop, options.strict_host_key, files[0], warn))
    where = f"{hop.host}:{hop.port}"
    try:
        client.connect(
            hop.host,
            hop.port,
            hop.user or None,
            hop.password or None,
            pkey=_private_key(hop),
            timeout=timeout,
            banner_timeout=timeout,
            auth_timeout=timeout,
            channel_timeout=timeout,
            allow_agent=not (hop.key or hop.password),
            look_for_keys=not (hop.key or hop.password),
            sock=sock,
        )
    except paramiko.BadHostKeyException as error:
        client.close()
        message = f"the host key of {where} has CHANGED: {files[0]} knows another one"
        raise Problem(f"{message}; it shows SHA256:{_fingerprint(error.key)} now", IDENTITY) from None
    except Exception as error:
        client.close()
        raise _refusal(error, where, hop) from None
    transport = client.get_transport()
    assert transport is not None
    transport.set_keepalive(30)
    if isinstance(transport.sock, socket.socket):
        # Or the end of each request waits for the server to acknowledge the one before.
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _refusal(error: Exception, where: str, hop: Hop) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, paramiko.AuthenticationException):
        return Problem(f"{where}: login as {hop.user!r} refused: {error}", LOGIN)
    if isinstance(error, paramiko.SSHException) and "No authentication methods" in str(error):
        return Problem(f"{where}: no key, agent or password to log in with", LOGIN)
    if isinstance(error, (paramiko.SSHException, OSError, EOFError)):
        return Problem(f"{where}: {error or 'connection closed'}", UNAVAILABLE, is_passing=True)
    return problem_of(error)


def _private_key(hop: Hop) -> paramiko.PKey | None:
    if not hop.key:
        return None
    # Opened with bytes, whatever the declaration says.
    opened_by: Any = hop.key_passphrase.encode("utf-8", "surrogateescape") or None
    path = Path(os.path.expanduser(hop.key))
    try:
        try:
            return paramiko.PKey.from_path(path, opened_by)
        except TypeError:
            # Says that there must be a passphrase, or that there must be none.
            return paramiko.PKey.from_path(path) if opened_by else _needs_passphrase(hop)
    except FileNotFoundError:
        raise Problem(f"there is no key file {hop.key!r}", LOGIN) from None
    except (OSError, ValueError, TypeError, paramiko.SSHException) as error:
        raise Problem(f"cannot open the key {hop.key!r} (is the passphrase right?): {error}", LOGIN) from None


def _needs_passphrase(hop: Hop) -> NoReturn:
    raise Problem(f"the key {hop.key!r} needs a passphrase: set keyPassphrase", LOGIN)


def _fingerprint(key: paramiko.PKey) -> str:
    return base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def _is_pinned(pin: str, key: paramiko.PKey) -> bool:
    if pin.startswith("SHA256:"):
        return pin[7:].rstrip("=") == _fingerprint(key)
    return pin.split()[:2] == [key.get_name(), key.get_base64()]
