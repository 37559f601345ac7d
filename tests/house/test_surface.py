"""The public surface: every promised name is there, and plugins use nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import dagu_core
from tests.house.tree import ROOT, files, named


def inner_imports(path: Path, package: str = "dagu_core") -> list[str]:
    """What a file imports from inside the package, past its public surface."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            found.append(node.module or "")
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith(f"{package}.")]
    return found


@pytest.mark.parametrize("name", dagu_core.__all__)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(dagu_core, name)
    if isinstance(thing, type):
        assert (thing.__doc__ or "").strip()


def test_the_surface_is_listed_in_order_and_once() -> None:
    assert list(dagu_core.__all__) == sorted(set(dagu_core.__all__))


def test_plugins_import_only_the_public_surface() -> None:
    own = [path for path in files(".py") if path.relative_to(ROOT).parts[0] == "plugins"]
    sources = [path for path in own if "tests" not in path.parts]
    # The other side of a WorkerExecutor imports nothing but this small module.
    allowed = {"dagu_core.contracts.work"}
    assert {named(path): found for path in sources if (found := set(inner_imports(path)) - allowed)} == {}


def test_an_import_past_the_surface_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text("import dagu_core.engine\nfrom dagu_core.app import x\nfrom dagu_core import hookimpl\n")
    assert inner_imports(path) == ["dagu_core.engine", "dagu_core.app"]
