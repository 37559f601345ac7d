"""Plugins are imported when a file needs them, and always when that cannot be known."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagu_core.app.dags import Dags
from dagu_core.app.plugin_words import who_brings
from dagu_core.base.errors import NotFound
from dagu_core.base.places import InvalidDefinition
from dagu_core.contracts import host as host_module
from dagu_core.contracts.discovery import installed
from dagu_core.contracts.host import PluginHost

_PLUGIN = '''
from dagu_core import Config, Executor, hookimpl

{said}


class {word}(Executor[Config]):
    """Does nothing."""

    name = "{word}"
    Config = Config

    async def run(self, attempt):
        raise NotImplementedError


@hookimpl
def dagu_register_executors():
    return [{word}]
'''
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    monkeypatch.setattr(host_module, "installed", lambda: installed(path=[str(site)]))

    def put(name: str, word: str, *, on_demand: bool | None = True, more: str = "") -> Path:
        module = site / f"toy_{name}.py"
        said = "" if on_demand is None else f"DAGU_ON_DEMAND = {on_demand}"
        module.write_text(_PLUGIN.format(word=word, said=said) + more)
        info = site / f"toy_{name}-1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "entry_points.txt").write_text(f"[dagu.plugins]\n{name} = toy_{name}\n")
        (info / "METADATA").write_text(f"Name: toy-{name}\nVersion: 1\n")
        importlib.invalidate_caches()
        return module

    yield put
    forget()


def forget() -> None:
    for module in [each for each in sys.modules if each.startswith("toy_")]:
        del sys.modules[module]


@pytest.fixture
def load(tmp_path: Path) -> Callable[[], PluginHost]:
    def start() -> PluginHost:
        """What the next process does."""
        forget()
        return PluginHost.load(builtins=(), kept=tmp_path / "plugins.json")

    return start


def imported() -> set[str]:
    return {name.removeprefix("toy_") for name in sys.modules if name.startswith("toy_")}


def test_a_file_wakes_the_plugins_whose_words_it_has(
    install: Install, load: Callable[[], PluginHost]
) -> None:
    install("one", "ones")
    install("two", "twos")
    assert set(load().catalog.executors) == {"ones", "twos"} and imported() == {"one", "two"}
    host = load()
    assert imported() == set() and not host.catalog.executors
    assert set(host.for_text("type: Ones", "").executors) == {"ones"}
    assert imported() == {"one"} and not host.is_complete
    assert set(host.complete().executors) == {"ones", "twos"} and host.is_complete


def test_whoever_has_the_catalog_finds_what_was_woken_later(
    install: Install, load: Callable[[], PluginHost]
) -> None:
    install("one", "ones")
    load()
    host = load()
    catalog = host.catalog
    host.for_text("ones")
    assert catalog.vocabulary.step_types.keys() == {"ones"}


LINT = """

@hookimpl
def dagu_lint(plan):
    return []
"""


@pytest.mark.parametrize(
    ("says", "more", "sleeps"),
    [
        (None, "", True),
        (False, "", False),
        (None, LINT, False),
        (True, LINT, True),
        (None, "\nraise ValueError", False),
    ],
)
def test_one_that_only_offers_parts_sleeps_without_being_told(
    install: Install, load: Callable[[], PluginHost], says: bool | None, more: str, sleeps: bool
) -> None:
    install("one", "ones", on_demand=says, more=more)
    load()
    host = load()
    assert ("one" not in imported() and not host.is_complete) == sleeps
    assert {each.state for each in host.reports} == {"failed" if "raise" in more else "loaded"}


def test_one_that_says_it_cannot_wait_is_always_imported(
    install: Install, load: Callable[[], PluginHost]
) -> None:
    install("one", "ones", on_demand=False)
    load()
    assert load().catalog.executors and imported() == {"one"}


def test_one_that_has_changed_is_asked_again(install: Install, load: Callable[[], PluginHost]) -> None:
    install("one", "ones")
    load()
    install("one", "others")
    assert set(load().catalog.executors) == {"others"}
    assert set(load().for_text("others").executors) == {"others"}


def test_words_that_two_claim_are_settled_as_ever(install: Install, load: Callable[[], PluginHost]) -> None:
    install("one", "same")
    load()
    install("two", "same")
    told = {report.name: report.state for report in load().reports}
    assert "failed" in told.values() and told == {r.name: r.state for r in load().reports}


def test_lists_show_every_plugin(install: Install, load: Callable[[], PluginHost]) -> None:
    install("one", "ones")
    load()
    assert [(report.name, report.state, report.parts) for report in load().reports] == [
        ("one", "loaded", ("executor ones",))
    ]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"python": "2.7"}', '{"python": VERSION, "plugins": {"one": {"entry": 7}}}']
)
def test_a_damaged_memory_costs_nothing_but_time(
    install: Install, load: Callable[[], PluginHost], tmp_path: Path, text: str
) -> None:
    install("one", "ones")
    file = tmp_path / "plugins.json"
    file.write_text(text.replace("VERSION", json.dumps(sys.version)))
    assert load().catalog.executors
    assert json.loads(file.read_text())["plugins"]["one"]["words"] == ["ones"]


def test_one_that_opens_executables_wakes_when_there_is_one(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = install("one", "ones")
    opener = "\n@hookimpl\ndef dagu_open_executable(path, settings):\n    raise RuntimeError('woken')\n"
    module.write_text(module.read_text() + opener)
    install("two", "twos")

    def start(*executables: str) -> PluginHost:
        forget()
        return PluginHost.load(builtins=(), kept=tmp_path / "plugins.json", executables=executables)

    start()
    start()
    assert imported() == set()
    host = start(str(tmp_path / "tool"))
    assert imported() == {"one"}
    assert "woken" in {report.name: report.reason for report in host.reports}["tool"]


def test_a_huge_text_wakes_all(install: Install, load: Callable[[], PluginHost]) -> None:
    install("one", "ones")
    load()
    assert load().for_text("x" * 2_000_000).executors


def test_a_word_of_one_that_was_disabled_since_is_remembered(
    install: Install, load: Callable[[], PluginHost], tmp_path: Path
) -> None:
    install("one", "ones")
    load()
    forget()
    kept = tmp_path / "plugins.json"

    def told(**more: object) -> tuple[str, str]:
        host = PluginHost.load(builtins=(), kept=kept, **more)  # type: ignore[arg-type]
        with pytest.raises(InvalidDefinition) as refused:
            Dags(tmp_path, tmp_path / "base.yaml", host).check("steps: [{type: Ones}]")
        assert imported() == set()
        try:
            bringer = who_brings(host, "ones")[0].hint
        except NotFound:
            bringer = ""
        return refused.value.problems[0].message, bringer

    reason = "toy-one 1 is disabled by plugins.disabled in the settings"
    assert told(disabled=["one"]) == (f"`Ones` cannot be used: {reason}", reason)
    assert told(safe=True)[1] == "toy-one 1 is disabled by safe mode (the settings)"
    unknown = ('executor type "Ones" is not registered', "")
    for damage in ('{"python": "other"}', kept.read_text().replace('"claims": [[', '"claims": [["x"], [')):
        kept.write_text(damage)
        assert told(disabled=["one"]) == unknown
