"""A word that two plugins claim goes to the one that is preferred, or to none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dagu_core import Config, Executor, InvalidDefinition, NoConfig, Notifier, Outcome, Trigger, hookimpl
from dagu_core.base.settings import Settings
from dagu_core.contracts.foreign import ForeignPlugin
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.offering import offering


def _executor(word: str, *aliases: str, keys: Mapping[str, type[Config]] | None = None) -> type:
    class Made(Executor[Any]):
        """Does nothing."""

        async def run(self, attempt: Any) -> Outcome:
            return Outcome()

    Made.name, Made.aliases, Made.step_fields = word, aliases, keys or {}
    return Made


def _part(base: type, word: str, **methods: Any) -> type:
    facts = {"__doc__": "Does nothing.", "name": word, "__abstractmethods__": frozenset(), **methods}
    made = type("Made", (base,), facts)
    made.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
    return made


def _host(*plugins: object, **prefer: str) -> PluginHost:
    return PluginHost.load(plugins=plugins, discover=False, prefer=prefer)


def _states(host: PluginHost) -> dict[str, str]:
    return {each.name: each.state for each in host.reports if each.package != "dagu"}


def test_without_a_preference_one_error_names_both_and_the_way_out() -> None:
    one, two = offering(_executor("bird", "parrot"), name="one"), offering(_executor("Bird"), name="two")
    host = _host(one, two)
    assert _states(host) == {"one": "failed", "two": "failed"}
    reason = (
        "executor `bird` is offered by one and two; choose one with plugins.prefer: {bird: one}, "
        "or disable one in plugins.disabled"
    )
    assert {each.reason for each in host.reports if each.state == "failed"} == {reason}
    for word in ("bird", "parrot"):
        with pytest.raises(InvalidDefinition) as refused:
            read_definition(f"steps: [{{type: {word}}}]", vocabulary=host.catalog.vocabulary)
        assert f"`{word}` cannot be used: {reason}" in str(refused.value)


@pytest.mark.parametrize(("wanted", "loser"), [("one", "two"), ("two", "one")])
def test_a_preference_gives_it_to_one_and_the_other_keeps_the_rest(wanted: str, loser: str) -> None:
    bird = {name: _executor("bird") for name in ("one", "two")}
    plugins = [offering(bird[name], _executor(f"fish-{name}"), name=name) for name in bird]
    host = _host(*plugins, Bird=wanted)
    assert _states(host) == {"one": "loaded", "two": "loaded"}
    assert host.catalog.executors["bird"] is bird[wanted]
    assert {"fish-one", "fish-two"} <= set(host.catalog.executors)
    reports = {each.name: each.parts for each in host.reports}
    assert reports[loser] == (f"executor fish-{loser}",)
    assert host.warnings == ()


def test_only_the_lost_word_of_a_part_goes() -> None:
    keeper, both = _executor("bird"), _executor("parrot", "bird")
    host = _host(offering(keeper, name="one"), offering(both, name="two"), bird="one")
    assert host.catalog.executors["bird"] is keeper
    assert host.catalog.executors["parrot"] is both


def test_a_step_key_that_is_lost_takes_its_step_type_along() -> None:
    one, two = _executor("fish", keys={"pond": NoConfig}), _executor("bird", keys={"pond": NoConfig})
    host = _host(offering(one, name="one"), offering(two, name="two"), pond="one")
    assert "fish" in host.catalog.executors and "bird" not in host.catalog.executors


@pytest.mark.parametrize(
    ("base", "kind"), [(Trigger, "triggers"), (Notifier, "notifiers")], ids=["trigger", "notifier"]
)
def test_it_holds_for_every_kind(base: type, kind: str) -> None:
    parts = {name: _part(base, "owl") for name in ("one", "two")}
    plugins = [offering(part, name=name) for name, part in parts.items()]
    assert _states(_host(*plugins)) == {"one": "failed", "two": "failed"}
    assert getattr(_host(*plugins, owl="two").catalog, kind)["owl"] is parts["two"]


def test_it_holds_for_keys_of_a_dag() -> None:
    one = offering(name="one", dag_fields={"cage": NoConfig})
    two = offering(_part(Notifier, "cage"), name="two")
    host = _host(one, two, cage="one")
    assert "cage" in host.catalog.dag_fields and "cage" not in host.catalog.notifiers


WRONG = {
    "zebra": ("bird", "no such plugin or package is installed; install it or remove the preference"),
    "two": ("fish", "it does not bring `fish`; one does; correct or remove the preference"),
    "one": ("command", "`command` is a word of the core (shell) and stays there; remove the preference"),
}


@pytest.mark.parametrize("package", WRONG)
def test_a_preference_that_means_nothing_is_told(package: str) -> None:
    word, sentence = WRONG[package]
    one = [_executor("fish"), *([_executor("command")] if word == "command" else [])]
    host = _host(offering(*one, name="one"), offering(_executor("bird"), name="two"), **{word: package})
    assert host.warnings == (f"plugins.prefer: {word}: {package}: {sentence}",)


def test_a_preference_for_a_plugin_that_did_not_load_says_why() -> None:
    class Broken:
        """Breaks."""

        @hookimpl
        def dagu_register_executors(self) -> list[object]:
            raise OSError("no nest")

    host = _host(offering(_executor("bird"), name="one"), Broken(), bird="Broken")
    assert "the plugin is failed: dagu_register_executors raised OSError: no nest" in host.warnings[0]


def test_the_core_keeps_its_words_and_may_be_preferred() -> None:
    one = offering(_executor("command"), _executor("bird"), name="one")
    assert _states(_host(one, command="one")) == {"one": "failed"}
    host = _host(one, command="dagu")
    assert _states(host) == {"one": "loaded"}
    assert host.catalog.executors["command"].__module__ == "dagu_core.builtins.shell"


def test_it_comes_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("plugins: {prefer: {bird: two}}\n", "utf-8")
    settings = Settings.load(environ={"DAGU_HOME": str(tmp_path)})
    plugins = [offering(_executor("bird"), name=name) for name in ("one", "two")]
    assert _states(PluginHost.of(settings, plugins=plugins, discover=False)) == {
        "one": "loaded",
        "two": "loaded",
    }
    assert settings.warnings == ()
    flat = Settings.load(environ={"DAGU_HOME": str(tmp_path), "DAGU_PLUGINS_PREFER": "bird=one"})
    assert flat.plugins.prefer == {"bird": "one"}


class _Foreign(ForeignPlugin):
    """A plugin of another language that counts how often it is asked."""

    version = "7"

    def __init__(self, known: bool) -> None:
        self.asked, self._known = 0, known

    @property
    def known(self) -> bool:
        return self._known

    def load(self) -> object:
        self.asked += 1
        return offering(_executor("bird"), _executor("late"), name="foreign")


class _Opener:
    """Opens executables as one foreign plugin."""

    def __init__(self, foreign: ForeignPlugin) -> None:
        self.foreign = foreign

    @hookimpl
    def dagu_open_executable(self) -> ForeignPlugin:
        return self.foreign


def test_foreign_plugins_are_asked_when_a_word_is_missing_and_found_by_all() -> None:
    foreign = _Foreign(known=False)
    host = PluginHost.load(plugins=[_Opener(foreign)], discover=False, executables=["/opt/x"])
    words, catalog = host.catalog.vocabulary, host.catalog
    read_definition("steps: [{command: a}]", vocabulary=words)
    assert foreign.asked == 0
    read_definition("steps: [{type: late}]", vocabulary=words)
    assert foreign.asked == 1
    assert catalog.executor("late").name == "late"
    assert catalog.origins["late"] == "/opt/x 7"
    assert [each.state for each in host.reports if each.package == "/opt/x"] == ["loaded"]
    assert foreign.asked == 1


def test_a_preference_for_a_foreign_plugin_asks_it_at_once() -> None:
    foreign = _Foreign(known=False)
    one = offering(_executor("bird"), name="one")
    plugins = [_Opener(foreign), one]
    host = PluginHost.load(plugins=plugins, discover=False, executables=["/opt/x"], prefer={"bird": "/opt/x"})
    assert foreign.asked == 1
    assert host.catalog.origins["bird"] == "/opt/x 7"


def test_a_known_foreign_plugin_clashes_like_any_other() -> None:
    one = offering(_executor("bird"), name="one")
    plugins = [_Opener(_Foreign(known=True)), one]
    host = PluginHost.load(plugins=plugins, discover=False, executables=["/opt/x"])
    reasons = {each.name: each.reason for each in host.reports if each.state == "failed"}
    assert set(reasons) == {"one", "x"}
    assert "executor `bird` is offered by one and x" in reasons["x"]
