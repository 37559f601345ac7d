"""What `file_sensor` waits for, and how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagu_core import Outcome
from dagu_core.testing.harness import run_step
from dagu_core.testing.page_contract import PageContract
from dagu_filewatch import plugin
from dagu_filewatch.sensor import TOO_LATE, FileSensor, SensorConfig


class Text:
    """What was written."""

    def __init__(self) -> None:
        self.data = b""

    async def write(self, data: bytes) -> None:
        self.data += data


class Waiting:
    """One attempt, which `change` may help meanwhile."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.folder, self.out = folder, Text()
        (folder / "scratch").mkdir(exist_ok=True)
        self.attempt: Any = SimpleNamespace(
            config=SensorConfig.model_validate({"pollInterval": "20ms", **config}),
            working_dir=folder,
            scratch=folder / "scratch",
            stdout=self.out,
            stderr=Text(),
        )

    def __call__(self, change: Callable[[], object] | None = None) -> Outcome:
        async def main() -> Outcome:
            task = asyncio.create_task(FileSensor().run(self.attempt))
            if change is not None:
                await asyncio.sleep(0.2)
                assert not task.done(), "it did not wait"
                await asyncio.to_thread(change)
            async with asyncio.timeout(20):
                return await task

        return asyncio.run(main())

    @property
    def lines(self) -> list[str]:
        return self.out.data.decode("utf-8", "surrogateescape").splitlines()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("in/a.csv", "in/a.csv"),
        ("in", "in"),
        ("in/*.csv", "in/a.csv"),
        ("**/a.*", "in/a.csv"),
        ("./in/", "in"),
    ],
)
def test_it_goes_on_as_soon_as_it_is_there(tmp_path: Path, path: str, name: str) -> None:
    def change() -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "whole").write_text("x")
        (tmp_path / "whole").rename(tmp_path / "in/a.csv")

    waiting = Waiting(tmp_path, path=path)
    assert waiting(change) == Outcome()
    assert waiting.lines == [f"{tmp_path}/{name}"]
    assert waiting.attempt.stderr.data == f"waiting for {path}\n".encode()


def test_a_pattern_prints_all_that_is_there(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text("x")
    waiting = Waiting(tmp_path, path=f"{tmp_path}/*.csv")
    assert waiting().exit_code == 0
    assert waiting.lines == [f"{tmp_path}/a.csv", f"{tmp_path}/b.csv"]


def test_a_name_with_the_marks_of_a_pattern_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("x")
    waiting = Waiting(tmp_path, path="a[1].csv")
    assert waiting().exit_code == 0
    assert waiting.lines == [f"{tmp_path}/a[1].csv"]


def test_a_slow_writer_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "slow"

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            for _ in range(10):
                file.write(bytes(1000))
                time.sleep(0.05)

    waiting = Waiting(tmp_path, path="slow", settle="2s")
    began = time.monotonic()
    assert waiting(write).exit_code == 0
    assert time.monotonic() - began >= 2.4  # the writing, then the quiet


def test_when_the_time_is_over_it_fails(tmp_path: Path) -> None:
    found = Waiting(tmp_path, path="never", timeout="100ms")()
    assert (found.exit_code, found.message) == (TOO_LATE, "never was not there within 0.1s")


def test_a_file_that_never_settles_is_too_late_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert Waiting(tmp_path, path="a", timeout="200ms", settle="1h")().exit_code == TOO_LATE


def test_the_time_counts_from_the_first_engine_on(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path, path="never", timeout="1h")
    (tmp_path / "scratch/since").write_text(repr(time.time() - 3601))
    assert waiting().exit_code == TOO_LATE


def test_the_output_can_be_captured_and_references_are_filled_in(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    step = {"type": "fileSensor", "config": {"path": "${NAME}.csv", "timeout": "${LONG}"}, "output": "FOUND"}
    dag = {"params": {"NAME": "a", "LONG": "1m"}, "workingDir": str(tmp_path)}
    result = run_step(step, plugins=(plugin,), dag=dag)
    assert (result.status, result.stdout) == ("succeeded", f"{tmp_path}/a.csv\n".encode())


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, "path"),
        ({"path": "a", "timeout": 30}, "write the unit: 30s"),
        ({"path": "a", "settle": "-1s"}, "negative|valid"),
        ({"path": "a", "pollInterval": 0}, "greater than 0"),
        ({"path": "a", "watch": "b"}, "watch"),
    ],
)
def test_what_is_wrong_is_told(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SensorConfig.model_validate(config)


class TestSensorPage(PageContract):
    pages = (Path(__file__).parents[3] / "docs/plugins/filewatch.md",)
    plugins = (plugin,)
    models = (SensorConfig,)
