"""What a DAG asks for that no mail can come of."""

from __future__ import annotations

from dagu_core import Place, Places, Plan, Problem

_KEYS = {"failure": "errorMail", "success": "infoMail", "wait": "waitMail"}


def problems(plan: Plan, places: Places) -> list[Problem]:
    """Warnings about mails that are asked for but have no recipients (D341), or no server (D342)."""
    on = plan.fields.get("mailOn") or {}
    wanted = {
        key: (f"mailOn.{word}", places.key("mailOn", word)) for word, key in _KEYS.items() if on.get(word)
    }
    asking = next((node for node in plan.nodes if node.mail_on_error), None)
    if asking is not None:
        wanted.setdefault("errorMail", ("mailOnError", places.key("mailOnError", step=asking)))
    found = [
        _warning("D341", f"`{why}` has no effect: there is no `{key}`", place)
        for key, (why, place) in wanted.items()
        if key not in plan.fields
    ]
    needs_server = [(key, places.key(key)) for key in wanted if key in plan.fields]
    needs_server += [
        ("mail", places.value("type", step=node)) for node in plan.nodes if node.executor == "mail"
    ]
    if needs_server and "smtp" not in plan.fields:
        word, place = needs_server[0]
        found.append(_warning("D342", f"`{word}` has no mail server: there is no `smtp`", place))
    return found


def _warning(code: str, text: str, place: Place) -> Problem:
    return Problem(text, place, code, severity="warning")
