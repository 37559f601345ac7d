"""Every warning about an old spelling, and when it goes."""

from __future__ import annotations

from msgspec import Struct


class Deprecation(Struct, frozen=True):
    """`what` should no longer be written; `gone` is the version that drops it, "" = never."""

    what: str
    use: str
    gone: str = ""

    def __str__(self) -> str:
        end = f" and goes in {self.gone}" if self.gone else ""
        return f"{self.what} is deprecated{end}, use {self.use}"


def old_variable(name: str, use: str) -> Deprecation:
    """An environment variable of an earlier release of the original."""
    return Deprecation(f"environment variable {name}", use)


def old_key(name: str, use: str) -> Deprecation:
    """A configuration key of an earlier release of the original."""
    return Deprecation(f"key `{name}`", f"`{use}`")
