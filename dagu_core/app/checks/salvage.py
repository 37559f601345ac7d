"""Writes out what can still be read of a damaged run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagu_core.base.errors import DaguError, Unavailable
from dagu_core.base.names import safe_name
from dagu_core.model.run.codec import encode_event, encode_source, encode_step, encode_summary
from dagu_core.model.run.run import RunRef

if TYPE_CHECKING:
    from dagu_core.app.app import App


async def write_out(app: App, ref: RunRef, folder: Path) -> Path:
    """Put the run, its steps, events and definition into a JSON file of the folder; its path.

    Raises Unavailable when the folder cannot be written.
    """
    path = folder / f"{safe_name(ref.dag)}.{safe_name(ref.run_id)}.json"
    text = json.dumps(await _readable(app, ref), indent=2, ensure_ascii=False)
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None
    return path


async def _readable(app: App, ref: RunRef) -> dict[str, Any]:
    stored = await app.store.load(ref)
    steps = {name: json.loads(encode_step(step)) for name, step in stored.steps.items()}
    found: dict[str, Any] = {"run": json.loads(encode_summary(stored.summary)), "steps": steps}
    try:
        events = await app.history.events(ref)
        found["events"] = [{"seq": seq, **json.loads(encode_event(event))} for seq, event in events]
        definition = await app.store.definition(stored.summary.definition)
        found["definition"] = json.loads(encode_source(definition))
    except DaguError as error:
        found["missing"] = str(error)
    return found
