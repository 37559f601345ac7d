"""Makes fires of changes: keys, variables, parameters, the list of a batch."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagu_core.contracts.trigger import Fire
from dagu_core.contracts.watching.tracker import FileChange
from dagu_core.contracts.watching.words import FileWatchConfig

#: seconds the list of a batch is kept for runs that are retried
KEPT = 30 * 86_400.0
#: paths that are shown with a run
SHOWN = 100
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


def fire_of(change: FileChange, config: FileWatchConfig, due: float) -> Fire:
    """The fire of one file."""
    path, _, event = change
    facts = _facts(change)
    env = {f"DAGU_FILE_TRIGGER_{key.upper()}": str(value) for key, value in facts.items()}
    return Fire(
        due=due,
        key=f"{event} {_shown(path)} {_digest([change])}",
        action=config.action,
        params=_filled(config.params, env),
        env=env,
        info={"event": event, "count": 1, "files": [_shown(path)]},
    )


def batch_of(changes: Sequence[FileChange], config: FileWatchConfig, due: float, folder: Path) -> Fire:
    """The fire of many files, whose list is written into `folder`."""
    digest = _digest(changes)
    listed = folder / f"{digest}.json"
    folder.mkdir(exist_ok=True)
    fresh = listed.with_suffix(".new")
    fresh.write_text(json.dumps([_facts(change) for change in changes], indent=1) + "\n", "ascii")
    fresh.replace(listed)
    env = {"DAG_TRIGGER_FILES": str(listed)}
    return Fire(
        due=due,
        key=f"batch of {len(changes)} {digest}",
        action=config.action,
        params=_filled(config.params, env),
        env=env,
        info={
            "event": "batch",
            "count": len(changes),
            "files": [_shown(change.path) for change in changes[:SHOWN]],
        },
    )


def prune(folder: Path, now: float) -> None:
    """Remove lists that no run needs any more."""
    if folder.is_dir():
        for each in folder.iterdir():
            if each.stat().st_mtime < now - KEPT:
                each.unlink(missing_ok=True)


def marker_of(text: str, path: str) -> str:
    """The marker file of a file."""
    folder, name = os.path.split(path)
    values = {"{path}": path, "{dir}": folder, "{name}": name, "{stem}": os.path.splitext(name)[0]}
    found = re.sub(r"\{[^{}]*\}", lambda match: values[match[0]], text)
    return os.path.normpath(os.path.join(folder, found))


def _facts(change: FileChange) -> dict[str, Any]:
    path, file, event = change
    folder, name = os.path.split(path)
    changed = datetime.fromtimestamp(file.mtime // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"path": path, "name": name, "dir": folder, "event": event, "size": file.size, "mtime": changed}


def _digest(changes: Sequence[FileChange]) -> str:
    facts = [
        [path, *file[:3], file.times, event] + [file.mode] * (event == "chmod")
        for path, file, event in changes
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def _filled(params: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """Parameters with the variables of the trigger; what else looks like a variable stays."""
    return {
        key: _VARIABLE.sub(lambda match: env.get(match[1] or match[2], match[0]), text)
        for key, text in params.items()
    }
