"""What the command line says of a schedule whose plugin is left out, and of settings nobody knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.asked import InHome

pytestmark = pytest.mark.usefixtures("daily")

LACK = "the plugin dagu-cron is installed but did not load: disabled by "


@pytest.mark.parametrize(
    ("text", "environ", "where"),
    [
        ("", {"DAGU_SAFE_MODE": "1"}, "safe mode (DAGU_SAFE_MODE)"),
        ("plugins:\n  disabled: [dagu-cron]\n", {}, "plugins.disabled in {home}/config.yaml:2:13"),
        (
            "plugins: {allow: [no-such]}\n",
            {},
            "plugins.allow in {home}/config.yaml:1:18, where it is not named",
        ),
    ],
)
def test_everybody_is_told_why_nothing_comes_of_cron(
    in_home: InHome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    environ: dict[str, str],
    where: str,
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    where = where.format(home=tmp_path)
    code, out, err = in_home("validate", "daily")
    assert (code, out) == (0, "daily is valid\n")
    assert "daily.yaml:1:11: warning D014" in err and f"did not load: disabled by {where}\n" in err
    code, out, _ = in_home("why", "daily")
    assert code == 0 and f"there is no schedule kind `cron`; {LACK}{where}" in out
    code, out, _ = in_home("why", "daily", "--json")
    assert [(one["subject"], one["status"]) for one in json.loads(out)] == [("schedule", "broken")]
    _, out, err = in_home("scheduler", "--once", "--now", "2026-03-02T09:00:00Z")
    assert f"daily: there is no schedule kind `cron`; {LACK}{where}" in out + err
    assert in_home("-q", "start", "daily", "-r", "r1")[0] == 0
    code, out, _ = in_home("why", "daily")
    assert code == 0 and "every step succeeded" in out and LACK in out
    code, out, _ = in_home("why", "daily", "-r", "r1")
    assert code == 0 and LACK not in out


def test_why_says_nothing_of_a_schedule_that_can_be_planned(in_home: InHome, tmp_path: Path) -> None:
    assert in_home("-q", "start", "daily", "-r", "r1")[0] == 0
    code, out, _ = in_home("why", "daily", "--json")
    assert code == 0 and [one["subject"] for one in json.loads(out)] == ["run"]


def test_settings_nobody_knows_are_told_with_the_settings(in_home: InHome, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("plugins: {deny: [x], safeMode: true}\nscheduler: {prot: 1}\n")
    code, _, err = in_home("config")
    assert code == 0 and err.splitlines() == [
        f"Warning: {tmp_path}/config.yaml:1:17: unknown key `plugins.deny`",
        f"Warning: {tmp_path}/config.yaml:2:19: unknown key `scheduler.prot`. Did you mean `scheduler.port`?",
    ]
    code, out, _ = in_home("config", "--json")
    assert code == 0 and len(json.loads(out)["warnings"]) == 2
