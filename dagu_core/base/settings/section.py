"""A section of the configuration file: every setting is declared once, here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, get_type_hints

from msgspec import Struct

from dagu_core.base.settings.record import Record, Setting, default_of, fields
from dagu_core.base.settings.values import Duration
from dagu_core.base.spelling import camel, fold


class SettingsSection(Record):
    """Base of a section; `section` is its (dotted) place in the file, "" the top level.

    A field declared with `setting` names its key, its environment variables and older spellings;
    a plain `Field` gets the key in camelCase and the variable `DAGU_<SECTION>_<FIELD>`. Unknown
    keys of a section are told as warnings, not errors.
    """

    section: ClassVar[str]


class SettingsItem(Record):
    """A mapping inside a setting, such as one queue of a list; keys in any spelling."""

    any_spelling: ClassVar[bool] = True


def setting(
    default: Any,
    description: str,
    *,
    key: str = "",
    env: str | Sequence[str] | None = None,
    old_keys: Sequence[str] = (),
    old_env: Sequence[str] = (),
    lenient: bool = False,
    unused: str = "",
    **limits: Any,
) -> Any:
    """A field of a section.

    `key` is its dotted key below the section (default: the field's name in camelCase), `env` its
    environment variables ("" = none; default: derived from section and name), `old_keys` full
    dotted keys and `old_env` variables that still work with a warning. With `lenient` a bad value
    is told and the default taken. `unused` = it is accepted, for files that have it, and nobody reads
    it; why that is so. A mutable default is copied for each instance.
    """
    if unused:
        description += f" Accepted, without effect: {unused}."
    return Setting(
        default=default,
        description=description,
        key=key,
        env=None if env is None else (env,) if isinstance(env, str) else tuple(env),
        old_keys=tuple(old_keys),
        old_env=tuple(old_env),
        lenient=lenient,
        unused=unused,
        limits=limits,
    )


_NOTHING_SAID = Setting(None, "")


class Declared(Struct, frozen=True):
    """Where the value of one field may come from."""

    name: str
    key: str
    env: tuple[str, ...]
    old_keys: tuple[str, ...]
    old_env: tuple[str, ...]
    lenient: bool
    unused: str
    description: str
    model: type[SettingsSection]
    declared: Any

    @property
    def path(self) -> tuple[str, ...]:
        """The folded path of the key in the file."""
        return folded(self.key)

    @property
    def remark(self) -> str:
        """What is added to where its value comes from."""
        return " (no effect)" if self.unused else ""

    @property
    def default(self) -> Any:
        """What it is when nothing is given."""
        return default_of(self.declared)

    @property
    def annotation(self) -> Any:
        """Its type, as pydantic sees it: without what is said beside the type."""
        from dagu_core.base.settings.judging import model_of

        return model_of(self.model).model_fields[self.name].annotation

    @property
    def is_duration(self) -> bool:
        """Whether its value is a time, in seconds."""
        return get_type_hints(self.model, include_extras=True)[self.name] in (Duration, Duration | None)


def folded(dotted: str) -> tuple[str, ...]:
    """`ui.dags.sortField` -> ("ui", "dags", "sortfield")."""
    return tuple(fold(word) for word in dotted.split("."))


@cache
def declarations(model: type[SettingsSection]) -> tuple[Declared, ...]:
    """The settings a section declares, in order."""
    return tuple(_declared(model, name, declared) for name, declared in fields(model).items())


def _declared(model: type[SettingsSection], name: str, declared: Any) -> Declared:
    section = model.section
    said = declared if isinstance(declared, Setting) else _NOTHING_SAID
    key = said.key or camel(name)
    env = said.env
    if env is None:
        env = ("_".join(["DAGU", *section.split("."), name]).upper() if section else f"DAGU_{name}".upper(),)
    return Declared(
        name=name,
        key=f"{section}.{key}" if section else key,
        env=tuple(word for word in env if word),
        old_keys=said.old_keys,
        old_env=said.old_env,
        lenient=said.lenient,
        unused=said.unused,
        description=getattr(declared, "description", "") or "",
        model=model,
        declared=declared,
    )
