"""Logs a user in, with whatever the step has, and says what was tried when it fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagu_core.contracts.work import Failed
from dagu_ssh.keys import DEFAULT_FILES, load_key

if TYPE_CHECKING:
    from paramiko import PKey, Transport

    from dagu_ssh.connection import Target


def log_in(transport: Transport, target: Target) -> None:
    """Try key, agent, password, in this order, as far as the target has them. Raises Failed."""
    from paramiko import AuthenticationException, BadAuthenticationType, SSHException

    tried: list[str] = []
    accepted: list[str] = []
    try:
        for label, key in _keys(target, tried):
            tried.append(label)
            try:
                transport.auth_publickey(target.user, key)
            except BadAuthenticationType as error:
                accepted = error.allowed_types
                break
            except AuthenticationException:
                _go_on(transport)
            if transport.is_authenticated():
                return
        if target.password:
            tried.append("password")
            try:
                transport.auth_password(target.user, target.password)
            except BadAuthenticationType as error:
                accepted = error.allowed_types
            except AuthenticationException:
                _go_on(transport)
            if transport.is_authenticated():
                return
        accepted = accepted or _asked(transport, target.user)
    except (SSHException, EOFError, OSError):
        tried.append("then it hung up")
    if transport.is_authenticated():
        return
    takes = f"it accepts: {', '.join(accepted)}; " if accepted else ""
    raise Failed(
        f"{target.place} refused to log in {target.user} ({takes}tried: {', '.join(tried) or 'nothing'})\n"
        "hint: check the user name, and that the public key stands in the user's authorized_keys there.",
        255,
    )


def _keys(target: Target, tried: list[str]) -> Iterator[tuple[str, PKey]]:
    if target.key:
        passphrase = target.key_passphrase or target.password
        yield f"key {target.key}", load_key(target.key, passphrase)
        return
    if target.password:
        return
    yield from _agent_keys()
    for file in DEFAULT_FILES:
        if not os.path.exists(os.path.expanduser(file)):
            continue
        try:
            key = load_key(file, target.key_passphrase)
        except Failed as error:
            tried.append(f"not {file}: {str(error).partition(chr(10))[0]}")
        else:
            yield f"key {file}", key


def _agent_keys() -> Iterator[tuple[str, PKey]]:
    from paramiko import Agent, SSHException

    if not os.environ.get("SSH_AUTH_SOCK"):
        return
    try:
        keys = Agent().get_keys()
    except (SSHException, OSError):
        return  # a stale socket is the same as no agent
    for key in keys:
        yield f"agent key {key.comment or key.fingerprint}", key


def _go_on(transport: Transport) -> None:
    """The server said no; is it still there to be asked something else?"""
    if not transport.is_active():
        raise EOFError


def _asked(transport: Transport, user: str) -> list[str]:
    """What the server accepts; it only says so when it refuses."""
    from paramiko import AuthenticationException, BadAuthenticationType

    try:
        transport.auth_none(user)
    except BadAuthenticationType as error:
        return list(error.allowed_types)
    except AuthenticationException:
        pass
    return []
