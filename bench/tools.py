"""Where the contestants' programs are, and how the real Dagu gets here."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

PEER_VERSION = "1.30.2"
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Tools:
    """Paths of the programs; "" = not here, its column stays empty."""

    ours: str
    peer: str
    ninja: str
    python: str


def find_tools(*, with_peer: bool = True) -> Tools:
    """Look for the programs, fetching the peer into the cache folder when need be."""
    return Tools(
        ours=str(Path(sys.executable).parent / "dagu"),
        peer=_peer() if with_peer else "",
        ninja=shutil.which("ninja") or "",
        python=sys.executable,
    )


def _peer() -> str:
    """The real Dagu: DAGU_PEER, or its npm package unpacked in the user's cache folder."""
    if given := os.environ.get("DAGU_PEER"):
        return given
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dagu-bench" / PEER_VERSION
    program = cache / "package" / "bin" / "dagu"
    if program.exists():
        return str(program)
    if not shutil.which("npm"):
        print("The real Dagu is missing: install npm, or set DAGU_PEER to its program.", file=sys.stderr)
        return ""
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    package = f"@dagu-org/dagu-{platform.system().lower()}-{machine}@{PEER_VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(["npm", "pack", "--silent", package], cwd=cache, capture_output=True, text=True)
    if packed.returncode != 0:
        print(f"npm could not fetch {package}: {packed.stderr.strip()[-300:]}", file=sys.stderr)
        return ""
    with tarfile.open(cache / packed.stdout.split()[-1]) as archive:
        archive.extractall(cache, filter="data")
    program.chmod(0o755)
    return str(program)


if __name__ == "__main__":
    print(find_tools().peer)
