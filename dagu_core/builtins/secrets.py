"""Secrets from the environment and from files."""

from __future__ import annotations

import os
from pathlib import Path

from dagu_core import Invalid, NotFound, SecretProvider, SecretRef, SecretScope, hookimpl


class EnvSecrets(SecretProvider):
    """An environment variable of the process; one that is set but empty is a value."""

    name = "env"

    async def resolve(self, ref: SecretRef, scope: SecretScope) -> str:
        value = scope.environ.get(ref.key)
        if value is None:
            raise NotFound(f"the environment variable {ref.key} is not set")
        return value


class FileSecrets(SecretProvider):
    """A file, taken as it is: a newline at its end belongs to the value. A relative path is looked
    for in the run's folders, in order."""

    name = "file"

    async def resolve(self, ref: SecretRef, scope: SecretScope) -> str:
        path = Path(os.path.expanduser(ref.key))
        places = [path] if path.is_absolute() else [folder / path for folder in scope.folders]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            looked = ", ".join(map(str, places)) or "nowhere"
            raise NotFound(f"there is no file {ref.key}", hint=f"looked at: {looked}")
        try:
            return found.read_bytes().decode("utf-8")
        except OSError as error:
            raise Invalid(f"cannot read {found}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise Invalid(f"{found} is not UTF-8 text") from None


@hookimpl
def dagu_register_secret_providers() -> list[type[SecretProvider]]:
    """Where secrets are kept without any plugin."""
    return [EnvSecrets, FileSecrets]
