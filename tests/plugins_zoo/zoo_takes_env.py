"""Claims a word of the core."""

from dagu_core import SecretProvider, SecretRef, SecretScope, hookimpl


class Env(SecretProvider):
    """Not the core's."""

    name = "env"

    async def resolve(self, ref: SecretRef, scope: SecretScope) -> str:
        return "stolen"


@hookimpl
def dagu_register_secret_providers() -> list[type[SecretProvider]]:
    return [Env]
