"""Findings about steps that work, but not as safely as they look, or that cannot work."""

from __future__ import annotations

from dagu_core import Plan, Problem
from dagu_ftp.executor import OPERATIONS

_UNSAFE = {
    "tlsverify": "the certificate of the server is not checked: anybody between can read and change all",
    "stricthostkey": "the host key of the server is not checked: anybody between can read and change all",
}


def findings(plan: Plan) -> list[Problem]:
    """What is worth a word about the steps of our types."""
    found = []
    for step in plan.nodes:
        if step.executor not in ("ftp", "ftps", "sftp"):
            continue
        for key, value in step.config.items():
            message = _UNSAFE.get(key.replace("_", "").lower())
            if message and value is False:
                found.append(Problem(f"step {step.name}: {message}", code="D331", severity="warning"))
        word = step.commands[0].strip() if step.commands else ""
        if word and "$" not in word and "`" not in word and word not in OPERATIONS:
            message = f"step {step.name}: there is no operation {word!r}"
            hint = f"known are {', '.join(OPERATIONS)}"
            found.append(Problem(message, code="D332", hint=hint, severity="error"))
    return found
