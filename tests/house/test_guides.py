"""The guides show what happens: a block that says `# run:` is run, and the tree beside it is the real one."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house.tree import ROOT, Block, blocks, files, named

GUIDES = [path for path in files(".md") if path.is_relative_to(ROOT / "docs" / "guides")]
#: `# run: NAME.yaml [-- PARAMS]` as the first line of a block
RUN = re.compile(r"# run: (?P<file>[\w-]+\.yaml)(?: -- (?P<words>.+))?\n")
#: what differs from run to run: durations and the ids of sub-DAG runs
_VARIES = [
    (re.compile(r"\((?:\d+m)?[\d.]+m?s\)"), "(0s)"),
    (re.compile(r"\b[1-9A-HJ-NP-Za-km-z]{40,44}\b"), "ID"),
]


@dataclass(frozen=True)
class Shown:
    """A DAG to run and the tree a guide promises for it."""

    dag: Block
    tree: str

    def __str__(self) -> str:
        return f"{named(self.dag.page)}:{self.dag.line}"


def shown(page: Path) -> list[Shown]:
    """The blocks of a page that are run; the tree is the `text` block that follows, or empty."""
    found = []
    all_blocks = list(blocks(page))
    for index, block in enumerate(all_blocks):
        if block.info == "yaml" and RUN.match(block.text):
            after = all_blocks[index + 1 : index + 2]
            tree = after[0].text if after and after[0].info == "text" else ""
            found.append(Shown(block, tree))
    return found


def run(block: Block, folder: Path) -> tuple[int, str]:
    """Run the DAG of a block with the real command; its exit code, and its tree without what varies."""
    head = RUN.match(block.text)
    assert head is not None
    (folder / head["file"]).write_text(block.text)
    words = ["--", *shlex.split(head["words"])] if head["words"] else []
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DAGU_", "PYTHON"))}
    env |= {"DAGU_HOME": str(folder / "home"), "SHELL": "/bin/bash", "LANG": "C.UTF-8"}
    command = [str(Path(sys.executable).with_name("dagu")), "start", head["file"], *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=50)
    return done.returncode, same_for_all_runs(done.stdout)


def same_for_all_runs(output: str) -> str:
    """The tree of a run, from its name to its result."""
    tree = output[output.find("dag: ") :]
    for pattern, put in _VARIES:
        tree = pattern.sub(put, tree)
    return "".join(f"{line.rstrip()}\n" for line in tree.strip().splitlines())


SHOWN = [each for page in GUIDES for each in shown(page)]


def test_the_guides_show_something() -> None:
    assert {named(each.dag.page) for each in SHOWN} >= {
        f"docs/guides/{name}.md" for name in ("parameters", "data", "control")
    }
    assert len(SHOWN) >= 12


@pytest.mark.parametrize("each", SHOWN, ids=str)
def test_a_guide_shows_what_happens(each: Shown, tmp_path: Path) -> None:
    code, tree = run(each.dag, tmp_path)
    assert tree == each.tree
    assert code == (0 if re.search(r"^Result: (?:Partially )?Succeeded$", tree, re.MULTILINE) else 1)


def test_what_varies_is_taken_out() -> None:
    output = "time=now level=INFO\nSucceeded - 2031\n\ndag: x (1m2.5s)\n│ \n└─a (12ms) [succeeded]\n"
    assert same_for_all_runs(output) == "dag: x (0s)\n│\n└─a (0s) [succeeded]\n"
