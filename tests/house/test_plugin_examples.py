"""The example plugins of the docs are shown as they are, load, and do what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run
from dagu_core.contracts.host import PluginHost
from dagu_core.testing.store_contract import StateStoreContract
from dagu_core.testing.trigger_contract import ClockTriggerContract
from docs.examples.plugin_store import FolderStore
from docs.examples.plugin_trigger import Beat
from tests.gotchas.lab import Lab
from tests.house.tree import ROOT, blocks

EXAMPLES = sorted(path.stem for path in (ROOT / "docs" / "examples").glob("plugin_*.py"))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    work = tmp_path / "work"
    work.mkdir()
    return Lab(tmp_path / "home", work, plugins=[module("executor"), module("guard"), module("notifier")])


def module(name: str) -> Any:
    return import_module(f"docs.examples.plugin_{name}")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_shown_as_it_is(name: str) -> None:
    shown = [block.text for block in blocks(ROOT / "docs" / "plugins" / "contracts.md")]
    assert f"# {name}.py\n{(ROOT / 'docs' / 'examples' / f'{name}.py').read_text()}" in shown


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_loads(name: str) -> None:
    host = PluginHost.load(discover=False, plugins=[import_module(f"docs.examples.{name}")])
    (report,) = [each for each in host.reports if name in each.name]
    assert report.state == "loaded", report


def test_the_executor(lab: Lab) -> None:
    ran = lab.run("steps: [{name: s, type: shout, command: hello, config: {times: 2}}]")
    assert ran.out("s") == "HELLO\nHELLO\n"


def test_the_guard(lab: Lab) -> None:
    ran = lab.run("""
        type: graph
        steps:
          - {name: late, command: "sleep 0.3; touch data.csv"}
          - {name: s, command: "test -e data.csv", needs: {file: data.csv}}
        """)
    assert ran.status == "succeeded"


def test_the_notifier(lab: Lab) -> None:
    mail = lab.work / "mail.txt"
    lab.run(f"postcard: {{file: {mail}}}\nsteps: ['false']")
    assert mail.read_text() == "flow has failed\n"


def test_the_observer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = lab.work / "journal"
    monkeypatch.setenv("JOURNAL", str(journal))
    lab.plugins.append(module("observer"))
    lab.run("steps: ['true']")
    events = ("RunStarted", "AttemptStarted", "AttemptEnded", "RunEnded")
    assert journal.read_text().splitlines() == [f"flow {name}" for name in events]


def test_the_secret_provider(lab: Lab) -> None:
    lab.plugins.append(module("secrets"))
    lab.write('{"token": "open sesame"}', "vault.json")
    ran = lab.run("""
        secrets: [{name: T, provider: json, key: vault.json#token}]
        steps: [{name: s, command: 'test "$T" = "open sesame" && echo "it is $T"'}]
        """)
    assert ran.out("s") == "it is *******\n"


def test_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dag = tmp_path / "dag.yaml"
    dag.write_text("steps:\n  - echo a\n  - echo b\n  - echo c\n")
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "rules.py").write_text((ROOT / "docs" / "examples" / "plugin_settings.py").read_text())

    def validate(most: object) -> tuple[int, str]:
        (tmp_path / "config.yaml").write_text(f"rules: {{maxSteps: {most}}}\n")
        code = run(["validate", str(dag)], Invocation(home=str(tmp_path)))
        return code, capsys.readouterr().err

    assert validate(3) == (0, "")
    assert validate(2)[0] == 1 and f"{dag}:4:5: error RULE1 3 steps, where 2 are allowed" in validate(2)[1]
    refused = "config.yaml:1:19: rules.maxSteps: Input should be greater than or equal to 1"
    assert f"the plugin rules could not judge this file: dagu_lint: {tmp_path}/{refused}" in validate(0)[1]


class TestBeat(ClockTriggerContract):
    """The contract of schedules, inherited as a plugin would."""

    trigger = Beat

    def entries(self) -> Sequence[Mapping[str, Any] | str]:
        return ["@beat 90", {"seconds": 3600}]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dag = tmp_path / "nap.yaml"
    dag.write_text("steps: [sleep 0.2]\n")
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "longest.py").write_text((ROOT / "docs" / "examples" / "plugin_command.py").read_text())

    def dagu(*words: str) -> str:
        assert run(list(words), Invocation(home=str(tmp_path))) == 0
        return capsys.readouterr().out

    assert dagu("longest", "nap") == "no run of nap has ended\n"
    dagu("start", "-q", str(dag))
    seconds, unit = dagu("longest", "nap").split()
    assert float(seconds) >= 0.2 and unit == "s"


class TestFolderStore(StateStoreContract):
    """The contract of stores, inherited as a plugin would."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "runs"

    def make_store(self) -> FolderStore:
        return FolderStore(f"folder://{self.path}", clock=self.clock)


def test_the_store_is_chosen_by_its_scheme(tmp_path: Path) -> None:
    host = PluginHost.load(discover=False, plugins=[module("store")])
    store = host.catalog.store(f"folder://{tmp_path}/here")(f"folder://{tmp_path}/here")

    async def opened() -> None:
        await store.open()
        await store.close()

    asyncio.run(opened())
    assert (tmp_path / "here" / "runs.db").exists()
