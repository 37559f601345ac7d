"""Flag > environment > file > default; a real file is never refused for its spelling."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from dagu_core.base.settings import SettingsItem, SettingsSection, setting
from tests.unit.base.configuration import load, source


def test_defaults_without_any_file(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.file is None
    assert settings.warnings == ()
    assert settings.home == tmp_path
    assert settings.paths.dags == tmp_path / "dags"
    assert settings.paths.suspend == tmp_path / "suspend"
    assert settings.paths.base_config == tmp_path / "base.yaml"
    assert settings.paths.admin_logs == tmp_path / "logs" / "admin"
    assert settings.paths.proc == tmp_path / "data" / "proc"
    assert settings.store == f"sqlite://{tmp_path}/data/dagu.db"
    assert settings.durability == "normal"
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.scheduler.zombie_detection_interval == 45
    assert settings.queues.enabled and settings.queues.limit("heavy") is None
    assert settings.plugins.disabled == []


def test_each_source_wins_over_the_next(tmp_path: Path) -> None:
    text = "port: 1\nhost: from-file\n"
    assert source(load(tmp_path, text), "port") == (1, f"{tmp_path}/config.yaml:1:7")
    assert source(load(tmp_path, text, {"DAGU_PORT": "2"}), "port") == (2, "DAGU_PORT")
    given = load(tmp_path, text, {"DAGU_PORT": "2"}, flags={"port": 3, "host": None})
    assert source(given, "port") == (3, "flag port")
    assert given.server.host == "from-file"
    assert load(tmp_path, text, {"DAGU_PORT": ""}).server.port == 1


def test_admin_yaml_is_merged_on_top(tmp_path: Path) -> None:
    (tmp_path / "admin.yaml").write_text("ui: {navbarTitle: Ours}\nport: 7\n", encoding="utf-8")
    settings = load(tmp_path, "ui: {navbarColor: red, navbarTitle: Theirs}\nport: 6\n")
    assert (settings.ui.navbar_title, settings.ui.navbar_color, settings.server.port) == ("Ours", "red", 7)


@pytest.mark.parametrize("key", ["logFormat", "log_format", "LOGFORMAT", "logformat"])
def test_keys_in_any_spelling(tmp_path: Path, key: str) -> None:
    settings = load(tmp_path, f"{key}: json\n")
    assert settings.core.log_format == "json"
    assert settings.warnings == ()


def test_old_spellings_work_and_say_so(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "dagsDir: /old\n", {"DAGU__DATA": "/data", "DAGU_DAGS": "", "DAGU_NAVBAR_TITLE": "T"}
    )
    assert str(settings.paths.dags) == "/old"
    assert str(settings.paths.data) == "/data"
    assert settings.ui.navbar_title == "T"
    assert settings.warnings == (
        f"{tmp_path}/config.yaml:1:10: key `dagsDir` is deprecated, use `paths.dagsDir`",
        "environment variable DAGU__DATA is deprecated, use DAGU_DATA_DIR",
        "environment variable DAGU_NAVBAR_TITLE is deprecated, use DAGU_UI_NAVBAR_TITLE",
    )


def test_both_names_of_the_dags_folder_are_current(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"DAGU_DAGS": "/d"})
    assert str(settings.paths.dags) == "/d"
    assert settings.warnings == ()


def test_where_a_value_was_given(tmp_path: Path) -> None:
    settings = load(tmp_path, "port: 1\n", {"DAGU_HOST": "h"}, flags={"plugins.safeMode": True})
    settings.problems()
    keys = ("port", "host", "plugins.safeMode", "tz")
    told = [f"{tmp_path}/config.yaml:1:7", "DAGU_HOST", "flag plugins.safeMode", ""]
    assert [settings.source_of(key) for key in keys] == told


@pytest.mark.parametrize("text", ["# nothing\n", "---\n", "port:\nui:\nqueues: {}\n"])
def test_an_empty_file_is_fine(tmp_path: Path, text: str) -> None:
    settings = load(tmp_path, text)
    assert settings.server.port == 8080
    assert settings.warnings == ()


def test_references_in_texts_are_replaced_where_known(tmp_path: Path) -> None:
    text = "auth: {basic: {password: '${PW}'}}\nhost: '${NOBODY}'\npaths: {logDir: ~/l/$X}\n"
    settings = load(tmp_path, text, {"PW": "s3cret", "X": "y"})
    assert settings.auth.basic_password.get_secret_value() == "s3cret"
    assert settings.server.host == "${NOBODY}"
    assert settings.paths.logs == tmp_path / "user" / "l" / "y"


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    nodes = "remoteNodes: [{name: a, authToken: hush}]\nauth: {builtin: {token: {secret: hush}}}\n"
    settings = load(tmp_path, nodes)
    assert "hush" not in repr(settings.explain())
    assert source(settings, "auth.builtin.token.secret")[0] == "***"
    assert source(settings, "auth.basic.password")[0] == ""


def test_lists_and_maps_from_variables(tmp_path: Path) -> None:
    variables = {"DAGU_AUTH_OIDC_SCOPES": "openid, email", "DAGU_WORKER_LABELS": "gpu=true, zone=a"}
    values = {key: value for key, value, _ in load(tmp_path, environ=variables).explain()}
    assert values["auth.oidc.scopes"] == ["openid", "email"]
    assert values["worker.labels"] == {"gpu": "true", "zone": "a"}


def test_queue_limits(tmp_path: Path) -> None:
    text = "queues: {config: [{name: a, maxConcurrency: 0}, {name: b, max_concurrency: 3, maxActiveRuns: 5}]}"
    queues = load(tmp_path, text).queues
    assert [queues.limit(name) for name in ("a", "b", "c")] == [1, 5, None]


def test_the_example_of_a_whole_file_is_understood(tmp_path: Path) -> None:
    text = """\
host: 0.0.0.0
port: 9080
basePath: flows/
tz: Europe/Lisbon
metrics: public
paths: {dagsDir: /srv/flows/dags, dataDir: /srv/flows/data}
tls: {certFile: /c, keyFile: /k}
auth: {mode: builtin, builtin: {admin: {username: root}, token: {secret: "${JWT}", ttl: 8h}}}
permissions: {writeDAGs: false, runDAGs: true}
queues: {config: [{name: heavy, maxConcurrency: 2}]}
scheduler: {port: 0, zombieDetectionInterval: 30s}
coordinator: {host: 0.0.0.0, advertise: flows.internal, port: 50055}
worker: {labels: {gpu: "true"}}
peer: {insecure: false}
monitoring: {retention: 1d12h, interval: 500ms}
remoteNodes: [{name: dr, apiBaseURL: "https://dr.internal/api/v2", isAuthToken: true, authToken: x}]
"""
    settings = load(tmp_path, text)
    assert [each for each in settings.warnings if "has no effect" not in each] == []
    assert settings.server.base_path == "/flows"
    assert settings.server.write_dags is False
    assert settings.scheduler.port == 0
    assert settings.auth.token_ttl == 8 * 3600
    assert settings.server.remote_nodes[0].api_base_url == "https://dr.internal/api/v2"
    assert source(settings, "monitoring.retention")[0] == 129600


class Nest(SettingsItem):
    """A nest."""

    eggs_laid: int = 0


class BirdSettings(SettingsSection):
    """A plugin's section."""

    section = "bird"
    wing_span: int = Field(2, description="In feet.")
    call: SecretStr = setting(SecretStr(""), "What it says.")
    nests: list[Nest] = setting([], "Where it lives.", env="")


def test_a_plugin_reads_its_section_from_the_same_sources(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "bird: {wingSpan: 3, nests: [{eggsLaid: 4}], tail: 1}\n", {"DAGU_BIRD_CALL": "caw"}
    )
    assert "unknown key `bird.wingSpan`" in settings.warnings[0]
    bird = settings.section(BirdSettings)
    assert (bird.wing_span, bird.call.get_secret_value(), bird.nests[0].eggs_laid) == (3, "caw", 4)
    assert settings.warnings == (f"{tmp_path}/config.yaml:1:51: unknown key `bird.tail`",)
    assert source(settings, "bird.call") == ("***", "DAGU_BIRD_CALL")
    assert load(tmp_path, environ={"DAGU_BIRD_WING_SPAN": "9"}).section(BirdSettings).wing_span == 9
