"""Logins to registries: every form they may have, without any registry."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pydantic import ValidationError

from dagu_core import Invalid
from dagu_docker.auth_config import RegistryAuths
from dagu_docker.auths import all_logins
from dagu_docker.images import login_for

READING = {"phase": "read"}
BASIC = base64.b64encode(b"me:se:cret").decode()


@pytest.mark.parametrize(
    "written",
    [
        {"r.example:5000": {"username": "me", "password": "se:cret"}},
        {"r.example:5000": {"auth": BASIC}},
        {"r.example:5000": BASIC},
        {"r.example:5000": json.dumps({"auth": BASIC})},
        json.dumps({"auths": {"r.example:5000": {"auth": BASIC}}, "credsStore": "none"}),
        {"auths": {"r.example:5000": {"auth": BASIC}}},
        {"http://r.example:5000/v1/": BASIC},
        json.dumps({"auths": {"r.example:5000": {"auth": BASIC, "email": "x@y"}}}),
        json.dumps({"r.example:5000": {"auth": BASIC, "email": "x@y"}, "credHelpers": {"a.example": "b"}}),
        {"r.example:5000": json.dumps({"auth": BASIC, "email": "x@y"})},
        {
            "auths": {"r.example:5000": {"auth": BASIC, "email": "x@y"}, "other.example": {}},
            "credsStore": "d",
        },
    ],
)
def test_logins(written: Any) -> None:
    auths = all_logins(RegistryAuths.model_validate(written, context=READING), {})
    assert login_for("r.example:5000/team/app:1", auths) == {"username": "me", "password": "se:cret"}
    assert login_for("other.example/app", auths) is None
    assert login_for("app", auths) is None


@pytest.mark.parametrize(
    "config",
    [
        {"auths": {"ghcr.io": {}}, "credsStore": "desktop"},
        {"auths": {"ghcr.io": {"email": "x@y", "auth": ""}}},
        {"auths": None, "credHelpers": {"ghcr.io": "helper"}},
        {"credHelpers": {}},
        {},
    ],
)
def test_a_docker_configuration_without_logins_brings_none(config: Any) -> None:
    """Not even an empty one, which would stand before the credential store of the user."""
    assert all_logins(None, {"DOCKER_AUTH_CONFIG": json.dumps(config)}) == {}
    assert all_logins(RegistryAuths.model_validate(json.dumps(config), context=READING), {}) == {}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"ghcr.io": {}}, "needs `username` and `password`"),
        ({"ghcr.io": {"user": "me"}}, r"ghcr\.io`?\.user"),
        ("[]", "neither a mapping nor JSON"),
        ("token", "neither a mapping nor JSON"),
        ('{"auths": [1]}', "must be a mapping from host"),
    ],
)
def test_logins_that_make_no_sense(written: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RegistryAuths.model_validate(written, context=READING)


def test_the_dag_stands_above_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    outer = json.dumps({"auths": {"a.example": {"auth": BASIC}, "b.example": {"auth": BASIC}}, "proxies": {}})
    own = RegistryAuths.model_validate({"a.example": {"identitytoken": "t"}})
    found = all_logins(own, {"DOCKER_AUTH_CONFIG": outer})
    assert found["a.example"] == {"identitytoken": "t"} and found["b.example"]["username"] == "me"
    with pytest.raises(Invalid, match="DOCKER_AUTH_CONFIG is no Docker configuration") as caught:
        all_logins(None, {"DOCKER_AUTH_CONFIG": '{"auths": {"a": {"auth": 5}}, "x": "hush"}'})
    assert "hush" not in str(caught.value)


def test_a_login_without_host_is_for_the_public_hub() -> None:
    from docker.auth import INDEX_NAME

    auths = all_logins(RegistryAuths.model_validate({INDEX_NAME: BASIC}), {})
    assert (
        login_for("busybox", auths)
        == login_for("team/app:2", auths)
        == {"username": "me", "password": "se:cret"}
    )


def test_logins_may_be_references() -> None:
    for waiting in ("${AUTHS}", {"ghcr.io": "${LOGIN}"}, {"ghcr.io": {"auth": "${AUTH}"}}):
        RegistryAuths.model_validate(waiting, context=READING)
    with pytest.raises(ValidationError):
        RegistryAuths.model_validate("${AUTHS}")
