"""Settings: file, environment and flags as one validated object; each declared once."""

from dagu_core.base.settings.folders import Paths
from dagu_core.base.settings.load import Settings
from dagu_core.base.settings.section import (
    Duration,
    Pairs,
    SettingsItem,
    SettingsSection,
    Words,
    parse_duration,
    setting,
)

__all__ = [
    "Duration",
    "Pairs",
    "Paths",
    "Settings",
    "SettingsItem",
    "SettingsSection",
    "Words",
    "parse_duration",
    "setting",
]
