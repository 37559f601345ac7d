"""The suite for pages notices a page that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core.base.places import InvalidDefinition
from dagu_core.testing.page_contract import PageContract, blocks
from dagu_example import plugin
from dagu_example.executor import WaitForConfig

GOOD = "steps: [{type: wait-for, config: {file: ready}}]\n"
TABLE = "| Key | Meaning |\n| --- | --- |\n| `file` | a |\n| `waitFor.port` | b |\n| `timeout: 3` | c |\n"


def suite(page: Path, text: str) -> PageContract:
    page.write_text(text, "utf-8")
    return type("Pages", (PageContract,), {"pages": (page,), "plugins": (plugin,)})()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


def test_blocks_of_a_language_are_found(page: Path) -> None:
    page.write_text(f"```yaml\n{GOOD}```\n\n```sh\nls\n```\n```yaml\na: 1\n```\n    ```yaml\n", "utf-8")
    assert blocks(page) == [GOOD, "a: 1\n"]
    assert blocks(page, "sh") == ["ls\n"]


def test_a_page_without_examples_is_noticed(page: Path) -> None:
    suite(page, f"```yaml\n{GOOD}```\n").test_a_page_has_examples(page)
    with pytest.raises(AssertionError, match=r"page\.md shows no YAML"):
        suite(page, "Nothing to see.\n").test_a_page_has_examples(page)


@pytest.mark.parametrize(
    "example",
    [
        "steps: [{type: wait-for, config: {fiel: ready}}]",
        "steps: [{type: wait-till, config: {file: ready}}]",
        "steps: [{type: jq, script: .}]",
        "steps: 7",
    ],
)
def test_an_example_that_is_refused_is_noticed(page: Path, example: str) -> None:
    with pytest.raises(InvalidDefinition):
        suite(page, "").test_an_example_is_valid(example)


def test_an_example_that_is_warned_of_is_noticed(page: Path) -> None:
    suite(page, "").test_an_example_is_valid(GOOD)
    with pytest.raises(AssertionError, match="smtp"):
        suite(page, "").test_an_example_is_valid(GOOD + "smtp: {host: mail.example.org}\n")


def test_an_example_of_which_a_plugin_finds_something_is_noticed(page: Path) -> None:
    from dagu_ftp import plugin as ftp

    careless = "steps: [{type: sftp, command: list, config: {host: h, source: a, strictHostKey: false}}]"
    pages = suite(page, "")
    pages.plugins = (ftp,)  # type: ignore[misc]
    with pytest.raises(AssertionError, match="strictHostKey"):
        pages.test_an_example_is_valid(careless)
    pages.expected = ("D331",)  # type: ignore[misc]
    pages.test_an_example_is_valid(careless)


def test_a_key_that_no_table_explains_is_noticed(page: Path) -> None:
    suite(page, f"{TABLE}| `interval` | d |\n").test_every_key_is_on_the_page(WaitForConfig)
    with pytest.raises(AssertionError, match="interval"):
        suite(page, f"{TABLE}\nThere is an `interval`, too.\n").test_every_key_is_on_the_page(WaitForConfig)
