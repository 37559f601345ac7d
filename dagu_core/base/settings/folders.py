"""Where everything lives: one home folder, or the XDG folders."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

from msgspec import Struct

from dagu_core.base.settings.sections import PathSettings

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


class Home(Struct, frozen=True):
    """The folders defaults are built from; `root` is None with the XDG layout."""

    root: Path | None
    config: Path
    state: Path
    user: Path
    cache: Path
    warnings: tuple[str, ...] = ()


def find_home(environ: Mapping[str, str], home: str | None = None) -> Home:
    """`home`, else DAGU_HOME, else the old ~/.dagu if it exists, else XDG."""
    user = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())
    ours = environ.get("XDG_CACHE_HOME") or ""
    cache = Path(ours if os.path.isabs(ours) else user / ".cache") / "dagu"
    if given := home or environ.get("DAGU_HOME"):
        root = absolute(given, user, environ)
        return Home(root, root, root, user, cache)
    old = user / ".dagu"
    if old.is_dir():
        warning = (
            f"{old} is used because it exists; set DAGU_HOME={old} to keep it, or move it to the XDG folders"
        )
        return Home(old, old, old, user, cache, (warning,))
    state = Path(environ.get("XDG_DATA_HOME") or user / ".local" / "share") / "dagu"
    return Home(None, user / ".config" / "dagu", state, user, cache)


def absolute(text: str, user: Path, environ: Mapping[str, str]) -> Path:
    """`text` as an absolute path; `~` and known `$NAME` are replaced."""
    expanded = _VARIABLE.sub(lambda found: environ.get(found[1] or found[2], found[0]), text)
    if expanded == "~" or expanded.startswith("~/"):
        expanded = str(user) + expanded[1:]
    # normalised by text, not resolved: a symbolic link given by the user is what messages show
    return Path(os.path.normpath(Path(expanded).absolute()))


class Paths(Struct, frozen=True):
    """Absolute places. Nothing is created here; `work` holds the scratch folders of runs.

    `plugin_index` remembers what the plugins bring that are installed beside this Python: one file
    for all homes, so that a home that is new need not import them all. `kept_plans` holds what came of
    definitions that were read before.
    """

    dags: Path
    logs: Path
    data: Path
    suspend: Path
    admin_logs: Path
    base_config: Path
    executable: Path
    dag_runs: Path
    queue: Path
    proc: Path
    service_registry: Path
    users: Path
    api_keys: Path
    webhooks: Path
    work: Path
    plugin_index: Path
    kept_plans: Path

    @classmethod
    def of(cls, given: PathSettings, home: Home, environ: Mapping[str, str]) -> Paths:
        """The places that are set, and the defaults of `home` for the others."""

        def place(text: str, default: Path) -> Path:
            return absolute(text, home.user, environ) if text else default.absolute()

        data = place(given.data, home.state / "data")
        logs = place(given.logs, home.state / "logs")
        return cls(
            dags=place(given.dags, home.config / "dags"),
            logs=logs,
            data=data,
            suspend=place(given.suspend, home.state / "suspend"),
            admin_logs=place(given.admin_logs, logs / "admin"),
            base_config=place(given.base_config, home.config / "base.yaml"),
            executable=place(given.executable, Path(sys.argv[0])),
            dag_runs=place(given.dag_runs, data / "dag-runs"),
            queue=place(given.queue, data / "queue"),
            proc=place(given.proc, data / "proc"),
            service_registry=place(given.service_registry, data / "service-registry"),
            users=place(given.users, data / "users"),
            api_keys=place(given.api_keys, data / "apikeys"),
            webhooks=place(given.webhooks, data / "webhooks"),
            work=data / "work",
            plugin_index=home.cache / f"plugins-{crc32(sys.prefix.encode()):08x}.json",
            kept_plans=home.cache / "plans",
        )
