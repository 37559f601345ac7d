"""Words and who brings them; the public surface."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dagu_core
from dagu_core.base.errors import NotFound
from dagu_core.contracts.catalog import OWNERS, Catalog
from dagu_core.contracts.offers import Offer
from dagu_core.contracts.secrets import SecretProvider

ROOT = Path(__file__).parents[3]


class Vault(SecretProvider):
    """A vault."""

    name = "vault"


@pytest.mark.parametrize(
    ("word", "package"),
    [
        ("docker", "dagu-docker"),
        ("kubernetes", "dagu-k8s"),
        ("sftp", "dagu-ftp"),
        ("postgres", "dagu-sql"),
        ("smtp", "dagu-mail"),
        ("lock", "dagu-locks"),
        ("resources", "dagu-resources"),
        ("otel", "dagu-otel"),
    ],
)
def test_words_nobody_registered_have_an_owner(word: str, package: str) -> None:
    assert OWNERS[word] == package
    assert Catalog.of(()).vocabulary.owners[word] == package


def test_a_registered_word_has_no_owner_to_install() -> None:
    catalog = Catalog.of([Offer("locks", "DAG field", ("otel",), dagu_core.NoConfig)])
    assert "otel" not in catalog.vocabulary.owners
    assert catalog.vocabulary.dag_keys == {"otel": dagu_core.NoConfig}


def test_what_is_offered_is_found_by_every_word() -> None:
    catalog = Catalog.of([Offer("secrets", "secret provider", ("vault", "hcv"), Vault)])
    assert catalog.provider("vault") is catalog.provider("hcv") is Vault
    with pytest.raises(NotFound, match="no secret provider `env`") as caught:
        catalog.provider("env")
    assert caught.value.hint == "known: hcv, vault"
    with pytest.raises(NotFound) as caught:
        catalog.store("mysql://host/db")
    assert caught.value.hint == "planned: Database backend support, with the package dagu-db"
    with pytest.raises(NotFound) as caught:
        catalog.store("cellar:///here")
    assert caught.value.hint.startswith("known: ")


def test_a_notifier_and_a_dag_field_stand_at_the_same_place() -> None:
    field = Offer("a", "DAG field", ("mail_on",), dagu_core.NoConfig)
    notifier = Offer("b", "notifier", ("mailOn",), object)
    guard = Offer("c", "guard", ("mailOn",), object)
    assert field.claims == notifier.claims != guard.claims


def test_every_public_name_can_be_imported() -> None:
    for name in dagu_core.__all__:
        assert getattr(dagu_core, name) is not None
    assert set(dagu_core.__all__) <= set(dir(dagu_core))
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = dagu_core.Nothing


def test_the_type_checker_sees_the_same_names() -> None:
    tree = ast.parse(Path(dagu_core.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }
    lazy = {(f"dagu_core.{home}", name) for name, home in dagu_core._HOME_OF.items()}
    assert seen == lazy
    assert sorted(dagu_core.__all__) == sorted(name for _, name in seen)


def test_importing_the_public_surface_imports_nothing_else() -> None:
    code = "import sys; old = set(sys.modules); import dagu_core; print(sorted(set(sys.modules) - old))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = set(ast.literal_eval(done.stdout))
    assert not {each for each in modules if each.startswith("dagu_core.")}
    assert not modules & {"pydantic", "pluggy", "yaml"}
