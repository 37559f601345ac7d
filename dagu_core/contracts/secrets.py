"""How a reference becomes a value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from dagu_core.contracts.part import Part
from dagu_core.model.plan.plan import SecretRef


class SecretScope(Struct, frozen=True):
    """Where a provider may look: the OS environment and the folders relative paths start from."""

    environ: Mapping[str, str]
    folders: tuple[Path, ...]


class SecretProvider(Part, ABC):
    """Finds the value of a secret. The result is masked wherever it is stored or shown."""

    def check(self, ref: SecretRef) -> str:
        """What is wrong with the reference, told when the file is read; "" = nothing. No I/O."""
        return ""

    @abstractmethod
    async def resolve(self, ref: SecretRef, scope: SecretScope) -> str:
        """The value. Raises DaguError, whose message never contains it."""
