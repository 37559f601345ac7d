"""A part is a class a plugin registers: it owns one word, one model, one description."""

from __future__ import annotations

from typing import ClassVar

from dagu_core.base.config import Config


class NoConfig(Config):
    """Nothing may stand under this word."""


class Part:
    """Base of everything that has a word of its own.

    `name` is the word, `aliases` other spellings of it; `Config` says what may stand under it;
    the docstring is its page. `icon` and `colour` are hints for the UI.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    Config: ClassVar[type[Config]] = NoConfig
    icon: ClassVar[str] = ""
    colour: ClassVar[str] = ""
