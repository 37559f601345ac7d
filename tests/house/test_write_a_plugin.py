"""The guide "Write a plugin" shows the code of plugins/dagu-example, and whoever follows it arrives."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import dagu_core
from dagu_core import Place
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_example import plugin
from tests.house.test_docs import dagu
from tests.house.tree import ROOT, blocks

GUIDE = ROOT / "docs" / "plugins" / "write-one.md"
EXAMPLE = ROOT / "plugins" / "dagu-example"
#: file of the guide -> the file of the example it shows
SHOWN = {
    "dagu_wait_for/executor.py": "dagu_example/executor.py",
    "tests/test_wait_for.py": "tests/test_example_contract.py",
}


def shown() -> dict[str, str]:
    """File -> its content, as the guide has it."""
    found = {}
    for block in blocks(GUIDE):
        head, _, text = block.text.partition("\n")
        if block.info == "python" and head.startswith("# "):
            found[head.removeprefix("# ")] = text
    return found


def test_the_guide_shows_the_code_of_the_example() -> None:
    assert set(shown()) == set(SHOWN)
    for place, text in shown().items():
        assert text.replace("dagu_wait_for", "dagu_example") == (EXAMPLE / SHOWN[place]).read_text()


def test_the_hook_of_the_guide_finds_what_it_says() -> None:
    (hook,) = (each.text for each in blocks(GUIDE) if each.info == "python" and "dagu_lint" in each.text)
    names = {name: getattr(dagu_core, name) for name in ("hookimpl", "Places", "Plan", "Problem")}
    exec(compile(hook, "guide", "exec"), names)
    judge = SimpleNamespace(dagu_lint=names["dagu_lint"], __name__="judge")
    host = PluginHost.load(discover=False, plugins=[plugin, judge])
    text = (
        "steps:\n  - name: a\n    type: wait-for\n    with: {}\n  - {type: wait-for, config: {port: 'a:1'}}\n"
    )
    found = read_definition(text, vocabulary=host.catalog.vocabulary)
    (problem,) = host.lint(found.plans[0], found.places[0])
    assert (problem.message, problem.place) == ("step a: there is nothing to wait for", Place(4, 5))


def test_following_the_guide_a_plugin_is_verified_with_less_than_60_lines_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    # It has the same word.
    (home / "config.yaml").write_text("plugins: {disabled: [dagu-example]}\n")
    done = dagu(home, "plugin", "new", "executor", "wait-for", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder, own = tmp_path / "dagu-wait-for", 0
    for place, text in shown().items():
        given = (folder / place).read_text().splitlines()
        own += sum(bool(line.strip()) and line not in given for line in text.splitlines())
        (folder / place).write_text(text)
    assert 20 < own < 60
    example = next(block.text for block in blocks(GUIDE) if block.info == "yaml")
    (readme,) = (block for block in blocks(folder / "README.md") if block.info == "yaml")
    text = readme.page.read_text()
    assert readme.text in text
    readme.page.write_text(text.replace(readme.text, example))
    # What `pip install -e` does.
    info = folder / "dagu_wait_for-0.1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[dagu.plugins]\nwait-for = dagu_wait_for.plugin\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dagu-wait-for\nVersion: 0.1.0\n\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    done = dagu(home, "plugin", "verify", "wait-for", cwd=tmp_path)
    listed = dagu(home, "plugin", "which", "wait-for", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TestWaitFor::test_a_stop_ends_it_within_the_grace" in done.stdout
    assert (folder / "dagu_wait_for" / "verify.json").exists()
    assert "dagu-wait-for 0.1.0" in listed.stdout
