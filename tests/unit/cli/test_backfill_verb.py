"""`backfill` as people and programs read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.asked import InHome

pytestmark = pytest.mark.usefixtures("daily")
ONE_DAY = ("--from", "2026-01-01", "--to", "2026-01-01", "-y")


def create(in_home: InHome, *more: str) -> dict[str, object]:
    code, out, err = in_home("backfill", "create", "daily", *ONE_DAY, "--json", *more)
    assert code == 0, err
    found: dict[str, object] = json.loads(out)
    return found


def test_json_has_keys_as_everywhere(in_home: InHome) -> None:
    made = create(in_home, "--priority", "high", "--queue", "late")
    assert (made["total"], made["made"], made["existing"], made["refused"]) == (1, 0, 0, 0)
    assert (made["maxActive"], made["queue"], made["priority"]) == (1, "late", 7)
    for found in (json.loads(in_home("backfill", "list", "--json")[1])[0], shown(in_home, made)):
        assert found["progress"] == {"notStarted": 1}
        assert not [key for key in found if "_" in key]


def shown(in_home: InHome, made: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = json.loads(in_home("backfill", "show", str(made["id"]), "--json")[1])
    return found


def test_each_slot_is_shown(in_home: InHome) -> None:
    made = create(in_home)
    assert shown(in_home, made)["slots"] == [{"due": "2026-01-01T09:00:00Z", "outcome": "toCome"}]
    _, out, _ = in_home("backfill", "show", str(made["id"]))
    table, slots = out.split("\n\n")
    assert table.split("\n")[0].split()[5:] == ["SLOTS", "MADE", "EXISTED", "REFUSED", "RUNS"]
    assert slots.split("\n")[1].split() == ["2026-01-01T09:00:00Z", "to", "come"]
    in_home("backfill", "cancel", str(made["id"]))
    assert "2026-01-01T09:00:00Z  not made" in in_home("backfill", "show", str(made["id"]))[1]


def test_one_run_is_no_runs(in_home: InHome) -> None:
    assert in_home("backfill", "create", "daily", *ONE_DAY, "--dry-run")[1].endswith("\n1 run\n")
    assert in_home("backfill", "create", "daily", *ONE_DAY)[1].endswith(": 1 run of daily\n")


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--json",)])
def test_a_profile_is_refused_before_anything_is_recorded(in_home: InHome, more: tuple[str, ...]) -> None:
    code, out, err = in_home("backfill", "create", "daily", *ONE_DAY, "--profile", "prod", *more)
    assert code == 3
    assert "there is no profile 'prod': profiles are not built yet" in out + err and "--params" in out + err
    assert in_home("backfill", "list")[1] == "There are no backfills\n"
    assert in_home("history")[1] == "No runs found\n"


def test_the_hard_limit_may_stand_at_the_top_of_the_settings(in_home: InHome, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("backfill: {maxRuns: 2}\n")
    days = ("--from", "2026-01-01", "--to", "2026-01-03", "--dry-run")
    code, _, err = in_home("backfill", "create", "daily", *days)
    assert code == 1 and "3 runs are more than the 2 allowed" in err
