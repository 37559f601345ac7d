"""What is promised: each file once, whole, whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Drive = Callable[..., None]


@pytest.mark.parametrize("settle", ["1500ms", 0])
def test_a_slow_writer_makes_one_run_that_sees_the_whole_file(drive: Drive, settle: Any) -> None:
    async def test(d: Any) -> None:
        await d.start()
        with (d.inbox / "slow.csv").open("wb", buffering=0) as file:
            for _ in range(20):
                file.write(b"x" * 52_429)
                await asyncio.sleep(0.1)
                assert not d.runs
        await d.have(1)
        assert d.fires[0].env["DAGU_FILE_TRIGGER_SIZE"] == str(20 * 52_429)

    drive(test, settle=settle)


@pytest.mark.parametrize("mode", ["inotify", "poll"])
def test_a_file_that_is_moved_into_place_makes_one_run(drive: Drive, mode: str, tmp_path: Path) -> None:
    async def test(d: Any) -> None:
        await d.start()
        outside = tmp_path / "outside.tmp"
        outside.write_text("a")
        outside.rename(d.inbox / "a.csv")
        d.write("b.part").rename(d.inbox / "b.csv")
        await d.have(2)
        assert sorted(d.paths) == ["a.csv", "b.csv"]
        d.write("c.part", "replaced").rename(d.inbox / "a.csv")
        await d.have(3)
        assert d.paths[2] == "a.csv"
        assert d.events == (["rename"] * 3 if mode == "inotify" else ["create", "create", "write"])

    drive(test, mode=mode, pollInterval="200ms")


def test_what_is_excluded_starts_nothing(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        for name in ("a.part", "deep/b.part", ".hidden", ".git/config", "tmp/x.csv", "good.csv"):
            d.write(name)
        await d.have(1)
        assert d.paths == ["good.csv"]

    drive(test, watch="in/**", exclude=["**/.*", "*.part", "in/tmp/**"])


@pytest.mark.parametrize("fires_before", [0, 1])
def test_files_that_come_while_nobody_looks_are_told_once(drive: Drive, fires_before: int) -> None:
    async def test(d: Any) -> None:
        d.write("old.csv")
        await d.start()
        for number in range(fires_before):
            d.write(f"before{number}.csv")
        await d.have(fires_before)
        await d.stop()
        for number in range(3):
            d.write(f"{number}.csv")
        d.write("old.csv", "changed meanwhile") if fires_before else None
        await d.start()
        await d.have(2 * fires_before + 3)
        await d.stop()
        await d.start()
        await d.have(2 * fires_before + 3)
        assert not d.repeated and len(set(d.paths)) == len(d.paths)

    drive(test)


def test_polling_works_where_the_kernel_tells_nothing(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        d.write("sub/a.csv")
        await d.have(1)
        d.write("sub/a.csv", "longer now")
        await d.have(2)
        (d.inbox / "sub/a.csv").unlink()
        await d.have(3)
        assert d.events == ["create", "write", "remove"]

    drive(test, mode="poll", pollInterval="100ms", events=["create", "write", "remove"])


def test_500_files_at_once_make_one_batch(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        for number in range(500):
            d.write(f"{number:03}.csv")
        await d.have(1)
        fire = d.fires[0]
        listed = json.loads(Path(fire.env["DAG_TRIGGER_FILES"]).read_text())
        assert [os.path.basename(each["path"]) for each in listed] == [f"{n:03}.csv" for n in range(500)]
        assert set(listed[0]) == {"path", "name", "dir", "event", "size", "mtime"}
        assert fire.params == {"LIST": fire.env["DAG_TRIGGER_FILES"]}
        assert fire.info["count"] == 500 and len(fire.info["files"]) == 100

    drive(test, batch={"window": "5s", "maxFiles": 500}, params={"LIST": "$DAG_TRIGGER_FILES"})


def test_a_batch_closes_after_its_window_and_leaves_what_still_changes_to_the_next(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        d.write("a.csv")
        text = ""
        while not d.runs:
            text += "x"
            d.write("b.csv", text)
            await asyncio.sleep(0.05)
        await d.have(2)
        batches = [json.loads(Path(fire.env["DAG_TRIGGER_FILES"]).read_text()) for fire in d.fires]
        assert [[each["name"] for each in batch] for batch in batches] == [["a.csv"], ["b.csv"]]
        assert batches[1][0]["size"] == len(text)

    drive(test, batch={"window": "500ms"}, settle="500ms")


def test_500_files_at_once_without_a_batch_make_500_runs_in_order(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        for number in range(500):
            path = d.write(f"{number:03}.csv")
            os.utime(path, ns=(0, 1_700_000_000_000_000_000 + number))
        await d.have(500)
        assert d.paths == [f"{number:03}.csv" for number in range(500)]

    drive(test)


def test_a_removed_file_stops_at_once(drive: Drive) -> None:
    async def test(d: Any) -> None:
        path = d.write("flag.csv")
        await d.start()
        path.unlink()
        await d.have(1)
        assert d.fires[0].action == "stop" and d.events == ["remove"]

    drive(test, events="remove", action="stop")


def test_a_missing_folder_recovers_when_it_is_made(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        await d.until(lambda: bool(d.trigger.health))
        assert d.trigger.health == f"degraded: waiting for {d.folder}/later"
        (d.folder / "later/deep").mkdir(parents=True)
        (d.folder / "later/deep/a.csv").write_text("a")
        await d.until(lambda: len(d.runs) == 1)
        assert d.trigger.health == ""
        (d.folder / "later/deep/b.csv").write_text("b")
        await d.have(2)

    drive(test, watch="later/**/*.csv")


def test_a_marker_lets_a_file_through(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        d.write("a.csv")
        d.write("b.csv")
        d.write("b.csv.done")
        await d.have(1)
        assert d.paths == ["b.csv"]
        d.write("a.csv.done")
        await d.have(2)

    drive(test, marker="{path}.done", pollInterval="60s")


def test_a_rename_is_one_event_for_the_new_name(drive: Drive) -> None:
    async def test(d: Any) -> None:
        d.write("a.csv")
        d.write("dir/c.csv")
        await d.start()
        (d.inbox / "a.csv").rename(d.inbox / "b.csv")
        await d.have(1)
        (d.inbox / "dir").rename(d.inbox / "other")
        await d.have(2)
        assert d.paths == ["b.csv", "other/c.csv"] and d.events == ["rename"] * 2
        d.write("other/d.csv")
        await d.have(3)
        (d.inbox / "b.csv").rename(d.inbox / "b.txt")
        await d.have(4)
        assert (d.paths[3], d.events[3]) == ("b.csv", "remove")

    drive(test, events=["create", "rename", "remove"])


def test_a_file_that_is_taken_out_and_put_back_is_told_again(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        path, aside = d.write("a.csv"), d.folder / "aside"
        await d.have(1)
        for count in (2, 3):
            path.rename(aside)
            await asyncio.sleep(0.3)
            aside.rename(path)
            await d.have(count)
        assert not d.repeated

    drive(test)


def test_permissions_are_an_event_of_their_own(drive: Drive) -> None:
    async def test(d: Any) -> None:
        path = d.write("a.csv")
        await d.start()
        for count, mode in enumerate((0o600, 0o644, 0o600), 1):
            path.chmod(mode)
            await d.have(count)
        assert d.events == ["chmod"] * 3 and not d.repeated

    drive(test, events=["chmod"], settle=0)


@pytest.mark.parametrize("existing", ["ignore", "trigger"])
def test_files_that_are_there_before_count_only_if_asked_for(drive: Drive, existing: str) -> None:
    async def test(d: Any) -> None:
        d.write("a.csv")
        await d.start()
        d.write("b.csv")
        expected = ["a.csv", "b.csv"][existing == "ignore" :]
        await d.have(len(expected))
        assert sorted(d.paths) == expected

    drive(test, existing=existing)


def test_variables_and_parameters_tell_which_file_it_was(drive: Drive) -> None:
    async def test(d: Any) -> None:
        await d.start()
        path = d.write("a $HOME `id`.csv", "12345")
        os.utime(path, (0, 1_700_000_000))
        await d.have(1)
        fire = d.fires[0]
        assert fire.env == {
            "DAGU_FILE_TRIGGER_PATH": str(path),
            "DAGU_FILE_TRIGGER_NAME": "a $HOME `id`.csv",
            "DAGU_FILE_TRIGGER_DIR": str(d.inbox),
            "DAGU_FILE_TRIGGER_EVENT": "create",
            "DAGU_FILE_TRIGGER_SIZE": "5",
            "DAGU_FILE_TRIGGER_MTIME": "2023-11-14T22:13:20Z",
        }
        assert fire.params == {"SRC": f"{path}!", "OTHER": "${HOME}"}
        assert fire.info == {"event": "create", "count": 1, "files": [str(path)]}

    drive(test, params={"SRC": "${DAGU_FILE_TRIGGER_PATH}!", "OTHER": "${HOME}"})
