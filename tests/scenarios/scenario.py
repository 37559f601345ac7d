"""A workflow, what it is started with, what must come of it; and a way to run it with any `dagu`."""

from __future__ import annotations

import json
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
_LOG = re.compile(r"(?:\d+\.)?(?P<step>.+?)\.\d{8}\.\d{6}\.\d{3}\.\w+\.(?:out|log)")
_RUN_LOG = "dag-run_"
_RUN_ID = re.compile(r'(dagRunId\\*": \\*")[\w-]+')


@dataclass(frozen=True)
class Outcome:
    """What a run came to; `refused` when it never began.

    `stdout` holds the logs of every step and handler that printed something, those of sub-DAG
    runs included, by the name of the step; a step that ran in several runs has a sorted list. What
    a sub-DAG step prints is data, with ID in place of the ids of runs.
    """

    exit: int
    status: str
    steps: Mapping[str, str]
    stdout: Mapping[str, Any]

    def but(self, **differences: Any) -> Outcome:
        """The same with some answers replaced; those of `steps` and `stdout` one by one, where
        None takes one away. A run that is refused has neither."""
        if differences.get("status") == "refused":
            return Outcome(differences["exit"], "refused", {}, {})
        known: dict[str, Any] = {"exit": self.exit, "status": self.status} | differences
        for key in ("steps", "stdout"):
            both = {**getattr(self, key), **differences.get(key, {})}
            known[key] = {name: value for name, value in both.items() if value is not None}
        return Outcome(**known)


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
    if not ends:
        assert done.stderr.startswith("Error: ") or "\nError: " in done.stderr, done.stderr
        return Outcome(done.returncode, "refused", {}, {})
    found = [match for line in lines if (match := _STEP.fullmatch(line))]
    steps = {match["name"]: match["status"] or "not_started" for match in found}
    return Outcome(done.returncode, ends[0].lower().replace(" ", "_"), steps, _stdout(logs))


def _stdout(logs: Path) -> dict[str, Any]:
    texts: dict[str, list[Any]] = {}
    for path in sorted(logs.rglob("*.*")):
        if path.name.startswith(_RUN_LOG) or not (match := _LOG.fullmatch(path.name)):
            continue
        if text := path.read_text("utf-8"):
            texts.setdefault(match["step"], []).append(_report(text))
    return {step: all_[0] if len(all_) == 1 else sorted(all_) for step, all_ in sorted(texts.items())}


def _report(text: str) -> Any:
    """The text, or what a sub-DAG step reports as data."""
    text = _RUN_ID.sub(r"\1ID", text)
    try:
        report = json.loads(text)
    except ValueError:
        return text
    if not isinstance(report, dict) or not {"dagRunId", "results"} & report.keys():
        return text
    # The peer lists parallel runs in any order.
    runs = sorted(report.get("results", []), key=lambda run: str(run["params"]))
    return report | ({"results": runs} if runs else {})
