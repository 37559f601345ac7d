"""What a DAG asks for that no mail can come of."""

from __future__ import annotations

from dagu_core import Plan, Problem

_KEYS = {"failure": "errorMail", "success": "infoMail", "wait": "waitMail"}


def problems(plan: Plan) -> list[Problem]:
    """Warnings about mails that are asked for but have no recipients, or no server."""
    on = plan.fields.get("mailOn") or {}
    wanted = {key: f"mailOn.{word}" for word, key in _KEYS.items() if on.get(word)}
    if any(node.mail_on_error for node in plan.nodes):
        wanted.setdefault("errorMail", "mailOnError")
    found = [
        f"`{why}` has no effect: there is no `{key}`" for key, why in wanted.items() if key not in plan.fields
    ]
    needs_server = [key for key in wanted if key in plan.fields]
    needs_server += ["mail"] if any(node.executor == "mail" for node in plan.nodes) else []
    if needs_server and "smtp" not in plan.fields:
        found.append(f"`{needs_server[0]}` has no mail server: there is no `smtp`")
    return [Problem(text, code="D014", severity="warning") for text in found]
