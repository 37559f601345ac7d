"""Sizes, names and words of the files themselves."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files, named

PACKAGES = ("dagu_core", "dagu_server", "plugins", "sdk", "bench", "docs")
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}

# Written in pieces, so that this file keeps its own rule.
REGISTRY_HOSTS = re.compile("|".join(["py" + r"pi\.org", "python" + r"hosted\.org", r"registry\.npm" + "js"]))
MACHINE_PATHS = re.compile(r"(?<![\w.$}/-])/(?:home/[a-z]\w*|Users/[A-Za-z]\w*|work/\w+|tmp/peer)/")
LEFTOVERS = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + r"X)\b|<{7}|>{7}")


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_source_file_is_over_300_lines() -> None:
    sources = [
        path
        for path in files(".py")
        if path.relative_to(ROOT).parts[0] in PACKAGES and "tests" not in path.relative_to(ROOT).parts
    ]
    assert len(sources) > 30, "the sources were not found"
    assert {named(path): _lines(path) for path in sources if _lines(path) > 300} == {}


def test_no_file_of_code_is_over_500_lines() -> None:
    long = {
        named(path): _lines(path) for suffix in (".py", ".sh", "run", "Makefile") for path in files(suffix)
    }
    assert {name: lines for name, lines in long.items() if lines > 500} == {}


def test_no_module_has_a_vague_name() -> None:
    assert [named(path) for path in files(".py") if VAGUE & {path.stem, path.parent.name}] == []


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (REGISTRY_HOSTS, "the host of a package registry"),
        (MACHINE_PATHS, "a path of one machine"),
        (LEFTOVERS, "work that was left over"),
    ],
    ids=["hosts", "paths", "leftovers"],
)
def test_no_file_holds(pattern: re.Pattern[str], what: str) -> None:
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{named(path)}: {what}: {hit[0]}" for hit in pattern.finditer(text)]
    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert REGISTRY_HOSTS.search("https://py" + "pi.org/simple")
    assert MACHINE_PATHS.search("see /ho" + "me/ann/dags")
    assert not MACHINE_PATHS.search("${DIR}/work/here/x and ./home/ann/x")
    assert LEFTOVERS.search("# TO" + "DO later")


def test_only_the_host_and_its_hooks_know_the_plugin_libraries() -> None:
    found = []
    for path in files(".py"):
        home = named(path)
        if home.startswith("dagu_") and not home.startswith("dagu_core/contracts/"):
            found += [f"{home}: {name}" for name in _imports(path) if name in {"pluggy", "stevedore"}]
    assert found == []


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").partition(".")[0])
    return names
