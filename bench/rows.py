"""What is measured: one row a workload, with who runs it and what must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from bench import workloads
from bench.tools import Tools

Command = Callable[[Tools, Path], list[str]]

OUTPUT_BYTES = 200_000_000
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """A bound: (`top` - `top_less`) divided by (`bottom` - `bottom_less`), or `top` alone.

    The names are contestants. `unit` is "x" for a ratio, "s" for seconds, "MB" for the
    difference of two peaks of memory.
    """

    text: str
    top: str
    bottom: str = ""
    at_most: float | None = None
    at_least: float | None = None
    top_less: str = ""
    bottom_less: str = ""
    unit: str = "x"


@dataclass(frozen=True, slots=True)
class Row:
    """A workload. `make` writes its files; `contestants` by name; the first one is ours."""

    name: str
    title: str
    make: Callable[[Path], None]
    contestants: Mapping[str, Command]
    targets: tuple[Target, ...]


def _ours(file: str = "dag.yaml") -> Command:
    return lambda tools, folder: [tools.ours, "start", "-q", str(folder / file)]


def _ours_anew(tools: Tools, folder: Path) -> list[str]:
    """Ours with a file it never saw: nothing that was kept of an earlier reading helps."""
    copy = 'cp "$1" new.yaml && exec "$0" start -q new.yaml'
    return ["sh", "-c", copy, tools.ours, str(folder / "dag.yaml")]


def _peer(file: str = "dag.yaml") -> Command:
    return lambda tools, folder: [tools.peer, "start", "-q", str(folder / file)] if tools.peer else []


def _ninja(jobs: int) -> Command:
    def command(tools: Tools, folder: Path) -> list[str]:
        return [tools.ninja, "--quiet", "-C", str(folder), f"-j{jobs}"] if tools.ninja else []

    return command


def _plugins(folder: str) -> Command:
    """Ours with the plugins of a folder, and without those that happen to be installed here."""

    def command(tools: Tools, at: Path) -> list[str]:
        installed = ",".join(sorted({point.name for point in entry_points(group="dagu.plugins")}))
        variables = [f"PYTHONPATH={at / folder}", f"DAGU_PLUGINS_DISABLED={installed}"]
        return ["env", *variables, tools.ours, "start", "-q", str(at / "dag.yaml")]

    return command


ROWS = (
    Row(
        "chain",
        "chain of 1,000 steps",
        lambda folder: workloads.chain(folder, 1_000),
        {"ours": _ours(), "ours, a new file": _ours_anew, "peer": _peer(), "ninja": _ninja(1)},
        (
            Target("ours / ninja", "ours", "ninja", at_most=1.5),
            Target("ours, a new file / ninja", "ours, a new file", "ninja"),
            Target("peer / ours", "peer", "ours", at_least=15),
        ),
    ),
    Row(
        "wide",
        "1,000 independent steps, 8 at once",
        lambda folder: workloads.wide(folder, 1_000, 8),
        {"ours": _ours(), "peer": _peer(), "ninja": _ninja(8)},
        (Target("ours / ninja", "ours", "ninja", at_most=3), Target("peer / ours", "peer", "ours")),
    ),
    Row(
        "long",
        "chain of 10,000 steps against a chain of 1,000",
        lambda folder: workloads.two_chains(folder, 1_000, 10_000),
        {"ours": _ours("ten/dag.yaml"), "ours, 1,000": _ours("one/dag.yaml")},
        (Target("10,000 / 1,000", "ours", "ours, 1,000", at_most=11),),
    ),
    Row(
        "fan",
        "200 sub-DAG runs, 8 at once",
        lambda folder: workloads.fan_out(folder, 200, 8),
        {"ours": _ours(), "peer": _peer()},
        (Target("peer / ours", "peer", "ours", at_least=3),),
    ),
    Row(
        "cold",
        "`start` of a one-step DAG, cold",
        workloads.one_step,
        {
            "ours": _ours(),
            "ours, a new file": _ours_anew,
            "peer": _peer(),
            "python": lambda tools, folder: [tools.python, "-c", "pass"],
        },
        (
            Target("ours", "ours", at_most=0.25, unit="s"),
            Target("ours, a new file", "ours, a new file", at_most=0.25, unit="s"),
            Target("ours / bare Python", "ours", "python"),
        ),
    ),
    Row(
        "plugins",
        "`start` of a one-step DAG with 20 plugins",
        lambda folder: workloads.with_plugins(folder, 20),
        {"ours": _plugins("site"), "ours, no plugins": _plugins("empty")},
        (Target("20 plugins / none", "ours", "ours, no plugins", at_most=1.15),),
    ),
    Row(
        "output",
        "200 MB of step output",
        lambda folder: workloads.output(folder, OUTPUT_BYTES),
        {
            "ours": _ours("data.yaml"),
            "ours, no output": _ours("nothing.yaml"),
            "peer": _peer("data.yaml"),
            "peer, no output": _peer("nothing.yaml"),
            # Appending, as a log is: into an empty file some `cat`s let the kernel clone the data.
            "cat": lambda tools, folder: ["sh", "-c", f"cat {folder}/data >> copy"],
        },
        (
            Target("ours / cat, starts taken off", "ours", "cat", at_most=1.3, top_less="ours, no output"),
            Target("peak memory above no output", "ours", "ours, no output", at_most=20, unit="MB"),
            Target("peer / ours", "peer", "ours", top_less="peer, no output", bottom_less="ours, no output"),
        ),
    ),
)
