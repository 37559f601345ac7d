"""The Docker engine, and what goes wrong with it in words for people."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
from docker import errors
from docker.utils import kwargs_from_env
from requests import exceptions
from urllib3 import exceptions as transport

#: seconds an answer to a short question may take
PATIENCE = 60
#: exit codes as the command line of Docker has them
FAILED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127


class Trouble(Exception):
    """Ends the attempt with a message for people. `kind` is as in `Outcome.ended`."""

    def __init__(self, message: str, code: int | None = FAILED, kind: str = "error") -> None:
        super().__init__(message)
        self.code, self.kind = code, kind


class Lost(Trouble):
    """Nobody knows how the attempt ends."""

    def __init__(self, why: str) -> None:
        super().__init__(why if why.startswith("lost: ") else f"lost: {why}", None, "lost")


class Unreachable(Trouble):
    """Nobody answers where the Docker engine should be."""


class Daemon:
    """Connections to one engine: `api` for short questions, `patient` for what may take long."""

    def __init__(self) -> None:
        self._named = os.environ.get("DOCKER_HOST", "")
        with self.reached():
            given = kwargs_from_env()
            version = os.environ.get("DOCKER_API_VERSION") or "auto"
            self.api: Any = docker.APIClient(version=version, timeout=PATIENCE, **given)
            for_ever: Any = None  # the stubs know numbers only
            self.patient: Any = docker.APIClient(version=self.api.api_version, timeout=for_ever, **given)

    @property
    def host(self) -> str:
        """The engine as messages name it."""
        return self._named or "the default socket (DOCKER_HOST is not set)"

    @contextmanager
    def reached(self, doing: str = "") -> Iterator[None]:
        """Turns what goes wrong inside into `Trouble`, said with what we were `doing`."""
        try:
            yield
        except errors.APIError as error:
            raise refused(error, doing) from None
        except (errors.TLSParameterError, exceptions.InvalidURL) as error:
            raise Trouble(f"DOCKER_HOST {self.host}: {_line(error)}") from None
        except errors.DockerException as error:
            if "Credentials store error" not in str(error):
                raise Unreachable(self._unreachable(error)) from None
            said = f"the Docker configuration names a credential helper that fails: {_cause(error)}"
            raise Trouble(f"{said}; correct it, or give a login in registryAuths") from None
        except (exceptions.RequestException, transport.HTTPError, OSError) as error:
            raise Unreachable(self._unreachable(error)) from None

    def _unreachable(self, error: BaseException) -> str:
        hint = "start it there, or correct DOCKER_HOST" if self._named else "start it, or set DOCKER_HOST"
        return f"unavailable: no Docker engine at {self.host}: {_cause(error)}; {hint}"


def refused(error: errors.APIError, doing: str) -> Trouble:
    """What an answer with an error means."""
    said = explanation(error)
    code = FAILED
    if re.search(r"executable file not found|no such file or directory", said) and "exec" in said:
        code, said = NOT_FOUND, _innermost(said)
    elif "permission denied" in said and "exec" in said:
        code, said = NOT_EXECUTABLE, _innermost(said)
    return Trouble(f"{doing}: {said}" if doing else said, code)


def explanation(error: errors.APIError) -> str:
    """What the engine said, in one line."""
    return " ".join(str(error.explanation or error).split())


def is_status(error: BaseException, *codes: int) -> bool:
    """Whether the engine answered with one of these HTTP statuses."""
    return isinstance(error, errors.APIError) and error.status_code in codes


def _innermost(said: str) -> str:
    """What remains of the engine's chain of causes for a program that cannot be started."""
    found = re.search(r'exec: "?.*', said)
    return found[0].removesuffix(": unknown") if found else said


def _cause(error: BaseException) -> str:
    """The last cause in the chain of an error of the transport, without the names of classes."""
    text = _line(error)
    for pattern in (r"\[Errno \d+\] ([^'\")]+)", r"\w+\(\d+, '([^']+)'\)", r"(timed out)"):
        if found := re.search(pattern, text):
            return found[1]
    return text


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def labelled(daemon: Daemon, label: str, value: str) -> list[dict[str, Any]]:
    """Every container with this label, also those that do not run."""
    found: list[dict[str, Any]] = daemon.api.containers(all=True, filters={"label": f"{label}={value}"})
    return found
