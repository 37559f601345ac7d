"""The benchmark's arithmetic, and that its workloads are DAGs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import workloads
from bench.measure import Failed, Sample, measure, middle
from bench.report import holds, value_of
from bench.rows import ROWS, Target
from tests.house.test_docs import dagu

SAMPLES = {
    "a": [Sample(3.0, 40_000_000), Sample(1.0, 10_000_000), Sample(2.0, 20_000_000)],
    "b": [Sample(0.5, 5_000_000)],
    "gone": [],
}


def test_the_middle_is_taken_figure_by_figure() -> None:
    assert middle(SAMPLES["a"]) == Sample(2.0, 20_000_000)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target("", "a", "b"), 4.0),
        (Target("", "a"), 2.0),
        (Target("", "a", "b", top_less="b"), 3.0),
        (Target("", "a", "b", unit="MB"), 15.0),
        (Target("", "a", "gone"), None),
    ],
)
def test_a_figure(target: Target, expected: float | None) -> None:
    assert value_of(target, SAMPLES) == expected


@pytest.mark.parametrize(
    ("value", "kept"), [(None, None), (1.5, True), (1.51, False)], ids=["missing", "at the bound", "above"]
)
def test_a_bound(value: float | None, kept: bool | None) -> None:
    assert holds(Target("", "a", "b", at_most=1.5), value) is kept


def test_a_figure_without_a_bound_is_neither_kept_nor_missed() -> None:
    assert holds(Target("", "a", "b"), 1.0) is None


def test_every_target_names_contestants_of_its_row() -> None:
    for row in ROWS:
        for target in row.targets:
            names = {target.top, target.bottom, target.top_less, target.bottom_less} - {""}
            assert names <= set(row.contestants), row.name


def test_a_contestant_that_fails_is_no_sample(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="exit code 3\nwhy"):
        measure([sys.executable, "-c", "print('why'); raise SystemExit(3)"], tmp_path)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda folder: workloads.chain(folder, 3), "dag.yaml"),
        (lambda folder: workloads.wide(folder, 3, 2), "dag.yaml"),
        (lambda folder: workloads.fan_out(folder, 3, 2), "dag.yaml"),
        (workloads.one_step, "dag.yaml"),
        (lambda folder: workloads.with_plugins(folder, 2), "dag.yaml"),
        (lambda folder: workloads.output(folder, 1_000), "data.yaml"),
    ],
    ids=["chain", "wide", "fan", "one", "plugins", "output"],
)
def test_a_workload_runs(write: object, name: str, tmp_path: Path) -> None:
    assert callable(write)
    write(tmp_path)
    done = dagu(tmp_path / "home", "start", "-q", name, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
