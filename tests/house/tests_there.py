"""Which tests there are, read from the files and without running anything."""

from __future__ import annotations

import ast
from functools import cache

from tests.house.tree import ROOT, files, named


@cache
def tests_by_file() -> dict[str, frozenset[str]]:
    """File -> the names of its test functions and test classes."""
    return {
        named(path): frozenset(_names(path.read_text(encoding="utf-8")))
        for path in files(".py")
        if "tests" in path.relative_to(ROOT).parts and path.name.startswith("test_")
    }


@cache
def all_tests() -> frozenset[str]:
    """The names of all test functions, inherited suites included."""
    suites = [path for path in files(".py") if path.is_relative_to(ROOT / "dagu_core" / "testing")]
    inherited = {name for path in suites for name in _names(path.read_text(encoding="utf-8"))}
    return frozenset(inherited.union(*tests_by_file().values()))


def _names(text: str) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds) and node.name.startswith(("test_", "Test"))
    }
