"""What a plugin hands over at its hooks, checked before anybody relies on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from dagu_core.base.errors import PluginError
from dagu_core.base.spelling import fold
from dagu_core.contracts.command import OURS, Command
from dagu_core.contracts.executor import Executor
from dagu_core.contracts.guard import Guard
from dagu_core.contracts.notifier import Notifier
from dagu_core.contracts.observer import Observer
from dagu_core.contracts.part import Later, Part
from dagu_core.contracts.secrets import SecretProvider
from dagu_core.contracts.store import StateStore
from dagu_core.contracts.trigger import ClockTrigger, ScheduleFilter, Trigger

#: hook -> kind, the class its parts derive from
_PARTS: dict[str, tuple[str, tuple[type[Part], ...]]] = {
    "dagu_register_executors": ("executor", (Executor,)),
    "dagu_register_guards": ("guard", (Guard,)),
    "dagu_register_triggers": ("trigger", (Trigger, ClockTrigger)),
    "dagu_register_schedule_filters": ("schedule filter", (ScheduleFilter,)),
    "dagu_register_notifiers": ("notifier", (Notifier,)),
    "dagu_register_secret_providers": ("secret provider", (SecretProvider,)),
    "dagu_register_observers": ("observer", (Observer,)),
}
#: kinds whose words stand at the same place of a file may not share one
_SHARED = {"notifier": "DAG key", "schedule filter": "DAG key", "DAG field": "DAG key"}


#: (namespace, spelling-free word)
Claim = tuple[str, str]


class Offer(Struct, frozen=True):
    """One thing a plugin offers, under one or more words."""

    plugin: str
    kind: str
    words: tuple[str, ...]
    thing: Any

    @property
    def space(self) -> str:
        """Where its words stand in a file."""
        return _SHARED.get(self.kind, self.kind)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What nobody else may claim."""
        claims = [(self.space, fold(word)) for word in self.words]
        if self.kind == "executor":
            # Step keys are one space, whether a guard or a step type owns them.
            claims += [("guard", fold(word)) for word in self.thing.step_fields]
        return tuple(dict.fromkeys(claims))

    def __str__(self) -> str:
        return f"{self.kind} {self.words[0]}"


def claims_of(offers: Iterable[Offer]) -> tuple[Claim, ...]:
    """Everything one plugin claims, each once."""
    return tuple(dict.fromkeys(claim for offer in offers for claim in offer.claims))


def settings_of(offers: Iterable[Offer]) -> list[str]:
    """The dotted keys, older ones too, that the settings of a plugin may have."""
    from dagu_core.base.settings.section import declarations

    sections = [offer.thing for offer in offers if offer.kind == "settings section"]
    return [key for each in sections for item in declarations(each) for key in (item.key, *item.old_keys)]


def first_line(thing: object) -> str:
    """The first line of the docstring: what it is for."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def offers_of(plugin: str, hook: str, answer: object) -> Iterator[Offer]:
    """What a plugin answered at a hook, as offers. Raises PluginError for what breaks the contract."""
    for offer in _checked(plugin, hook, answer):
        for space, word in offer.claims:
            if space in ("guard", "DAG key") and word in _core_keys(space):
                owner = "step" if space == "guard" else "DAG"
                raise PluginError(
                    f"{offer}: `{word}` is a key of the core in every {owner}; choose another word"
                )
        yield offer


def _core_keys(space: str) -> Mapping[str, str]:
    # Whoever offers such a word has brought pydantic along: the models cost little more.
    from dagu_core.model.spec.dag import DagSpec
    from dagu_core.model.spec.keys import known_keys
    from dagu_core.model.spec.step import StepSpec

    return known_keys(StepSpec if space == "guard" else DagSpec)


def _checked(plugin: str, hook: str, answer: object) -> Iterator[Offer]:
    if hook == "dagu_register_dag_fields":
        yield from _fields(plugin, hook, answer)
        return
    if not isinstance(answer, list):
        raise PluginError(f"{hook} returned {_kind_of(answer)}, not a list")
    check = _CHECKS.get(hook, _part)
    for thing in answer:
        yield check(plugin, hook, thing)


def _part(plugin: str, hook: str, thing: Any) -> Offer:
    kind, bases = _PARTS[hook]
    _require_class(hook, thing, *bases)
    label = f"{kind} {thing.__name__}"
    name = getattr(thing, "name", None)
    aliases = thing.aliases
    if not isinstance(name, str) or not name:
        raise PluginError(f"{label} has no name")
    if not isinstance(aliases, tuple) or not all(isinstance(alias, str) and alias for alias in aliases):
        raise PluginError(f"{label}: aliases must be a tuple of texts")
    _require_docstring(label, "has", thing)
    if not isinstance(inspect.getattr_static(thing, "Config"), Later):
        _require_config(label, thing.Config)
    for word, model in getattr(thing, "step_fields", {}).items():
        _require_config(f"{label}: step key {word}", model)
    return Offer(plugin, kind, tuple(dict.fromkeys((name, *aliases))), thing)


def _store(plugin: str, hook: str, thing: Any) -> Offer:
    _require_class(hook, thing, StateStore)
    if not isinstance(scheme := getattr(thing, "scheme", None), str) or not scheme:
        raise PluginError(f"store {thing.__name__} has no scheme")
    return Offer(plugin, "store", (scheme,), thing)


def _settings(plugin: str, hook: str, thing: Any) -> Offer:
    from dagu_core.base.settings.judging import model_of
    from dagu_core.base.settings.load import OUR_SECTIONS
    from dagu_core.base.settings.section import SettingsSection, declarations

    _require_class(hook, thing, SettingsSection)
    if not isinstance(section := getattr(thing, "section", None), str) or not section:
        raise PluginError(f"settings {thing.__name__} have no section")
    label = f"settings {thing.__name__}"
    _require_docstring(label, "have", thing)
    _require_descriptions(label, {item.name: item.description for item in declarations(thing)})
    ours = {fold(item.key): item.key for each in OUR_SECTIONS for item in declarations(each)}
    for item in declarations(thing):
        if key := ours.get(fold(item.key)):
            raise PluginError(f"{label}: `{key}` is a setting of the core; choose another section or key")
    try:
        model_of(thing).model_rebuild()  # else it would be made, and fail, when somebody sets one of them
    except Exception as error:
        told = str(error).partition("\n")[0]
        raise PluginError(f"{label} make no model: {told}") from error
    return Offer(plugin, "settings section", (section,), thing)


def _command(plugin: str, hook: str, thing: Any) -> Offer:
    if not isinstance(thing, Command):
        raise PluginError(f"{hook} returned {_kind_of(thing)} in its list, not a Command of dagu_core")
    label = f"command {thing.name!r}"
    for name, value in (("name", thing.name), ("help", thing.help)):
        if not isinstance(value, str) or not value.strip():
            raise PluginError(f"{label}: {name} must be a text that is not empty")
    if not callable(thing.load):
        raise PluginError(f"{label}: load is {_kind_of(thing.load)}, not a function that builds the command")
    if thing.name in OURS:
        raise PluginError(f"{label} is a verb of dagu itself; choose another name")
    return Offer(plugin, "command", (thing.name,), thing)


_CHECKS: dict[str, Callable[[str, str, Any], Offer]] = {
    "dagu_register_stores": _store,
    "dagu_register_settings": _settings,
    "dagu_register_commands": _command,
}


def _fields(plugin: str, hook: str, answer: object) -> Iterator[Offer]:
    if not isinstance(answer, dict):
        raise PluginError(f"{hook} returned {_kind_of(answer)}, not a dict")
    for word, model in answer.items():
        if not isinstance(word, str) or not word:
            raise PluginError(f"{hook}: {word!r} is no key")
        _require_config(f"DAG field {word}", model)
        yield Offer(plugin, "DAG field", (word,), model)


def _require_class(hook: str, thing: Any, *bases: type) -> None:
    if not isinstance(thing, type) or not issubclass(thing, bases):
        wanted = " or ".join(base.__name__ for base in bases)
        raise PluginError(f"{hook} returned {_kind_of(thing)} in its list, not a class derived from {wanted}")
    if missing := sorted(getattr(thing, "__abstractmethods__", ())):
        raise PluginError(f"{thing.__name__} does not implement {', '.join(missing)}")


def _require_config(label: str, model: Any) -> None:
    from dagu_core.base.config import Config

    if not isinstance(model, type) or not issubclass(model, Config):
        raise PluginError(f"{label}: Config is {_kind_of(model)}, not a class derived from Config")
    _require_descriptions(label, {name: field.description for name, field in model.model_fields.items()})


def _require_docstring(label: str, has: str, thing: type) -> None:
    if not (thing.__doc__ or "").strip():
        raise PluginError(f"{label} {has} no description (docstring)")


def _require_descriptions(label: str, told: Mapping[str, str | None]) -> None:
    for name, description in told.items():
        if not description:
            raise PluginError(f"{label}: the field `{name}` has no description")


def _kind_of(thing: object) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"a {type(thing).__name__}"
