"""Settings: file, environment and flags as one validated object; each declared once."""

from dagu_core.base.settings.folders import Paths
from dagu_core.base.settings.load import Settings
from dagu_core.base.settings.section import SettingsItem, SettingsSection, setting
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
from dagu_core.base.settings.values import (
    Duration,
    Isolation,
    Pairs,
    Secret,
    Size,
    Words,
    parse_duration,
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
    "Secret",
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
