"""The project's own files agree with each other."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.house.tree import ROOT, files, named, pages

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
FRAGMENT = re.compile(r"[a-z0-9-]+\.(?:feature|fix|removal|docs)\.md")


def _lines(name: str) -> list[str]:
    text = (ROOT / name).read_text()
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_the_pip_way_installs_every_project_of_the_workspace() -> None:
    members = PROJECT["tool"]["uv"]["workspace"]["members"]
    folders = [path.parent for pattern in members for path in ROOT.glob(f"{pattern}/pyproject.toml")]
    wanted = {"."} | {named(folder) for folder in folders}
    installed = {
        line.split()[1].partition("[")[0] for line in _lines("requirements-dev.txt") if line[:2] == "-e"
    }
    assert installed == wanted


def test_both_ways_bring_the_same_tools() -> None:
    with_pip = {_name(line) for line in _lines("requirements-dev.txt") if line[:2] != "-e"}
    assert with_pip == {_name(line) for line in PROJECT["dependency-groups"]["dev"]}


def test_every_constraint_is_a_plain_pin_and_everything_needed_is_pinned() -> None:
    lines = _lines("constraints.txt")
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9.-]+==[0-9][\w.]*", line)] == []
    assert lines == sorted(lines)
    needed = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    assert {_name(line) for line in needed} - {_name(line) for line in lines} == set()


def test_no_lock_file_is_tracked() -> None:
    assert [named(path) for path in files(".lock")] == []


def test_every_command_the_pages_name_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {
        word
        for page in pages()
        for command in re.findall(r"(?:`|^\$? ?)make ((?:[a-z]+ ?)+)", page.read_text(), re.MULTILINE)
        for word in command.split()
    }
    assert {"demo", "test"} <= used
    assert used - targets == set()


def test_ci_runs_what_the_readme_says() -> None:
    command = "make check test"
    assert command in (ROOT / ".ci" / "run").read_text()
    assert command in (ROOT / "README.md").read_text()


def test_commit_hooks_are_local() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (\S+)", text) == ["local"]


@pytest.mark.parametrize("path", sorted((ROOT / "changelog.d").glob("*.md")), ids=lambda path: path.name)
def test_a_changelog_fragment_is_a_sentence_for_users(path: Any) -> None:
    if path.name == "README.md":
        return
    assert FRAGMENT.fullmatch(path.name), "name it <topic>.<feature|fix|removal|docs>.md"
    text = path.read_text().strip()
    assert re.match(r"[A-Z`]", text), "begin with a capital letter"
    assert text.endswith("."), "end with a full stop"
