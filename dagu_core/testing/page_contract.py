"""`PageContract`: inherit it, name the pages of your plugin, and what they show is proven.

class TestPages(PageContract):
    pages = (Path(__file__).parents[1] / "README.md",)
    plugins = (plugin,)
    models = (HttpConfig,)

Every block that begins with ```` ```yaml ```` has to be a whole DAG that is read without a warning and about
which no plugin finds anything; every key of the models has to stand in a table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel

from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.definition import Definition
from dagu_core.model.plan.plan import Plan
from dagu_core.model.spec.read import read_definition

__all__ = ["PageContract", "blocks"]


def blocks(page: Path, language: str = "yaml") -> list[str]:
    """The fenced blocks of that language on a Markdown page, in order."""
    fence = re.compile(rf"^```{re.escape(language)}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return fence.findall(page.read_text("utf-8"))


class PageContract:
    """What the pages about a plugin must keep."""

    #: Markdown pages whose examples are checked; each must have one
    pages: ClassVar[Sequence[Path]] = ()
    #: the plugins whose words the examples use, as modules or objects
    plugins: ClassVar[Sequence[object]] = ()
    #: models whose keys the first page must explain
    models: ClassVar[Sequence[type[BaseModel]]] = ()
    #: codes of findings that examples have because the files they speak of are not there
    expected: ClassVar[Sequence[str]] = ()

    def check(self, plan: Plan) -> None:
        """Assert what else is true of every example."""

    def read(self, example: str) -> Definition:
        """The definition an example is. Raises InvalidDefinition."""
        return read_definition(example, path="example.yaml", vocabulary=self.host.catalog.vocabulary)

    @property
    def host(self) -> PluginHost:
        """The host with the plugins, and no others."""
        return PluginHost.load(discover=False, plugins=self.plugins)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each page, example and key."""
        if "page" in metafunc.fixturenames:
            metafunc.parametrize("page", [pytest.param(page, id=page.name) for page in self.pages])
        if "example" in metafunc.fixturenames:
            examples = [
                pytest.param(block, id=f"{page.name}-{number}")
                for page in self.pages
                for number, block in enumerate(blocks(page))
            ]
            metafunc.parametrize("example", examples)
        if "model" in metafunc.fixturenames:
            none = pytest.param(None, marks=pytest.mark.skip("the suite was given no models"), id="none")
            models = [pytest.param(model, id=model.__name__) for model in self.models]
            metafunc.parametrize("model", models or [none])

    def test_a_page_has_examples(self, page: Path) -> None:
        assert blocks(page), f"{page.name} shows no YAML"

    def test_an_example_is_valid(self, example: str) -> None:
        definition = self.read(example)
        host = self.host
        found = [
            *definition.warnings,
            *(each for one in map(host.lint, definition.plans, definition.places) for each in one),
        ]
        told = "\n".join(each.message for each in found if each.code not in self.expected)
        assert not told, f"{told}\n\n{example}"
        for plan in definition.plans:
            self.check(plan)

    def test_every_key_is_on_the_page(self, model: type[BaseModel]) -> None:
        explained = _explained(self.pages[0].read_text("utf-8"))
        keys = [field.alias or name for name, field in model.model_fields.items()]
        missing = [key for key in keys if key not in explained]
        assert not missing, f"no table of {self.pages[0].name} explains {', '.join(missing)}"


def _explained(text: str) -> set[str]:
    """The keys in the first cells of tables: of `mailOn.failure` and `failure:` it is `failure`."""
    cells = re.findall(r"^\|([^|\n]*)\|", text, re.MULTILINE)
    words = [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]
    return {word.partition(":")[0].rpartition(".")[2] for word in words}
