"""What stands inside of a setting, settings that must be given, and validators that break."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import field_validator

from dagu_core.base.errors import Invalid, PluginError
from dagu_core.base.settings import SettingsItem, SettingsSection, setting
from tests.unit.base.configuration import load


class Leaf(SettingsItem):
    """A leaf."""

    size: int = setting(1, "How large.", ge=0)


class Branch(SettingsItem):
    """A branch, which has leaves."""

    name: str = setting(..., "What it is called.")
    leaves: list[Leaf] = setting([], "What grows there.")


class TreeSettings(SettingsSection):
    """Items in items."""

    section: ClassVar[str] = "tree"
    branches: list[Branch] = setting([], "All of them.")
    main: Branch | None = setting(None, "The one that carries.")
    named: dict[str, Leaf] = setting({}, "Leaves by name.")


TREE = """\
tree:
  branches:
    - {name: a, leaves: [{size: 3, sice: 4}]}
  main: {name: m, nmae: x}
  named: {oak: {Size: 1, hue: 2}}
"""


def test_unknown_keys_are_told_however_deep_they_are(tmp_path: Path) -> None:
    settings = load(tmp_path, TREE)
    tree = settings.section(TreeSettings)
    assert [tree.branches[0].leaves[0].size, tree.named["oak"].size] == [3, 1]
    file = tmp_path / "config.yaml"
    assert list(settings.warnings) == [
        f"{file}:3:42: unknown key `tree.branches.leaves.sice`. Did you mean `size`?",
        f"{file}:4:25: unknown key `tree.main.nmae`. Did you mean `name`?",
        f"{file}:5:31: unknown key `tree.named.oak.hue`",
    ]


def test_an_item_without_what_it_must_have_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="Branch must be given name"):
        Branch(leaves=[])


class KeySettings(SettingsSection):
    """There is no default for a key."""

    section: ClassVar[str] = "safe"
    key: str = setting(..., "What opens it.")
    tries: int = setting(3, "How often.")


@pytest.mark.parametrize("text", ["", "safe: {tries: 2}"])
def test_what_must_be_given_is_asked_for(tmp_path: Path, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        load(tmp_path, text).section(KeySettings)
    assert str(refused.value) == "`safe.key` must be given, in the configuration file or as DAGU_SAFE_KEY"
    given = load(tmp_path, text, {"DAGU_SAFE_KEY": "sesame"}).section(KeySettings)
    assert given.key == "sesame"


class WildSettings(SettingsSection):
    """Its validator breaks."""

    section: ClassVar[str] = "wild"
    share: int = setting(1, "For each.")

    @field_validator("share")
    @classmethod
    def _shared(cls, share: int) -> float:
        return 1 / share


def test_a_validator_that_breaks_is_told_as_what_it_is(tmp_path: Path) -> None:
    settings = load(tmp_path, "wild: {share: 0}")
    with pytest.raises(PluginError) as broken:
        settings.section(WildSettings)
    assert str(broken.value) == (
        "WildSettings, the section `wild`, could not judge what it was given: "
        "ZeroDivisionError: division by zero"
    )
    assert settings.problems([WildSettings, TreeSettings]) != []
