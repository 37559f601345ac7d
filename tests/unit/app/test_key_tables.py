"""The page of a plugin shows every key, as it is written in a file."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import pytest
from pydantic import Field

from dagu_core import Config, SettingsSection, hookimpl, setting
from dagu_core.app.key_tables import tables
from dagu_core.app.plugin_page import page_of
from dagu_core.contracts.host import PluginHost


class Bulb(Config):
    """A bulb."""

    watts: int = Field(description="How bright.")
    spare: Bulb | None = Field(None, description="Another one.")


class LampConfig(Config):
    """A lamp."""

    bulb: str | Bulb | None = Field(None, description="What shines.")
    shades: list[Bulb] = Field([], description="Two of them.")
    by_room: dict[str, Bulb] = Field({}, description="Which one where.")
    mode: Literal["", "on", "off"] = Field("", description="Given as `on[|off]`.")
    loud: bool = Field(False, description="Whether it hums.")
    wait: float = Field(1.0, description="Seconds.")
    words: list[str] = Field(["a"], description="Said.")


class LampSettings(SettingsSection):
    """All lamps."""

    section: ClassVar[str] = "lamps"
    most_of_them: int = setting(3, "How many.")


ROWS = [
    "| `bulb` | text or mapping | What shines. |",
    "| `shades` | list of mapping | Two of them. |",
    "| `byRoom` | mapping of mappings | Which one where. |",
    "| `mode` | `on` or `off` | Given as `on[\\|off]`. |",
    "| `loud` | true or false | Whether it hums. Default: `false`. |",
    "| `wait` | number | Seconds. Default: `1`. |",
    '| `words` | list of text | Said. Default: `["a"]`. |',
]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_written_as_a_file_is(row: str) -> None:
    assert row in tables(LampConfig.model_json_schema(), "###")


def test_a_mapping_has_a_table_of_its_own_once() -> None:
    lines = tables(LampConfig.model_json_schema(), "###")
    assert [line for line in lines if line.startswith("#")] == ["### Keys of `bulb`"]
    assert lines[-2:] == [
        "| `watts` | whole number | How bright. Required. |",
        "| `spare` | mapping | Another one. |",
    ]


def test_settings_are_shown_by_their_keys() -> None:
    class Plugin:
        """Lights."""

        @hookimpl
        def dagu_register_settings(self) -> list[type[SettingsSection]]:
            return [LampSettings]

    host = PluginHost.load(plugins=[Plugin()], discover=False)
    (report,) = [each for each in host.reports if each.name == "Plugin"]
    row = (
        "| `lamps.mostOfThem` | whole number | How many. Variable: `DAGU_LAMPS_MOST_OF_THEM`. Default: `3`. |"
    )
    assert row in page_of(host, report).splitlines()


def test_no_page_of_ours_shows_a_class_or_a_constant_of_python() -> None:
    host = PluginHost.load()
    pages = [page_of(host, report) for report in host.reports if report.state == "loaded"]
    rows = [line for page in pages for line in page.splitlines() if line.startswith("|")]
    assert len(rows) > 200
    assert [row for row in rows if row.replace("\\|", "").count("|") != 4] == []
    kinds = [row.split(" | ")[1] for row in rows]
    assert [each for each in kinds if "``" in each or re.search("`[A-Z][a-z]", each)] == []
    assert [row for row in rows if "Default: `False`" in row or "Default: `True`" in row] == []
