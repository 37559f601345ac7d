"""Settings: file, environment and flags as one validated object; each declared once."""

from dagu_core.base.settings.folders import Paths
from dagu_core.base.settings.load import Settings
from dagu_core.base.settings.section import (
    Duration,
    Isolation,
    Pairs,
    SettingsItem,
    SettingsSection,
    Size,
    Words,
    parse_duration,
    setting,
)
from dagu_core.base.settings.sections import (
    CoreSettings,
    PathSettings,
    PluginSettings,
    QueuesSettings,
    SchedulerSettings,
)
from dagu_core.base.settings.services import (
    AuthSettings,
    CoordinatorSettings,
    HistorySettings,
    MonitoringSettings,
    PeerSettings,
    RemoteNode,
    ServerSettings,
    UISettings,
    WorkerSettings,
)

__all__ = [
    "AuthSettings",
    "CoordinatorSettings",
    "CoreSettings",
    "Duration",
    "HistorySettings",
    "Isolation",
    "MonitoringSettings",
    "Pairs",
    "PathSettings",
    "Paths",
    "PeerSettings",
    "PluginSettings",
    "QueuesSettings",
    "RemoteNode",
    "SchedulerSettings",
    "ServerSettings",
    "Settings",
    "SettingsItem",
    "SettingsSection",
    "Size",
    "UISettings",
    "Words",
    "WorkerSettings",
    "parse_duration",
    "setting",
]
