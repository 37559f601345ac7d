"""A secret provider: `provider: json`, `key: FILE#NAME` reads one value of a JSON file."""

import json

from dagu_core import NotFound, SecretProvider, SecretRef, SecretScope, hookimpl


class JsonSecrets(SecretProvider):
    """One value of a JSON file in a folder of the run."""

    name = "json"

    def check(self, ref: SecretRef) -> str:
        return "" if "#" in ref.key else "write the key as FILE#NAME"

    async def resolve(self, ref: SecretRef, scope: SecretScope) -> str:
        file, _, name = ref.key.partition("#")
        for folder in scope.folders:
            if (folder / file).is_file():
                values = json.loads((folder / file).read_text("utf-8"))
                if name in values:
                    return str(values[name])
        raise NotFound(f"there is no {ref.key}")


@hookimpl
def dagu_register_secret_providers() -> list[type[SecretProvider]]:
    return [JsonSecrets]
