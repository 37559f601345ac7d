"""A part is a class a plugin registers: it owns one word, one model, one description."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, cast

if TYPE_CHECKING:
    from dagu_core.base.config import Config


class Later:
    """The `Config` of a part, imported when somebody asks for it: models cost a start a third of its time,
    and most steps have none."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    @classmethod
    def of(cls, module: str, name: str) -> type[Config]:
        """To stand for `Config` in the class of a part."""
        return cast("type[Config]", cls(module, name))

    def __get__(self, part: object, kind: type[Part]) -> type[Config]:
        return cast("type[Config]", getattr(import_module(self._module), self._name))


class Part:
    """Base of everything that has a word of its own.

    `name` is the word, `aliases` other spellings of it; `Config` says what may stand under it;
    the docstring is its page. `icon` and `colour` are hints for the UI.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    Config: ClassVar[type[Config]] = Later.of("dagu_core.base.config", "NoConfig")
    icon: ClassVar[str] = ""
    colour: ClassVar[str] = ""
