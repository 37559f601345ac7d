"""Names and links that may be written, and no others."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Mapping
from typing import NoReturn

from dagu_archive.codes import CORRUPT, refuse, shown

_DRIVE = re.compile(r"[A-Za-z]:(?!:)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_BYTES = 4096
_MAX_DEPTH = 255
#: as many links as the kernel follows
_MAX_HOPS = 40


def hostile(name: str, why: str) -> NoReturn:
    """Refuse the whole archive because of one name."""
    refuse(CORRUPT, f"refused: {shown(name)} {why}")


def checked(name: str, *, safe: bool) -> str:
    """The name as a plain relative path; "" for the folder itself.

    `safe` refuses also what only other systems, terminals or programs stumble over.
    """
    if "\0" in name:
        hostile(name, "has a NUL character in its name")
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        hostile(name, "is an absolute name")
    if ".." in name.replace("\\", "/").split("/"):
        hostile(name, "climbs out of its folder")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    try:
        encoded = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        hostile(name, "is a name that no file can have")
    if len(parts) > _MAX_DEPTH or len(encoded) > _MAX_BYTES:
        hostile(name, "is too long")
    if safe and _CONTROL.search(name):
        hostile(name, 'has control characters in its name (names: "any" takes it)')
    return "/".join(parts)


class Register:
    """The names that are going to be written, so that no two of them meet."""

    def __init__(self, *, safe: bool) -> None:
        self._safe = safe
        self._is_folder: dict[str, bool] = {}
        self._folded: dict[str, str] = {}

    def add(self, name: str, *, folder: bool) -> None:
        """Take `name`, and the folders above it. Refuses what would be written twice or through
        something that is no folder."""
        above = name.rpartition("/")[0]
        while above and above not in self._is_folder:
            self._note(above, True)
            above = above.rpartition("/")[0]
        if above and not self._is_folder[above]:
            hostile(name, f"would be written through {shown(above)}, which is no folder")
        known = self._is_folder.get(name)
        if known is None:
            self._note(name, folder)
        elif known != folder:
            hostile(name, "is a folder and a file in one archive")
        elif not folder and self._safe:
            hostile(name, 'is in the archive twice (names: "any" takes the last)')

    def _note(self, name: str, folder: bool) -> None:
        self._is_folder[name] = folder
        if self._safe:
            folded = unicodedata.normalize("NFC", name).casefold()
            other = self._folded.setdefault(folded, name)
            if other != name:
                hostile(name, f'and {shown(other)} differ in case only (names: "any" takes both)')


def check_links(links: Mapping[str, str]) -> None:
    """Refuse links (name -> target) that lead out of the folder, over however many others."""
    for name in links:
        _follow(name, links)


def _follow(name: str, links: Mapping[str, str]) -> None:
    here: list[str] = []
    ahead, hops = deque(name.split("/")), 0
    while ahead:
        part = ahead.popleft()
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                hostile(name, f"is a link that points outside: {shown(links[name])}")
            here.pop()
            continue
        target = links.get("/".join([*here, part]))
        if target is None:
            here.append(part)
            continue
        hops += 1
        if hops > _MAX_HOPS:
            hostile(name, "is a link of a chain that is too long, or a ring")
        if target.startswith(("/", "\\")) or _DRIVE.match(target) or not target or "\0" in target:
            hostile(name, f"is a link that points outside: {shown(target)}")
        ahead.extendleft(reversed(target.split("/")))
