"""The files the contestants run: the same work, written for the engine and for ninja."""

from __future__ import annotations

import compileall
from pathlib import Path


def chain(folder: Path, steps: int) -> None:
    """`steps` steps that do nothing, each after the one before."""
    _dag(folder, f"chain{steps}", [f"  - {{name: s{n}, command: 'true'}}" for n in range(steps)])
    _ninja(folder, [f"build s{n}: nothing" + (f" s{n - 1}" if n else "") for n in range(steps)])


def two_chains(folder: Path, short: int, long: int) -> None:
    """A short and a long chain, in folders `one` and `ten`."""
    for name, steps in (("one", short), ("ten", long)):
        (folder / name).mkdir()
        chain(folder / name, steps)


def wide(folder: Path, steps: int, at_once: int) -> None:
    """`steps` independent steps that do nothing, at most `at_once` at a time."""
    head = f"type: graph\nmaxActiveSteps: {at_once}\n"
    _dag(folder, f"wide{steps}", [f"  - {{name: s{n}, command: 'true'}}" for n in range(steps)], head)
    _ninja(folder, [f"build s{n}: nothing" for n in range(steps)])


def fan_out(folder: Path, runs: int, at_once: int) -> None:
    """One step that calls a sub-DAG `runs` times, at most `at_once` at a time."""
    items = ", ".join(f"'i{n}'" for n in range(runs))
    step = [
        "  - name: fan",
        "    call: child",
        f"    parallel: {{maxConcurrent: {at_once}, items: [{items}]}}",
        "    params: 'ITEM=${ITEM}'",
        "---",
        "name: child",
        "params: 'ITEM=none'",
        "steps:",
        "  - {name: only, command: 'true'}",
    ]
    _dag(folder, f"fan{runs}", step)


def one_step(folder: Path) -> None:
    """The smallest DAG there is."""
    _dag(folder, "one", ["  - {name: only, command: 'true'}"])


def output(folder: Path, size: int) -> None:
    """A step that writes `size` bytes of text lines, and the same DAG with nothing to write."""
    line = b"the quick brown fox jumps over the lazy dog, and nobody wonders why any more\n"
    with (folder / "data").open("wb") as file:
        block = line * 10_000
        while file.tell() < size:
            file.write(block[: size - file.tell()])
    (folder / "nothing").touch()
    for name in ("data", "nothing"):
        path = folder / f"{name}.yaml"
        path.write_text(f"name: {name}\nsteps:\n  - {{name: cat, command: 'cat {folder / name}'}}\n")


def _dag(folder: Path, name: str, steps: list[str], head: str = "") -> None:
    (folder / "dag.yaml").write_text("\n".join([f"name: {name}\n{head}steps:", *steps, ""]))


def _ninja(folder: Path, builds: list[str]) -> None:
    (folder / "build.ninja").write_text("\n".join(["rule nothing", "  command = true", *builds, ""]))


_PLUGIN = '''"""What this package offers."""

from typing import Any

from dagu_core import Executor, hookimpl
from {module}.executor import Toy

DAGU_API = 1


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [Toy]
'''
_EXECUTOR = '''"""A step type."""

from pydantic import Field

from dagu_core import Attempt, Config, Executor, Outcome


class ToyConfig(Config):
    """What a toy needs."""

    times: int = Field(1, ge=1, description="How often.")
    where: str = Field("", description="Where.")
    headers: dict[str, str] = Field(default_factory=dict, description="What goes along.")


class Toy(Executor[ToyConfig]):
    """Says its name."""

    name = "{name}"
    Config = ToyConfig
    capabilities = frozenset({{"command"}})

    async def run(self, attempt: Attempt[ToyConfig]) -> Outcome:
        await attempt.stdout.write(b"{name}")
        return Outcome()
'''


def with_plugins(folder: Path, number: int) -> None:
    """The smallest DAG, a folder `site` with so many installed plugins, and one `empty`."""
    one_step(folder)
    (folder / "empty").mkdir()
    for name in (f"toy{n}" for n in range(number)):
        info, package = folder / "site" / f"dagu_{name}-1.0.dist-info", folder / "site" / f"dagu_{name}"
        info.mkdir(parents=True)
        package.mkdir()
        (info / "entry_points.txt").write_text(f"[dagu.plugins]\n{name} = {package.name}.plugin\n")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dagu-{name}\nVersion: 1.0\n\n")
        (package / "__init__.py").write_text("")
        (package / "plugin.py").write_text(_PLUGIN.format(module=package.name))
        (package / "executor.py").write_text(_EXECUTOR.format(name=name))
    compileall.compile_dir(folder / "site", quiet=1)
