"""Names in the settings of plugins that mean no plugin."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from dagu_core.contracts.catalog import OWNERS
from dagu_core.contracts.discovery import EVERY, Choice, EntryPoint, plain

_VAIN = {"disabled": "keeps nothing out", "allow": "lets nothing in", "isolation": "isolates nothing"}


def void_names(choice: Choice, found: Iterable[EntryPoint], names: Iterable[str]) -> list[str]:
    """A sentence for each name that is no plugin or package of those that were found, nor one of `names`.

    A package of ours that is not installed may be named: that is precaution, not a mistake.
    """
    known = {word for each in found for word in (each.name, each.package)} | set(names)
    meant = {plain(each) for each in known} | set(OWNERS.values())
    return [
        f"plugins.{key}: {name}: no plugin or package of that name is installed, so it {vain}"
        f"{_near(name, known)} ({choice.source(f'plugins.{key}')})"
        for key, vain in _VAIN.items()
        for name in sorted(getattr(choice, key))
        if plain(name) not in meant and name != EVERY
    ]


def _near(name: str, known: Collection[str]) -> str:
    here = {plain(each): each for each in known}
    prefixed = [f"dagu-{plain(name)}"] if f"dagu-{plain(name)}" in here else []
    near = prefixed or difflib.get_close_matches(plain(name), here, n=1, cutoff=0.7)
    return f"; did you mean {here[near[0]]}?" if near else "; correct or remove it"
