"""`backfill` as people and programs read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

Dagu = Callable[..., tuple[int, str, str]]
ONE_DAY = ("--from", "2026-01-01", "--to", "2026-01-01", "-y")


@pytest.fixture
def dagu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dagu:
    """The command line in a home with the DAG `daily`."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "daily.yaml").write_text("schedule: '0 9 * * *'\nsteps: ['true']\n")
    for name, value in {"DAGU_HOME": str(tmp_path), "DAGU_TZ": "UTC", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)

    def call(*words: str) -> tuple[int, str, str]:
        code = run(list(words), Invocation())
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def create(dagu: Dagu, *more: str) -> dict[str, object]:
    code, out, err = dagu("backfill", "create", "daily", *ONE_DAY, "--json", *more)
    assert code == 0, err
    found: dict[str, object] = json.loads(out)
    return found


def test_json_has_keys_as_everywhere(dagu: Dagu) -> None:
    made = create(dagu, "--priority", "high", "--queue", "late")
    assert (made["total"], made["made"], made["existing"], made["refused"]) == (1, 0, 0, 0)
    assert (made["maxActive"], made["queue"], made["priority"]) == (1, "late", 7)
    for found in (json.loads(dagu("backfill", "list", "--json")[1])[0], shown(dagu, made)):
        assert found["progress"] == {"notStarted": 1}
        assert not [key for key in found if "_" in key]


def shown(dagu: Dagu, made: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = json.loads(dagu("backfill", "show", str(made["id"]), "--json")[1])
    return found


def test_each_slot_is_shown(dagu: Dagu) -> None:
    made = create(dagu)
    assert shown(dagu, made)["slots"] == [{"due": "2026-01-01T09:00:00Z", "outcome": "toCome"}]
    _, out, _ = dagu("backfill", "show", str(made["id"]))
    table, slots = out.split("\n\n")
    assert table.split("\n")[0].split()[5:] == ["SLOTS", "MADE", "EXISTED", "REFUSED", "RUNS"]
    assert slots.split("\n")[1].split() == ["2026-01-01T09:00:00Z", "to", "come"]
    dagu("backfill", "cancel", str(made["id"]))
    assert "2026-01-01T09:00:00Z  not made" in dagu("backfill", "show", str(made["id"]))[1]


def test_one_run_is_no_runs(dagu: Dagu) -> None:
    assert dagu("backfill", "create", "daily", *ONE_DAY, "--dry-run")[1].endswith("\n1 run\n")
    assert dagu("backfill", "create", "daily", *ONE_DAY)[1].endswith(": 1 run of daily\n")


def test_a_profile_has_no_effect_which_is_told(dagu: Dagu) -> None:
    code, out, err = dagu("backfill", "create", "daily", *ONE_DAY, "--profile", "prod")
    assert code == 0 and "1 run of daily" in out
    assert "--profile has no effect" in err


def test_the_hard_limit_may_stand_at_the_top_of_the_settings(dagu: Dagu, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("backfill: {maxRuns: 2}\n")
    days = ("--from", "2026-01-01", "--to", "2026-01-03", "--dry-run")
    code, _, err = dagu("backfill", "create", "daily", *days)
    assert code == 1 and "3 runs are more than the 2 allowed" in err
