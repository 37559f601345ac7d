"""The tests every plugin passes, made from what the plugin DAGU_VERIFY_PLUGIN offers.

What its parts do nobody can know from outside: a plugin that ships a suite of its own proves more.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import pytest

from dagu_core.base.errors import DaguError
from dagu_core.base.settings import Settings
from dagu_core.contracts.executor import Executor
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.part import Part
from dagu_core.contracts.store import StateStore
from dagu_core.testing.executor_suite import Step
from dagu_core.testing.executor_words import WordCases
from dagu_core.testing.part_suite import PartSuite
from dagu_core.testing.store_contract import StateStoreContract

NAME = os.environ.get("DAGU_VERIFY_PLUGIN", "")
HOST = PluginHost.of(Settings.load(environ=dict(os.environ)))


class _Words(WordCases):
    def good_step(self) -> Step:
        pytest.skip("only a suite of its own knows how it is used")

    @property
    def plugins(self) -> tuple[object, ...]:
        return () if type(self).is_builtin else super().plugins


class _Runs(StateStoreContract):
    """For stores whose URL is a scheme and a place on this machine; others need a suite of their own."""

    store: Any

    def make_store(self) -> StateStore:
        made: StateStore = self.store(f"{self.store.scheme}://{self.folder}/runs", clock=self.clock)
        return made

    @pytest.fixture(autouse=True)
    def _can_be_opened(self, _new_clock_and_folder: None) -> None:
        try:
            asyncio.run(_opened(self.make_store()))
        except (DaguError, TypeError) as error:
            pytest.skip(f"only a suite of its own knows its address: {error}")


async def _opened(store: StateStore) -> None:
    await store.open()
    await store.close()


def suites() -> dict[str, type]:
    """A class of tests for each part, by name."""
    found: dict[str, type] = {}
    for number, offer in enumerate(HOST.offers_of(NAME)):
        thing: Any = offer.thing
        if not isinstance(thing, type):
            continue
        label = f"Test_{offer.kind.replace(' ', '_')}_{offer.words[0].replace('-', '_')}_{number}"
        ours = thing.__module__.startswith("dagu_core.")
        if issubclass(thing, Executor):
            found[label] = type(label, (_Words,), {"executor": thing, "is_builtin": ours})
        elif issubclass(thing, StateStore) and not ours:
            found[label] = type(label, (_Runs,), {"store": thing})
        elif issubclass(thing, Part):
            found[label] = type(label, (PartSuite,), {"part": thing})
    return found


def reports() -> Sequence[str]:
    """The state of the plugin, with the reason."""
    return [f"{each.state} {each.reason}".strip() for each in HOST.reports if each.name == NAME]


def test_the_plugin_loads() -> None:
    assert reports() == ["loaded"]


def test_the_plugin_says_which_hooks_it_was_made_for() -> None:
    (report,) = [each for each in HOST.reports if each.name == NAME]
    assert report.api or report.package == "dagu", "add DAGU_API = (1, 1)"


globals().update(suites())
