"""The documentation is true: hooks are described, examples are DAGs, the first page works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import pytest
from jsonschema import Draft202012Validator

from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.located import plain
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.schema import dag_schema
from dagu_core.model.spec.vocabulary import Vocabulary
from dagu_core.model.spec.yaml import read_documents
from docs.generate import PAGES, hook_signature, hooks
from tests.house.tree import ROOT, Block, blocks, files, named, pages

DAGS = [block for page in pages() for block in blocks(page) if block.info == "yaml"]
EXAMPLES = [path for path in files(".yaml") if path.is_relative_to(ROOT / "docs" / "examples")]
TEN_MINUTES = ROOT / "docs" / "start" / "ten-minutes.md"


def dagu(home: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """One call of the command line with a home folder of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("DAGU_")}
    command = [str(Path(sys.executable).with_name("dagu")), *args]
    env["DAGU_HOME"] = str(home)
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=50)


@pytest.mark.parametrize("name", hooks())
def test_a_hook_is_documented_with_its_signature(name: str) -> None:
    page = (ROOT / "docs" / "plugins" / "hooks.md").read_text()
    assert f"### `{name}{hook_signature(hooks()[name])}`" in page


@pytest.mark.parametrize("name", hooks())
def test_a_hook_says_what_it_is_for_and_since_when(name: str) -> None:
    text = hooks()[name].__doc__ or ""
    assert re.match(r"[A-Z][^\n]*[^\n]{10}", text), "begin with a sentence"
    assert re.search(r"\.\. versionadded:: API \d+", text)


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_fresh(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_every_key_of_the_language_says_what_it_means() -> None:
    schema = json.loads((ROOT / "docs" / "reference" / "dag.schema.json").read_text(encoding="utf-8"))
    parts = {"DAG": schema} | schema["$defs"]
    keys = {
        f"{name}.{key}": value
        for name, part in parts.items()
        for key, value in part.get("properties", {}).items()
        if "/properties/" not in value.get("$ref", "")
    }
    assert len(keys) > 60
    assert [key for key, value in keys.items() if not value.get("description")] == []


def test_there_are_examples_to_check() -> None:
    assert len(DAGS) >= 6
    assert EXAMPLES


@cache
def vocabulary() -> Vocabulary:
    return PluginHost.load().catalog.vocabulary


@pytest.mark.parametrize("block", DAGS, ids=str)
def test_an_example_in_the_docs_is_a_valid_dag(block: Block) -> None:
    definition = read_definition(block.text, path=str(block.page), vocabulary=vocabulary())
    assert definition.warnings == ()


@cache
def schema() -> Draft202012Validator:
    return Draft202012Validator(dag_schema(PluginHost.load().complete().vocabulary, ()))


@pytest.mark.parametrize("block", DAGS, ids=str)
def test_an_example_in_the_docs_meets_the_schema(block: Block) -> None:
    for document in read_documents(Findings(block.text, str(block.page))):
        schema().validate(plain(document))


@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_an_example_file_runs(path: Path, tmp_path: Path) -> None:
    done = dagu(tmp_path / "home", "start", str(path), "--", f"DIR={tmp_path}/out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Result: Succeeded" in done.stdout
    assert (tmp_path / "out" / "report.md").read_text().startswith("# This machine")


def test_the_ten_minutes_go_as_they_are_written(tmp_path: Path) -> None:
    ran = []
    for block in blocks(TEN_MINUTES):
        if block.info == "yaml":
            name = re.match(r"# (\w+\.yaml)\n", block.text)
            assert name, f"{block}: the first line names the file"
            (tmp_path / name[1]).write_text(block.text)
        if block.info == "console":
            for command, expected in re.findall(
                r"^\$ dagu (.*?)(?: +# exit code (\d+))?$", block.text, re.MULTILINE
            ):
                done = dagu(tmp_path / "home", *command.split(), cwd=tmp_path)
                said = done.stdout + done.stderr
                assert done.returncode == int(expected or 0), f"{block}: dagu {command}\n{said}"
                ran.append(command)
    assert len(ran) >= 8


@cache
def plugin_verbs() -> dict[str, str]:
    """The verbs plugins of ours bring, each with all its flags."""

    def flags(command: click.Command) -> list[str]:
        own = [option for param in command.params for option in param.opts]
        below = getattr(command, "commands", {}).values()
        return own + [flag for each in below for flag in flags(each)]

    commands = PluginHost.load().catalog.commands
    return {verb: " ".join(flags(command.load())) for verb, command in commands.items()}


@pytest.mark.parametrize("page", [page for page in pages() if page.name != "cli.md"], ids=named)
def test_a_page_names_only_verbs_and_flags_that_exist(page: Path) -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    reference += "".join(f"## `dagu {verb}` {flags}\n" for verb, flags in plugin_verbs().items())
    calls = re.findall(r"`dagu ([a-z]+)([^`\n]*)`|^\$? ?dagu ([a-z]+)(.*)$", page.read_text(), re.MULTILINE)
    verbs = {first or second for first, _, second, _ in calls}
    flags = {flag for _, one, _, two in calls for flag in re.findall(r"(?<!\S)--[a-z][a-z-]+", one + two)}
    assert {verb for verb in verbs if f"## `dagu {verb}`" not in reference} == set()
    assert {flag for flag in flags if not re.search(rf"{flag}\b", reference)} == set()
