"""The sections of the core itself."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from dagu_core.base.errors import UsageError
from dagu_core.base.names import check_queue_name
from dagu_core.base.settings.section import SettingsItem, SettingsSection, setting
from dagu_core.base.settings.values import Checked, Duration, Isolation, Pairs, Words


def _zone(name: str) -> str:
    if name:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"unknown time zone {name!r}") from None
    return name


def _queue_name(name: str) -> str:
    try:
        return check_queue_name(name)
    except UsageError as error:
        raise ValueError(str(error)) from None


Zone = Annotated[str, Checked(_zone)]
QueueName = Annotated[str, Checked(_queue_name)]


class CoreSettings(SettingsSection):
    """What every command needs to know."""

    section: ClassVar[str] = ""
    debug: bool = setting(
        False,
        "Say more in the log of runs, and where in the program each line was made; the variable DEBUG,"
        " whatever its value, does the same.",
    )
    log_format: Literal["text", "json"] = setting("text", "Form of log lines.", lenient=True)
    tz: Zone = setting("", "IANA time zone of schedules and times shown; empty = the system's.")
    default_shell: str = setting("", "Shell of steps that name none; empty = $SHELL, else sh.")
    skip_examples: bool = setting(
        False,
        "Make no examples when the DAGs folder is new; where a folder is set, none are made.",
    )
    work_dir: str = setting("", "Folder a run starts in when its DAG names none; empty = the DAG's folder.")
    cache: Literal["low", "normal", "high"] = setting(
        "normal", "How much is kept in memory.", lenient=True, unused="nothing needs to be kept there"
    )
    store: str = setting("", "URL of the state store; empty = SQLite in the data folder.")
    durability: Literal["normal", "full"] = setting(
        "normal", "When a step's transition must be on the disk: within 100 ms, or at once (full)."
    )

    log_limit: int = setting(1 << 30, "Bytes kept of each log of a step, apart from its last MiB.", ge=1024)


_IN_DATA = "it is in the store and in the data folder"


class PathSettings(SettingsSection):
    """Where things are; an empty value stands for the place in the home folder."""

    section: ClassVar[str] = "paths"
    dags: str = setting(
        "",
        "DAG files.",
        key="dagsDir",
        env=("DAGU_DAGS_DIR", "DAGU_DAGS"),
        old_keys=("dagsDir", "dags", "paths.dags"),
    )
    logs: str = setting("", "Logs of runs.", key="logDir", env="DAGU_LOG_DIR", old_keys=("logDir",))
    data: str = setting(
        "",
        "State of runs.",
        key="dataDir",
        env="DAGU_DATA_DIR",
        old_keys=("dataDir",),
        old_env=("DAGU__DATA",),
    )
    suspend: str = setting(
        "",
        "Flags of suspended DAGs.",
        key="suspendFlagsDir",
        env="DAGU_SUSPEND_FLAGS_DIR",
        old_keys=("suspendFlagsDir",),
        old_env=("DAGU__SUSPEND_FLAGS_DIR",),
    )
    admin_logs: str = setting(
        "",
        "Logs of the services.",
        key="adminLogsDir",
        env="DAGU_ADMIN_LOG_DIR",
        old_keys=("adminLogsDir",),
        old_env=("DAGU__ADMIN_LOGS_DIR",),
    )
    base_config: str = setting(
        "",
        "The DAG merged under every DAG.",
        key="baseConfig",
        env="DAGU_BASE_CONFIG",
        old_keys=("baseConfig",),
    )
    executable: str = setting(
        "", "The program that runs DAGs.", env="DAGU_EXECUTABLE", old_keys=("executable",)
    )
    dag_runs: str = setting("", "Files of runs.", key="dagRunsDir", env="DAGU_DAG_RUNS_DIR", unused=_IN_DATA)
    queue: str = setting("", "Files of queues.", key="queueDir", env="DAGU_QUEUE_DIR", unused=_IN_DATA)
    proc: str = setting("", "Locks of live processes.", key="procDir", env="DAGU_PROC_DIR", unused=_IN_DATA)
    service_registry: str = setting(
        "", "Who serves what.", key="serviceRegistryDir", env="DAGU_SERVICE_REGISTRY_DIR", unused=_IN_DATA
    )
    users: str = setting("", "Users.", key="usersDir", env="DAGU_USERS_DIR")
    api_keys: str = setting("", "API keys.", key="apiKeysDir", env="")
    webhooks: str = setting("", "Webhooks.", key="webhooksDir", env="")


class QueueSettings(SettingsItem):
    """One named queue."""

    name: QueueName
    max_concurrency: int = 1
    max_active_runs: int | None = None
    labels: Pairs = setting({}, "What is said of the queue.")

    @property
    def limit(self) -> int:
        """How many of its runs may be active at once; at least 1."""
        return max(1, self.max_concurrency if self.max_active_runs is None else self.max_active_runs)


class QueuesSettings(SettingsSection):
    """The queues."""

    section: ClassVar[str] = "queues"
    enabled: bool = setting(True, "Whether runs may be queued.", env="DAGU_QUEUE_ENABLED")
    strict: bool = setting(False, "Refuse queues that are not in `queues.config`.")
    config: list[QueueSettings] = setting([], "Queues with a limit of their own.", env="")

    def limit(self, name: str) -> int | None:
        """The limit of the queue `name`, None when it is not configured."""
        return next((queue.limit for queue in self.config if queue.name == name), None)

    def labels(self, name: str) -> dict[str, str]:
        """What is said of the queue `name`; nothing unless it is configured."""
        return next((queue.labels for queue in self.config if queue.name == name), {})


class SchedulerSettings(SettingsSection):
    """The scheduler service."""

    section: ClassVar[str] = "scheduler"
    port: int = setting(8090, "Port of the health page; 0 or less = none.", le=65535)
    host: str = setting("127.0.0.1", "Address of the health page.")
    catchup_per_dag: int = setting(
        100, "Most missed starts caught up at once, for each DAG.", key="catchup.maxRunsPerDag", ge=1
    )
    catchup_total: int = setting(500, "The same for all together.", key="catchup.maxRunsTotal", ge=1)
    catchup_per_minute: int = setting(
        60, "Most of them handed to their queues in a minute.", key="catchup.dispatchPerMinute", ge=1
    )
    backfill_max_runs: int = setting(
        10_000,
        "Most runs a backfill may make.",
        key="backfill.maxRuns",
        old_keys=("backfill.maxRuns",),
        ge=1,
    )
    misfire_threshold: Duration | None = setting(
        None,
        "How late a start may be made; later it is missed. Empty = 60s, and 5s for lines with seconds.",
        gt=0,
    )
    min_interval: Duration = setting(
        1.0, "Nothing is done by a line of a schedule that comes closer than this."
    )
    lock_stale_threshold: Duration = setting(
        30.0,
        "A leader silent for so long is replaced.",
        unused="one of this host is replaced at once when it dies, any other after 17s",
    )
    lock_retry_interval: Duration = setting(
        5.0,
        "How often a stand-by tries to lead.",
        unused="it hears of a death on its host at once, and tries every 2s besides",
    )
    zombie_detection_interval: Duration = setting(
        45.0,
        "How often lost runs are looked for; 0 = never.",
        unused="the kernel tells of a process that died, and its runs are taken over at once",
    )


class LocationSettings(SettingsSection):
    """The place on Earth for schedules that follow the sun, when a DAG names none."""

    section: ClassVar[str] = "location"
    lat: float | None = setting(None, "Latitude in degrees, north is positive.", ge=-90, le=90)
    lon: float | None = setting(None, "Longitude in degrees, east is positive.", ge=-180, le=180)
    elevation: float = setting(0.0, "Metres above the sea.")

    @property
    def place(self) -> dict[str, float] | None:
        """The place as data, None when none is set."""
        if self.lat is None or self.lon is None:
            return None
        return {"lat": self.lat, "lon": self.lon, "elevation": self.elevation}


class PluginSettings(SettingsSection):
    """Which plugins are loaded."""

    section: ClassVar[str] = "plugins"
    disabled: Words = setting(
        [], "Plugins that are never imported.", env="DAGU_PLUGINS_DISABLED", old_keys=("plugins.disable",)
    )
    allow: Words = setting([], "When not empty: only these plugins are imported.")
    prefer: Pairs = setting(
        {}, "Which plugin or package gets a word that several claim, as `{ssh: dagu-ssh}`."
    )
    isolation: Isolation = setting(
        {},
        "Whose steps run in a process each, off the engine, as `{sql: process}`; `process` alone means all.",
    )
    executables: Words = setting([], "Programs that bring step types (with `dagu-process`); absolute paths.")
    safe_mode: bool = setting(False, "Import nothing but the built-in parts.", env="DAGU_SAFE_MODE")
