"""Turns samples into a table for the terminal and the page RESULTS.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure import Sample, middle
from bench.rows import MEGABYTE, ROWS, Row, Target
from bench.tools import PEER_VERSION

Samples = Mapping[str, Sequence[Sample]]


def value_of(target: Target, samples: Samples) -> float | None:
    """The figure of a target, or None when a contestant was missing."""
    needed = [name for name in (target.top, target.bottom, target.top_less, target.bottom_less) if name]
    if any(not samples.get(name) for name in needed):
        return None
    figures = {name: middle(samples[name]) for name in needed}
    if target.unit == "MB":
        return (figures[target.top].peak - figures[target.bottom].peak) / MEGABYTE
    top = figures[target.top].seconds - (figures[target.top_less].seconds if target.top_less else 0)
    if not target.bottom:
        return top
    less = figures[target.bottom_less].seconds if target.bottom_less else 0
    # A difference can vanish in the noise; a millisecond keeps the ratio finite.
    return top / max(figures[target.bottom].seconds - less, 0.001)


def holds(target: Target, value: float | None) -> bool | None:
    """Whether the bound is kept; None when there is no bound or no figure."""
    if value is None or (target.at_most is None and target.at_least is None):
        return None
    low_enough = target.at_most is None or value <= target.at_most
    return low_enough and (target.at_least is None or value >= target.at_least)


def table(results: Mapping[str, Samples]) -> list[str]:
    """Markdown lines: one table of targets, one of the figures behind them."""
    rows = [row for row in ROWS if row.name in results]
    lines = ["| Work | Figure | Seen | Target | |", "| --- | --- | --- | --- | --- |"]
    lines += [line for row in rows for line in _target_lines(row, results[row.name])]
    lines += [
        "",
        "| Work | Contestant | Median | All rounds | Peak memory |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [line for row in rows for line in _figure_lines(row, results[row.name])]
    return lines


def page(results: Mapping[str, Samples], command: str, rounds: int) -> str:
    """The page RESULTS.md."""
    head = [
        "# Benchmark results",
        "",
        f"Written by `{command}`: medians of {rounds} rounds, contestants taking turns, every run with an",
        "empty home folder. The peer is Dagu "
        + PEER_VERSION
        + "; the limits are ninja, a bare Python and `cat`.",
        "From its second round on ours finds what came of the file when it was first read (kept below",
        "`~/.cache/dagu`, as Python keeps bytecode); `a new file` is one that was never read before.",
        "",
        f"Machine: {machine()}",
        "",
    ]
    return "\n".join([*head, *table(results), ""])


def machine() -> str:
    """One line on the machine: processors, system, Python."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} processors ({model}), {system}, Python {platform.python_version()}"


def _target_lines(row: Row, samples: Samples) -> list[str]:
    lines = []
    for target in row.targets:
        value = value_of(target, samples)
        seen = "–" if value is None else f"{value:.2f} {target.unit}"
        bound = "–"
        if target.at_most is not None:
            bound = f"≤ {target.at_most:g} {target.unit}"
        elif target.at_least is not None:
            bound = f"≥ {target.at_least:g} {target.unit}"
        verdict = {True: "kept", False: "**missed**", None: ""}[holds(target, value)]
        lines.append(f"| {row.title} | {target.text} | {seen} | {bound} | {verdict} |")
    return lines


def _figure_lines(row: Row, samples: Samples) -> list[str]:
    lines = []
    for name, taken in samples.items():
        if taken:
            figure = middle(taken)
            rounds = ", ".join(f"{sample.seconds:.3f}" for sample in taken)
            peak = f"{figure.peak / MEGABYTE:.0f} MB"
            lines.append(f"| {row.title} | {name} | {figure.seconds:.3f} s | {rounds} | {peak} |")
    return lines
