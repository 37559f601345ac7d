"""Settings of plugins are known whether or not the plugin was imported."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import field_validator

from dagu_core.app.checks import machine
from dagu_core.base.errors import PluginError
from dagu_core.base.settings import Settings, SettingsSection, setting
from dagu_core.contracts import host as host_module
from dagu_core.contracts.discovery import installed
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.offers import offers_of

_PLUGIN = '''
from dagu_core import SettingsSection, hookimpl, setting

DAGU_ON_DEMAND = True


class LampSettings(SettingsSection):
    """Lamps."""

    section = "lamps"
    most: int = setting(3, "How many.", gt=0, old_keys=("lampLimit",))


@hookimpl
def dagu_register_settings():
    return [LampSettings]
'''
FILE = "lamps: {most: -1, mots: 2}\nlampLimit: 4\nlump: 1\n"
UNKNOWN = ["unknown key `lamps.mots`. Did you mean `lamps.most`?", "unknown key `lump`"]
Start = Callable[..., tuple[Settings, PluginHost]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """What a process does at its start, where one plugin is installed that has settings."""
    site = tmp_path / "site"
    info = site / "toy_lamps-1.dist-info"
    info.mkdir(parents=True)
    (site / "toy_lamps.py").write_text(_PLUGIN)
    (info / "entry_points.txt").write_text("[dagu.plugins]\nlamps = toy_lamps\n")
    (info / "METADATA").write_text("Name: toy-lamps\nVersion: 1\n")
    (tmp_path / "config.yaml").write_text(FILE)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    monkeypatch.setattr(host_module, "installed", lambda: installed(path=[str(site)]))
    importlib.invalidate_caches()
    environ = {"DAGU_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def process(**flags: object) -> tuple[Settings, PluginHost]:
        sys.modules.pop("toy_lamps", None)
        settings = Settings.load(environ=environ, flags={f"plugins.{key}": flags[key] for key in flags})
        return settings, PluginHost.of(settings)

    yield process
    sys.modules.pop("toy_lamps", None)


def _told(settings: Settings) -> list[str]:
    return [each.partition(": ")[2] for each in settings.warnings]


def test_the_keys_of_a_plugin_are_known_while_it_sleeps(start: Start) -> None:
    assert _told(start()[0]) == UNKNOWN and "toy_lamps" in sys.modules
    assert _told(start()[0]) == UNKNOWN and "toy_lamps" not in sys.modules


@pytest.mark.parametrize("flags", [{"disabled": ["lamps"]}, {"safeMode": True}])
def test_the_keys_of_a_plugin_that_is_switched_off_are_remembered(
    start: Start, flags: dict[str, object]
) -> None:
    start()
    assert _told(start(**flags)[0]) == UNKNOWN and "toy_lamps" not in sys.modules


def test_a_value_that_is_refused_is_told_once_and_as_what_it_is(start: Start, tmp_path: Path) -> None:
    start()
    found = machine.settings(*start())
    refused = f"{tmp_path}/config.yaml:1:15: lamps.most: Input should be greater than 0"
    assert [(one.severity, one.what) for one in found if "lamps.most:" in one.what] == [("error", refused)]
    assert [one.what.partition(": ")[2] for one in found if one.severity == "warning"][-2:] == UNKNOWN


class CrookedSettings(SettingsSection):
    """Its validator is for a field that it does not have."""

    section: ClassVar[str] = "crooked"
    most: int = setting(3, "How many.")

    @field_validator("lest")
    @classmethod
    def _enough(cls, lest: int) -> int:
        return lest


class SilentSettings(SettingsSection):
    """A field that nobody explains."""

    section: ClassVar[str] = "silent"
    most: int = 3


class MistypedSettings(SettingsSection):
    """A limit that pydantic does not know, and would not judge by."""

    section: ClassVar[str] = "mistyped"
    most: int = setting(3, "How many.", gte=0)


class NamelessSettings(SettingsSection):
    section: ClassVar[str] = "nameless"
    most: int = setting(3, "How many.")


class OurSettings(SettingsSection):
    """Takes a key that the core has."""

    section: ClassVar[str] = "scheduler"
    most: int = setting(3, "How many.")
    gate: int = setting(3, "Which.", key="PORT")


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (
            MistypedSettings,
            r"settings MistypedSettings make no model: setting\(\) takes no gte; its limits are .*",
        ),
        (NamelessSettings, r"settings NamelessSettings have no description \(docstring\)"),
        (OurSettings, "settings OurSettings: `scheduler.port` is a setting of the core; choose another .*"),
        (
            CrookedSettings,
            r"settings CrookedSettings make no model: Decorators defined with incorrect fields.*",
        ),
        (SilentSettings, "settings SilentSettings: the field `most` has no description"),
    ],
)
def test_a_section_that_cannot_be_used_is_refused_when_it_is_offered(
    section: type[SettingsSection], told: str
) -> None:
    with pytest.raises(PluginError) as caught:
        list(offers_of("toy", "dagu_register_settings", [section]))
    assert re.fullmatch(told, str(caught.value))
