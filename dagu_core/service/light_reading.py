"""The part of a definition that decides when it starts, cut out of its text: reading the rest of ten
thousand files would take too long."""

from __future__ import annotations

import re
from collections.abc import Collection

from dagu_core.base.spelling import fold

#: keys that decide when and whether a DAG starts, and those its triggers need, folded
KEYS = frozenset(
    (
        "name",
        "schedule",
        "timezone",
        "startdate",
        "enddate",
        "overlappolicy",
        "overlap",
        "catchupwindow",
        "catchup",
        "triggers",
        "filetrigger",
        "secrets",
        "skipifsuccessful",
        "maxactiveruns",
        "restartwaitsec",
        "queue",
    )
)
#: without one of these nothing starts by itself
STARTING = frozenset(("schedule", "triggers", "filetrigger"))
#: with this one its runs may count for DAGs that start by themselves (`overlap.group`)
COUNTING = "overlap"
_KEY = re.compile(r"""(?:(['"]?)([A-Za-z_][\w.-]*)\1)\s*:(?=\s|$)""")
_UNCUTTABLE = re.compile(r"(?:^|[\s:\[{,-])[&*][\w-]|<<\s*:")


def keys_of(text: str) -> frozenset[str] | None:
    """The folded top-level keys of the first document; None when only a parser can tell."""
    blocks = _blocks(text)
    return None if blocks is None else frozenset(key for key, _ in blocks)


def cut(text: str, more: Collection[str] = ()) -> str | None:
    """The blocks of `KEYS` and of `more` (folded); None when they cannot be cut out."""
    blocks = _blocks(text)
    if blocks is None:
        return None
    kept = [block for key, block in blocks if key in KEYS or key in more]
    found = "".join(kept)
    return None if _UNCUTTABLE.search(found) else found


def _blocks(text: str) -> list[tuple[str, str]] | None:
    """(key, its lines) of a document in block style."""
    found: list[tuple[str, list[str]]] = []
    for line in text.removeprefix("\ufeff").splitlines(keepends=True):
        if line[0] in " \t\r\n#-":
            if line.startswith("---"):
                if found:
                    break
                if line.strip() != "---":
                    return None
            elif found:
                found[-1][1].append(line)
            elif line[0] not in "\r\n#" and line.strip():
                return None
            continue
        if line.startswith("..."):
            break
        key = _KEY.match(line)
        if key is None:
            return None
        found.append((fold(key[2]), [line]))
    return [(key, "".join(lines)) for key, lines in found]
