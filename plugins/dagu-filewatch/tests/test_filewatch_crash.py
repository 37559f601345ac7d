"""kill -9 at any instant: nothing is lost, nothing is told under two names."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from dagu_core import Fire
from dagu_core.contracts.watching.journal import FileJournal as Journal
from dagu_core.contracts.watching.journal import FileMemory as Memory
from dagu_core.contracts.watching.tracker import FileChange as Change
from dagu_core.contracts.watching.tracker import FileState as File

#: a scheduler: the run record first, made once for a key; the cursor after it
SCHEDULER = """
import asyncio, hashlib, json, os, sys
from pathlib import Path
from dagu_core import TriggerScope
from dagu_filewatch.config import FileConfig
from dagu_filewatch.trigger import FileTrigger

folder = Path(sys.argv[1])
kept = folder / "cursor"
cursor = json.loads(kept.read_text()) if kept.exists() else None

async def main():
    config = FileConfig.model_validate({"watch": ["in/**/*.csv"], "settle": "50ms", "existing": "trigger"})
    scope = TriggerScope("watched", folder, folder / "scratch", first=cursor is None)
    async for fire in FileTrigger().fires(scope, config, cursor):
        name = hashlib.sha256(fire.key.encode()).hexdigest()
        try:
            draft = folder / "draft"
            draft.unlink(missing_ok=True)  # it may be linked already
            draft.write_text(fire.env["DAGU_FILE_TRIGGER_PATH"])
            os.link(draft, folder / "runs" / name)
        except FileExistsError:
            pass
        fresh = folder / "cursor.new"
        fresh.write_text(json.dumps(fire.cursor))
        fresh.replace(kept)

asyncio.run(main())
"""


def test_a_scheduler_that_is_killed_again_and_again_starts_each_file_once(tmp_path: Path) -> None:
    for name in ("in", "scratch", "runs"):
        (tmp_path / name).mkdir()
    seed = random.randrange(1 << 30)
    chance, written = random.Random(seed), 0
    command = [sys.executable, "-c", SCHEDULER, str(tmp_path)]
    for _ in range(10):
        process = subprocess.Popen(command)
        try:
            end = time.monotonic() + chance.uniform(0.2, 1.0)
            while time.monotonic() < end:
                folder = tmp_path / "in" / str(chance.randrange(3))
                folder.mkdir(exist_ok=True)
                (folder / f"{written}.csv").write_text("x" * written)
                written += 1
                time.sleep(0.004)
        finally:
            process.kill()
            process.wait()
    process = subprocess.Popen(command)
    try:
        end = time.monotonic() + 20
        while len(os.listdir(tmp_path / "runs")) < written and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(0.5)
    finally:
        process.kill()
        process.wait()
    told = sorted(run.read_text() for run in (tmp_path / "runs").iterdir())
    there = sorted(str(path) for path in (tmp_path / "in").glob("*/*.csv"))
    assert len(there) == written > 100
    assert told == there, f"seed {seed}"


def test_every_cut_of_the_journal_tells_only_what_is_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(Memory({"/old": File(1, 2, 3, 4, 5)}))
    told = [
        (n, Fire(due=1.0, key=f"k{n}", cursor={"seq": n}), [Change(f"/{n}", File(n, 1, 1, 1, 1), "create")])
        for n in (1, 2)
    ]
    journal.append(told, {"/old": None})
    journal.close()
    path = tmp_path / "journal"
    whole = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        memory = Journal(tmp_path).load()
        assert memory is not None
        lines = sum(end <= cut for end in ends)
        assert [number for number, _, _ in memory.fires] == [1, 2][: max(0, lines - 3)]
        assert ("/old" in memory.known) == (lines == 2)
    fire = memory.fires[1][1]
    assert (fire.key, fire.cursor) == ("k2", {"seq": 2})


def test_names_that_are_no_text_survive_the_journal(tmp_path: Path) -> None:
    name = os.fsdecode(b"/in/\xff\n\xe9.csv")
    journal = Journal(tmp_path)
    journal.begin(Memory({name: File(1, 2, 3, 4, 5)}))
    journal.close()
    memory = Journal(tmp_path).load()
    assert memory is not None and list(memory.known) == [name]
    json.dumps(memory.known)


def test_the_journal_is_written_anew_when_it_is_long(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(Memory())
    known: dict[str, File] = {}
    sizes = []
    for n in range(1, 60):
        files = {f"/{n}-{each}": File(n, each, 1, 1, 1) for each in range(1000)}
        journal.append([(n, Fire(due=1.0, key=f"k{n}"), [])], files)
        known = {path: file for path, file in files.items() if path.endswith("7")}
        if journal.is_long(len(known)):
            journal.renew(known, {})
        sizes.append((tmp_path / "journal").stat().st_size)
    assert max(sizes) < 2_000_000 and sizes[-1] < max(sizes)
    memory = Journal(tmp_path).load()
    journal.close()
    assert memory is not None and memory.last == 59 and memory.fires[-1][1].key == "k59"
