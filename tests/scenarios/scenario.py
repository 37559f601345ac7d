"""A workflow, what it is started with, what must come of it; and a way to run it with any `dagu`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
EXPECTED = ".expected.yaml"
_STEP = re.compile(r"[├└]─(?P<name>.+?)(?: \((?P<took>[^()]*)\))?(?: \[(?P<status>[a-z_]+)\])?")
_LOG = re.compile(r"(?P<step>.+?)\.\d{8}\.\d{6}\.\d{3}\.[0-9a-f]+\.out")


@dataclass(frozen=True)
class Outcome:
    """What a run came to. `stdout` holds the logs of every step and handler, those of sub-DAG
    runs included, by the name of the step; a step that ran in several runs has several, sorted."""

    exit: int
    status: str
    steps: Mapping[str, str]
    stdout: Mapping[str, str | list[str]]

    def but(self, **differences: Any) -> Outcome:
        """The same with some answers replaced; those of `steps` and `stdout` one by one, and None
        takes one away."""
        known: dict[str, Any] = {"exit": self.exit, "status": self.status}
        for key in ("steps", "stdout"):
            both = {**getattr(self, key), **differences.get(key, {})}
            known[key] = {name: value for name, value in both.items() if value is not None}
        return Outcome(**(known | {key: differences[key] for key in ("exit", "status") if key in differences}))


@dataclass(frozen=True)
class Scenario:
    """`NAME.yaml`, with `NAME.expected.yaml` and a folder `NAME` of further files, if it needs any.

    `differences` says where the peer answers otherwise, and why we do so on purpose.
    """

    name: str
    args: Sequence[str]
    expected: Outcome
    differences: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> Scenario:
        """The scenario of a workflow file."""
        name = file.stem
        found = yaml.safe_load((FOLDER / (name + EXPECTED)).read_text("utf-8"))
        args, peer = found.pop("args", []), found.pop("peer", {})
        found.setdefault("stdout", {})
        assert not peer or peer.pop("because", ""), f"{name}: a difference needs its reason"
        return cls(name, args, Outcome(**found), peer)

    @property
    def expected_of_the_peer(self) -> Outcome:
        return self.expected.but(**self.differences)


def scenarios() -> list[Scenario]:
    """All of them, by name."""
    files = [file for file in FOLDER.glob("*.yaml") if not file.name.endswith(EXPECTED)]
    return [Scenario.read(file) for file in sorted(files)]


def play(name: str, args: Sequence[str], program: str, place: Path) -> Outcome:
    """Start the workflow with a `dagu` in a home and a folder of its own, as a user would."""
    home, work = place / "home", place / "work"
    home.mkdir()
    if (FOLDER / name).is_dir():
        shutil.copytree(FOLDER / name, work)
    work.mkdir(exist_ok=True)
    if (work / "base.yaml").exists():
        shutil.move(work / "base.yaml", home / "base.yaml")
    shutil.copy(FOLDER / f"{name}.yaml", work)
    done = subprocess.run(
        [program, "start", f"{name}.yaml", *args],
        cwd=work,
        env=_environ(home),
        capture_output=True,
        text=True,
        timeout=50,
    )
    return _outcome(done, home / "logs")


def _environ(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "DAGU_HOME": str(home),
        "DAGU_SKIP_EXAMPLES": "true",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


def _outcome(done: subprocess.CompletedProcess[str], logs: Path) -> Outcome:
    lines = done.stdout.splitlines()
    ends = [line.removeprefix("Result: ") for line in lines if line.startswith("Result: ")]
    assert len(ends) == 1, f"there is no tree\n{done.stdout}\n{done.stderr}"
    found = [match for line in lines if (match := _STEP.fullmatch(line))]
    steps = {match["name"]: match["status"] or "not_started" for match in found}
    return Outcome(done.returncode, ends[0].lower().replace(" ", "_"), steps, _stdout(logs))


def _stdout(logs: Path) -> dict[str, str | list[str]]:
    texts: dict[str, list[str]] = {}
    for path in logs.rglob("*.out"):
        if (match := _LOG.fullmatch(path.name)) and (text := path.read_text("utf-8")):
            texts.setdefault(match["step"], []).append(text)
    return {step: all_[0] if len(all_) == 1 else sorted(all_) for step, all_ in sorted(texts.items())}
