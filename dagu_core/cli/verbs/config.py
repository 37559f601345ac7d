"""`dagu config`: every setting, its value and where that comes from."""

from __future__ import annotations

import json
from typing import Any

import click
from msgspec.structs import fields
from pydantic.alias_generators import to_camel

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option
from dagu_core.cli.output import as_json, as_table, say, tell


@click.command("config", short_help="Show every setting and where its value comes from.")
@json_option
@pass_invocation
def command(invocation: Invocation, /, in_json: bool) -> int:
    """Show every setting, its value and where that comes from; secrets are hidden.

    Values that are refused are told, all at once; it then ends with 1.
    """
    settings = invocation.settings
    problems = [str(each) for each in settings.problems(invocation.host.complete().settings)]
    rows = settings.explain()
    names = [field.name for field in fields(settings.paths)]
    places = {to_camel(name): str(getattr(settings.paths, name)) for name in names}
    home, file = str(settings.home or ""), str(settings.file or "")
    if in_json:
        listed = [{"key": key, "value": value, "source": source} for key, value, source in rows]
        document = {"home": home, "file": file, "store": settings.store, "paths": places, "settings": listed}
        say(as_json(document | {"warnings": list(settings.warnings), "errors": problems}))
        return 1 if problems else 0
    say(as_table(("KEY", "VALUE", "SOURCE"), [(key, shown(value), source) for key, value, source in rows]))
    say()
    general = [("home", home or "(XDG folders)"), ("configuration file", file or "(none)")]
    say(as_table(("PLACE", "PATH"), [*general, *places.items()]))
    for warning in settings.warnings:
        tell(f"Warning: {warning}")
    for problem in problems:
        tell(f"Error: {problem}")
    if problems:
        tell("Hint: the other settings of the same sections are shown when this is corrected")
    return 1 if problems else 0


def shown(value: Any) -> str:
    """A value in one cell of the table."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
