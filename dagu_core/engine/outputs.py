"""Writes outputs.json: what a run produced, for people and programs that read it later."""

from __future__ import annotations

import json
import re

from dagu_core.base.clock import rfc3339
from dagu_core.engine.context import RunContext
from dagu_core.engine.logs import RunFiles, write_private
from dagu_core.model.run.run import Run
from dagu_core.model.values.params import params_text
from dagu_core.model.values.text import whole


def collected(run: Run, context: RunContext) -> dict[str, str]:
    """Key -> masked value of every captured output that is not omitted; the last step wins."""
    values: dict[str, str] = {}
    for node in run.plan.nodes:
        output = run.steps[node.index].output
        if node.output is not None and not node.output.omit and output is not None:
            values[node.output.key or camel_case(node.output.name)] = context.mask(context.restore(output))
    return values


def write_outputs(run: Run, context: RunContext, files: RunFiles) -> None:
    """Write outputs.json beside the step logs when the run has any output."""
    values = collected(run, context)
    if not values:
        return
    params = [params_text([pair]) for pair in run.summary.params]
    document = {
        "metadata": {
            "dagName": run.ref.dag,
            "dagRunId": run.ref.run_id,
            "attemptId": run.summary.attempt_id,
            "status": run.summary.status.label,
            "completedAt": rfc3339(run.summary.finished_at),
            "params": json.dumps(params, ensure_ascii=False) if params else "",
        },
        "outputs": values,
    }
    text = whole(json.dumps(document, indent=2, ensure_ascii=False))
    write_private(files.step_dir / "outputs.json", f"{text}\n".encode())


def camel_case(name: str) -> str:
    """`TOTAL_COUNT` -> `totalCount`, `J` -> `j`, `alreadyCamel` stays."""
    words = [word for word in re.split(r"[_\-\s]+", name) if word]
    if not words:
        return name
    if len(words) == 1:
        word = words[0]
        return word.lower() if word.isupper() else word[0].lower() + word[1:]
    return words[0].lower() + "".join(word[0].upper() + word[1:].lower() for word in words[1:])
