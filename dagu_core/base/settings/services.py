"""The sections of the services: server, access, workers. Empty text = not set."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from dagu_core.base.settings.section import SettingsItem, SettingsSection, setting
from dagu_core.base.settings.values import Checked, Duration, Pairs, Secret, Size, Words


def _clean_path(path: str) -> str:
    words = [word for word in path.split("/") if word not in {"", "."}]
    return "".join(f"/{word}" for word in words)


URLPath = Annotated[str, Checked(_clean_path)]


class RemoteNode(SettingsItem):
    """Another server, shown in the same UI."""

    name: str
    api_base_url: str = ""
    is_basic_auth: bool = False
    basic_auth_username: str = ""
    basic_auth_password: Secret = Secret()
    is_auth_token: bool = False
    auth_token: Secret = Secret()
    skip_tls_verify: bool = False


class ServerSettings(SettingsSection):
    """The REST API and the UI's server."""

    section: ClassVar[str] = ""
    host: str = setting("127.0.0.1", "Address to listen on.", old_env=("DAGU__ADMIN_HOST",))
    port: int = setting(8080, "Port to listen on.", old_env=("DAGU__ADMIN_PORT",), ge=0, le=65535)
    base_path: URLPath = setting("", "Path everything is served under.")
    api_base_path: str = setting("/api/v2", "Path of the API, told to the UI.", env="")
    api_base_url: str = setting("", "Older name of apiBasePath.", key="apiBaseURL", env="DAGU_API_BASE_URL")
    headless: bool = setting(False, "Serve the API only.")
    latest_status_today: bool = setting(False, "The latest run counts only when it began today.")
    metrics: Literal["private", "public"] = setting(
        "private", "Whether /metrics needs a login.", env="DAGU_SERVER_METRICS"
    )
    cert_file: str = setting("", "TLS certificate.", key="tls.certFile", env="DAGU_CERT_FILE")
    key_file: str = setting("", "TLS key.", key="tls.keyFile", env="DAGU_KEY_FILE")
    ca_file: str = setting("", "TLS authority.", key="tls.caFile", env="")
    write_dags: bool = setting(
        True,
        "Whether definitions may be changed.",
        key="permissions.writeDAGs",
        env="",
        old_keys=("permissionWriteDAGs",),
    )
    run_dags: bool = setting(
        True,
        "Whether runs may be started.",
        key="permissions.runDAGs",
        env="",
        old_keys=("permissionRunDAGs",),
    )
    remote_nodes: list[RemoteNode] = setting([], "Other servers.", env="")


class UISettings(SettingsSection):
    """How the UI looks."""

    section: ClassVar[str] = "ui"
    navbar_color: str = setting(
        "", "Colour of the top bar.", old_env=("DAGU_NAVBAR_COLOR", "DAGU__ADMIN_NAVBAR_COLOR")
    )
    navbar_title: str = setting(
        "Dagu", "Text of the top bar.", old_env=("DAGU_NAVBAR_TITLE", "DAGU__ADMIN_NAVBAR_TITLE")
    )
    log_encoding_charset: str = setting(
        "", "Character set of logs; empty = the locale's.", old_env=("DAGU_LOG_ENCODING_CHARSET",)
    )
    max_dashboard_page_limit: int = setting(
        100, "Most runs on the dashboard.", old_env=("DAGU_MAX_DASHBOARD_PAGE_LIMIT",), ge=1
    )
    sort_field: str = setting(
        "name", "First order of the DAG list.", key="dags.sortField", env="DAGU_UI_DAGS_SORT_FIELD"
    )
    sort_order: str = setting("asc", "asc or desc.", key="dags.sortOrder", env="DAGU_UI_DAGS_SORT_ORDER")


class AuthSettings(SettingsSection):
    """Who may come in."""

    section: ClassVar[str] = "auth"
    mode: Literal["", "none", "builtin", "oidc"] = setting("", "Kind of login; empty = what is configured.")
    basic_username: str = setting(
        "", "Basic login.", key="basic.username", old_env=("DAGU_BASICAUTH_USERNAME",)
    )
    basic_password: Secret = setting(
        Secret(), "Basic login.", key="basic.password", old_env=("DAGU_BASICAUTH_PASSWORD",)
    )
    token_value: Secret = setting(
        Secret(),
        "API token.",
        key="token.value",
        env="DAGU_AUTH_TOKEN",
        old_env=("DAGU_AUTHTOKEN",),
    )
    oidc_client_id: str = setting("", "OIDC client.", key="oidc.clientId")
    oidc_client_secret: Secret = setting(Secret(), "OIDC client's secret.", key="oidc.clientSecret")
    oidc_client_url: str = setting("", "Our own address, as browsers see it.", key="oidc.clientUrl")
    oidc_issuer: str = setting("", "OIDC issuer.", key="oidc.issuer")
    oidc_scopes: Words = setting([], "OIDC scopes.", key="oidc.scopes")
    oidc_whitelist: Words = setting([], "Mail addresses let in.", key="oidc.whitelist")
    admin_username: str = setting(
        "admin", "First user.", key="builtin.admin.username", env="DAGU_AUTH_ADMIN_USERNAME"
    )
    admin_password: Secret = setting(
        Secret(), "First user's password.", key="builtin.admin.password", env="DAGU_AUTH_ADMIN_PASSWORD"
    )
    token_secret: Secret = setting(
        Secret(), "Signs login tokens.", key="builtin.token.secret", env="DAGU_AUTH_TOKEN_SECRET"
    )
    token_ttl: Duration = setting(
        86400.0, "Life of a login.", key="builtin.token.ttl", env="DAGU_AUTH_TOKEN_TTL"
    )


class CoordinatorSettings(SettingsSection):
    """Where workers find their work."""

    section: ClassVar[str] = "coordinator"
    host: str = setting("127.0.0.1", "Address to listen on.")
    advertise: str = setting("", "Address workers are told; empty = the host's name.")
    port: int = setting(50055, "Port to listen on.", ge=0, le=65535)


class WorkerSettings(SettingsSection):
    """A worker process."""

    section: ClassVar[str] = "worker"
    id: str = setting(
        "",
        "Name of the worker, `workerId` of the runs it carries out; empty = HOST@PID for `dagu worker`, and "
        "`local` for the runners of a scheduler.",
    )
    max_active_runs: int = setting(100, "Most runs at once in one runner.", ge=1)
    runners: int = setting(0, "How many runner processes; 0 = one a core, at most 4.", ge=0, le=64)
    drain_grace: Duration = setting(
        2.0, "How long runs may go on to their end when a runner stops; then the next one joins their steps."
    )
    max_memory_mib: int = setting(
        0, "A runner that has grown beyond so many MiB is replaced by a fresh one; 0 = no limit.", ge=0
    )
    cpus: int = setting(0, "How many cores runners and their steps may use; 0 = all.", ge=0)
    labels: Pairs = setting(
        {}, "What the worker offers. `dagu doctor` shows it; it selects no runs, as all are on one host."
    )


class HistorySettings(SettingsSection):
    """How much of the past is kept, beside what each DAG says of its own runs."""

    section: ClassVar[str] = "history"
    max_size: Size = setting(
        0, "Bytes the logs of all ended runs may take, as 10GiB; the oldest go first; 0 = no limit.", ge=0
    )
    max_size_per_dag: Size = setting(0, "The same for the runs of each DAG.", ge=0)


class PeerSettings(SettingsSection):
    """TLS between services."""

    section: ClassVar[str] = "peer"
    insecure: bool = setting(True, "Speak without TLS.")
    cert_file: str = setting("", "Certificate.")
    key_file: str = setting("", "Key.")
    client_ca_file: str = setting("", "Authority of clients.")
    skip_tls_verify: bool = setting(False, "Accept any certificate.")


class MonitoringSettings(SettingsSection):
    """Measurements of the machine."""

    section: ClassVar[str] = "monitoring"
    retention: Duration = setting(86400.0, "How long measurements are kept.")
    interval: Duration = setting(5.0, "Time between two measurements.")
