"""Workers on a full disk: nothing is begun, everybody can see why, and it goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.chaos import Home, within
from tests.faults.test_disks import mounted
from tests.faults.test_pool import ONE, ended, enqueue, pool

FILL = 24 << 20


@pytest.fixture
def full(home: Home) -> Path:
    """A file that fills the small disk of the home beyond the guard."""
    return home.path / "filler"


@pytest.fixture(autouse=True)
def small_disk(tmp_path: Path, home: Home) -> Iterator[Path]:
    yield from mounted(tmp_path, 82)


def test_S02_workers_begin_nothing_on_a_full_disk_and_go_on_when_there_is_room(
    home: Home, full: Path
) -> None:
    dag = home.write("one", ONE)
    enqueue(home, dag, 3)
    full.write_bytes(bytes(FILL))
    with pool(home, runners=1):
        within(10, lambda: "disk is full" in home.cli("why", "one").out)
        why = home.cli("why", "one", "--run-id", "r0").out
        assert "MiB free, 64 MiB needed" in why and "queued" in why
        found = home.cli("doctor")
        assert found.code == 1 and "disk is full" in found.out
        refused = home.cli("enqueue", "--run-id=more", dag)
        assert refused.code == 5 and "no space left" in refused.err and "64 MiB" in refused.err
        assert home.ledger.entries() == []
        full.unlink()
        within(10, lambda: ended(home, 3))
        assert "disk is full" not in home.cli("why", "one").out
    assert home.ledger.steps("end") == ["a"] * 3
    said = (home.root / "said").read_text()
    assert said.count("no run is begun") == 1 == said.count("there is room again")
