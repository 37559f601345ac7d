"""What is told of a key, a value, a variable or a file that is wrong, and where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core.base.errors import Invalid, NotFound
from tests.unit.base.configuration import load, source


def test_unknown_keys_warn_with_a_suggestion(tmp_path: Path) -> None:
    settings = load(tmp_path, "prot: 1\nscheduler: {prot: 2}\nzebra: {a: {b: 1}}\n")
    assert settings.warnings == (
        f"{tmp_path}/config.yaml:1:7: unknown key `prot`. Did you mean `port`?",
        f"{tmp_path}/config.yaml:2:19: unknown key `scheduler.prot`. Did you mean `scheduler.port`?",
        f"{tmp_path}/config.yaml:3:16: unknown key `zebra.a.b`",
    )


def test_unknown_keys_of_what_stands_in_a_list(tmp_path: Path) -> None:
    text = "queues:\n  config:\n    - {name: a, maxConcurency: 3}\n    - {name: b, MAX_CONCURRENCY: 3}\n"
    settings = load(tmp_path, text)
    assert settings.queues.limit("b") == 3 and settings.problems() == []
    assert settings.warnings == (
        f"{tmp_path}/config.yaml:3:32: unknown key `queues.config.maxConcurency`."
        " Did you mean `maxConcurrency`?",
    )
    assert load(tmp_path, "queues: {config: x}\n").warnings == ()


def test_problems_of_all_sections_at_once(tmp_path: Path) -> None:
    found = load(tmp_path, "port: many\nqueues: {config: [{name: a/b}]}\n").problems()
    assert [str(one).partition(": ")[2] for one in found] == [
        "queues.config.0.name: queue name 'a/b' must be 1 to 40 letters, digits, `_`, `.` and `-`",
        "port: Input should be a valid integer, unable to parse string as an integer",
    ]
    assert str(found[0]).startswith(f"{tmp_path}/config.yaml:2:26: ")


@pytest.mark.parametrize(
    ("text", "section", "message"),
    [
        ("host: x\nport: many\n", "server", ":2:7: port: Input should be a valid integer"),
        ("port: 70000\n", "server", ":1:7: port: Input should be less than or equal to 65535"),
        ("tz: Mars/Olympus\n", "core", ":1:5: tz: unknown time zone 'Mars/Olympus'"),
        (
            "scheduler:\n  lockRetryInterval: soon\n",
            "scheduler",
            ":2:22: scheduler.lockRetryInterval: 'soon' is not",
        ),
        (
            "scheduler: {lockRetryInterval: 5}\n",
            "scheduler",
            ":1:32: scheduler.lockRetryInterval: write the unit: 5s",
        ),
        (
            "queues:\n  config:\n  - name: a\n    maxConcurrency: x\n",
            "queues",
            ":4:21: queues.config.0.max_concurrency:",
        ),
        (
            "queues:\n  config:\n  - name: a\n  - name: a/b\n",
            "queues",
            ":4:11: queues.config.1.name: queue name 'a/b' must be 1 to 40 letters",
        ),
        (
            "ui: {maxDashboardPageLimit: 0}\n",
            "ui",
            ":1:29: ui.maxDashboardPageLimit: Input should be greater",
        ),
        ("auth: {mode: bultin}\n", "auth", ":1:14: auth.mode: Input should be"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    tmp_path: Path, text: str, section: str, message: str
) -> None:
    settings = load(tmp_path, text)
    with pytest.raises(Invalid) as caught:
        getattr(settings, section)
    assert f"{tmp_path}/config.yaml{message}" in str(caught.value)


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"^DAGU_PORT: port: Input should be a valid integer"):
        _ = load(tmp_path, environ={"DAGU_PORT": "many"}).server


def test_a_mistake_in_another_section_stops_nobody(tmp_path: Path) -> None:
    settings = load(tmp_path, "ui: {maxDashboardPageLimit: none}\n")
    assert settings.core.tz == ""
    assert settings.paths.dags == tmp_path / "dags"


def test_a_lenient_setting_warns_and_takes_the_default(tmp_path: Path) -> None:
    settings = load(tmp_path, "cache: enormous\ntz: Europe/Lisbon\n")
    assert settings.core.cache == "normal"
    assert settings.core.tz == "Europe/Lisbon"
    assert "config.yaml:1:8: cache: " in settings.warnings[0]
    assert settings.warnings[0].endswith("the default is used")
    assert source(settings, "cache") == ("normal", "default (no effect)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "config.yaml:2:1: "),
        ("- a\n", "config.yaml:1:1: a configuration file is a mapping"),
        ("a: b: c\n", "config.yaml:1:5: mapping values are not allowed"),
        ("a: &x [*y]\n", "config.yaml:1:8: found undefined alias"),
    ],
)
def test_a_file_that_is_no_yaml_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)


def test_a_file_given_must_exist(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("port: 5\n", encoding="utf-8")
    assert load(tmp_path, "port: 6\n", config=str(other)).server.port == 5
    with pytest.raises(NotFound, match="there is no configuration file"):
        load(tmp_path, config=str(tmp_path / "none.yaml"))


def test_a_flag_nobody_declared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no setting 'prot'"):
        load(tmp_path, flags={"prot": 1})
