"""`python -m bench.run`: measure the rows of the performance budget and print the ratios."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.measure import Failed, Sample, measure
from bench.report import holds, page, table, value_of
from bench.rows import ROWS, Row
from bench.tools import Tools, find_tools

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    """Exit code 0 when every bound is kept, 1 when one is missed or a contestant failed."""
    options = _options()
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    tools = find_tools(with_peer=not options.without_peer)
    results: dict[str, dict[str, list[Sample]]] = {}
    failed = False
    # All is kept to the end: while a disk forgets thousands of files, making new ones takes longer.
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for row in rows:
            try:
                results[row.name] = _measure_row(row, tools, options.rounds, Path(folder, row.name))
            except Failed as failure:
                failed = True
                print(f"{row.title}: {failure}", file=sys.stderr)
    print("\n".join(table(results)))
    if not options.dry:
        # What other commands have measured stands below, and stays.
        _, heading, apart = RESULTS.read_text().partition("\n## ")
        fresh = page(results, " ".join(["make bench", *_shown_options()]), options.rounds)
        RESULTS.write_text(fresh + heading + apart)
        print(f"\nwritten to {os.path.relpath(RESULTS)}")
    measured = (row for row in rows if row.name in results)
    missed = [t for row in measured for t in row.targets if holds(t, value_of(t, results[row.name])) is False]
    return int(failed or bool(missed))


def _measure_row(row: Row, tools: Tools, rounds: int, folder: Path) -> dict[str, list[Sample]]:
    """Each contestant once a round, in turn, so that a slow minute hits all of them."""
    samples: dict[str, list[Sample]] = {name: [] for name in row.contestants}
    folder.mkdir()
    row.make(folder)
    for number in range(rounds):
        for name, command in row.contestants.items():
            if argv := command(tools, folder):
                sample = measure(argv, Path(tempfile.mkdtemp(prefix="home-", dir=folder)))
                samples[name].append(sample)
                text = f"{row.name}: {name}, round {number + 1}: {sample.seconds:.3f} s"
                print(text, file=sys.stderr, flush=True)
    return samples


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant runs")
    parser.add_argument("--only", nargs="+", choices=names, help="only these rows")
    parser.add_argument("--without-peer", action="store_true", help="leave the real Dagu out")
    parser.add_argument("--dry", action="store_true", help="print, but do not write RESULTS.md")
    return parser.parse_args()


def _shown_options() -> list[str]:
    return [f"BENCH='{' '.join(sys.argv[1:])}'"] if sys.argv[1:] else []


if __name__ == "__main__":
    sys.exit(main())
