"""The files of the project, as the tests of the house look at them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = {".git", ".venv", ".demo", ".cache", "site", "dist", "node_modules", "__pycache__"}
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def files(suffix: str = "") -> tuple[Path, ...]:
    """The files that are, or would be, tracked; those whose name ends with `suffix`."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked archive
        found = [path for path in ROOT.rglob("*") if not _LEFT_OUT.intersection(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in found if path.is_file() and path.name.endswith(suffix)))


def named(path: Path) -> str:
    """The path as messages and test ids show it."""
    return path.relative_to(ROOT).as_posix()


def pages() -> list[Path]:
    """Every Markdown page."""
    return list(files(".md"))


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page; `info` is what stands behind the fence."""

    page: Path
    line: int
    info: str
    text: str

    def __str__(self) -> str:
        return f"{named(self.page)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["info"].strip(), found["text"])
