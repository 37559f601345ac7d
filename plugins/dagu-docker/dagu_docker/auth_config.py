"""What may stand under `registryAuths`, and in DOCKER_AUTH_CONFIG."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import ConfigDict, Field, ValidationInfo, model_validator

from dagu_core import Config
from dagu_docker.config import waits

#: what tells the host of a registry from the other words of a Docker configuration
_HOST = re.compile(r"[.:/]|^localhost$")


class Login(Config):
    """How to log in to one registry."""

    username: str = Field("", description="Who logs in.")
    password: str = Field(
        "", repr=False, description="The password or token; better a reference to a secret."
    )
    auth: str = Field("", repr=False, description="Both as base64 of `username:password`, instead.")
    identitytoken: str = Field("", repr=False, description="A token the registry gave, instead.")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        return _known(_json(data)) if data.lstrip().startswith("{") else {"auth": data.strip()}

    @model_validator(mode="after")
    def _says_something(self) -> Login:
        if not self.model_fields_set:
            raise ValueError("needs `username` and `password`, or `auth`, or `identitytoken`")
        return self


class RegistryAuths(Config):
    """Logins by registry: a mapping from host to login, or a Docker configuration as JSON text."""

    #: hosts, too, may stand where the keys are
    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})

    auths: dict[str, Login] = Field({}, description="The logins by the registry's host (and port).")

    @model_validator(mode="before")
    @classmethod
    def _any_form(cls, data: Any, info: ValidationInfo) -> Any:
        if isinstance(data, str):
            return {} if waits(data, info) and not data.lstrip().startswith("{") else _logins(_json(data))
        return _logins(data) if isinstance(data, dict) and "auths" in data else {"auths": data}


def _logins(config: dict[str, Any]) -> dict[str, Any]:
    """The logins of a Docker configuration. It may hold much else (helpers, proxies, mail addresses),
    and logins without anything where a helper keeps them: that is not for us."""
    hosts = {host: login for host, login in config.items() if _HOST.search(host)}
    given = config.get("auths", hosts) or {}
    if not isinstance(given, dict):
        raise ValueError("`auths` must be a mapping from host to login")
    known = {host: _known(login) for host, login in given.items()}
    return {"auths": {host: login for host, login in known.items() if login}}


def _known(login: Any) -> Any:
    if not isinstance(login, dict):
        return login
    return {
        key: value for key, value in login.items() if key in Login.model_fields and value not in ("", None)
    }


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("is neither a mapping nor JSON of one")
    return found
