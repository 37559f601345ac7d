"""What is in the sample folder, and in any other."""

from __future__ import annotations

from pathlib import Path

#: names below `src`
EVERYTHING = {
    "",
    "/.hidden",
    "/a.txt",
    "/dlink",
    "/empty",
    "/link",
    "/sub",
    "/sub/b.log",
    "/sub/deep",
    "/sub/deep/c.txt",
}


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
