"""Logins to registries, from the DAG and from DOCKER_AUTH_CONFIG."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping

from pydantic import ValidationError

from dagu_core import Invalid
from dagu_docker.auth_config import Login, RegistryAuths


def all_logins(given: RegistryAuths | None, env: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Login by registry; what the DAG says stands above DOCKER_AUTH_CONFIG.

    Raises Invalid, which never quotes a login.
    """
    found: dict[str, dict[str, str]] = {}
    if outer := env.get("DOCKER_AUTH_CONFIG") or os.environ.get("DOCKER_AUTH_CONFIG"):
        try:
            auths = RegistryAuths.model_validate(outer, strict=False).auths
        except ValidationError:
            raise Invalid(
                "DOCKER_AUTH_CONFIG is no Docker configuration",
                hint='write {"auths": {"HOST": {"auth": "..."}}}',
            ) from None
        found |= {host: _login(host, login) for host, login in auths.items()}
    if given is not None:
        found |= {host: _login(host, login) for host, login in given.auths.items()}
    return found


def _login(host: str, login: Login) -> dict[str, str]:
    if login.identitytoken:
        return {"identitytoken": login.identitytoken}
    if not login.auth:
        return {"username": login.username, "password": login.password}
    try:
        username, colon, password = base64.b64decode(login.auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise Invalid(f"registryAuths: the login for {host} is not the base64 of `username:password`")
    return {"username": username, "password": password}
