"""Whether the kernel tells what happens in a folder."""

from __future__ import annotations

import os
import re
import sys

#: file systems that others change without this kernel seeing it
_BLIND = re.compile(
    r"nfs\d?|cifs|smb\w*|fuse(\.\w+)?|fuseblk|9p|afs|ceph|lustre|glusterfs|beegfs|virtiofs|vboxsf|prl_fs|acfs"
)


def is_blind(folder: str, mounts: str = "/proc/self/mountinfo") -> bool:
    """Whether changes of `folder`, which need not exist yet, may come unseen."""
    if not sys.platform.startswith("linux"):
        return False
    path = os.path.realpath(folder)
    longest, kind = "", ""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                before, _, after = line.partition(" - ")
                point = _unescaped(before.split()[4])
                inside = path == point or path.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= len(longest):
                    longest, kind = point, after.split()[0]
    except (OSError, IndexError):
        return False
    return bool(_BLIND.fullmatch(kind))


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
