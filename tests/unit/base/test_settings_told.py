"""What is told of settings that nobody reads, and flags that child processes are told as well."""

from __future__ import annotations

from pathlib import Path

from dagu_core.base.settings.flags import as_variables
from tests.unit.base.configuration import load, source


def test_what_nobody_reads_is_accepted_and_told(tmp_path: Path) -> None:
    settings = load(tmp_path, "scheduler:\n  zombieDetectionInterval: 5s\n", {"DAGU_CACHE": "high"})
    told = [line for line in settings.warnings if "has no effect" in line]
    assert [line.partition(" has ")[0] for line in told] == [
        "DAGU_CACHE: `cache`",
        f"{tmp_path / 'config.yaml'}:2:28: `scheduler.zombieDetectionInterval`",
    ]
    assert source(settings, "scheduler.zombieDetectionInterval")[1].endswith(":2:28 (no effect)")
    assert source(settings, "scheduler.lockRetryInterval") == (5.0, "default (no effect)")


def test_a_flag_and_its_variable_say_the_same(tmp_path: Path) -> None:
    flags = {"worker.id": "wanda", "worker.labels": "gpu=true", "paths.dagsDir": "/flows"}
    variables = as_variables(flags)
    assert variables.keys() == {"DAGU_WORKER_ID", "DAGU_WORKER_LABELS", "DAGU_DAGS_DIR"}
    for settings in (load(tmp_path, flags=flags), load(tmp_path, environ=variables)):
        assert (settings.worker.id, settings.worker.labels) == ("wanda", {"gpu": "true"})
        assert settings.paths.dags == Path("/flows")
