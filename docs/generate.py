"""Writes the pages that are read from the code: `python docs/generate.py [--check]`.

`--check` writes nothing and ends with 1 when a page differs from the code.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- written by docs/generate.py; change the code it is read from, then `make docs` -->"
_SCALARS = {"string", "integer", "number", "boolean"}


def hooks_page() -> str:
    """docs/plugins/hooks.md: every hook with its signature and its promise."""
    from dagu_core.contracts import hookspecs

    head = [
        NOTE,
        "",
        "# Hooks",
        "",
        "A plugin is a module with some of these functions, each marked with `@hookimpl`, and an entry point",
        "in the group `dagu.plugins`. Hooks are called once, when plugins are loaded, in no particular",
        "order; they hand over classes, and the methods of those do the work.",
        f"This is version {hookspecs.API_VERSION} of the hooks.",
        "",
    ]
    parts = [
        f"### `{name}{hook_signature(hook)}`\n\n{_promise(inspect.getdoc(hook) or '')}\n"
        for name, hook in hooks().items()
    ]
    return "\n".join([*head, *parts])


def hooks() -> dict[str, Callable[..., Any]]:
    """Every hook specification by name, in order of the file."""
    from dagu_core.contracts import hookspecs

    return {name: value for name, value in vars(hookspecs).items() if name.startswith("dagu_")}


def hook_signature(hook: Callable[..., Any]) -> str:
    """The signature as it is written."""
    return str(inspect.signature(hook)).replace("'", "")


def _promise(text: str) -> str:
    return text.replace(".. versionadded:: ", "Since ").replace("``", "`").strip()


def settings_page() -> str:
    """docs/reference/settings.md: every key of the configuration file."""
    from dagu_core.base.settings import sections, services
    from dagu_core.base.settings.section import SettingsSection

    lines = [
        NOTE,
        "",
        "# Settings",
        "",
        "A setting comes from the first of these that has it: a flag of the command, an environment",
        "variable, the configuration file (`config.yaml` in the home folder), its default. Keys are",
        "accepted in any case, and with underscores. `dagu config` shows every value and where it came from,",
        "and tells each value that is refused and each key that nobody knows.",
    ]
    for module in (sections, services):
        for model in vars(module).values():
            if inspect.isclass(model) and issubclass(model, SettingsSection) and model is not SettingsSection:
                lines += ["", *_section_lines(model)]
    return "\n".join([*lines, ""])


def _section_lines(model: Any) -> list[str]:
    from dagu_core.base.settings.section import declarations

    title = f"`{model.section}`" if model.section else model.__name__.removesuffix("Settings")
    about = (inspect.getdoc(model) or "").partition("\n\n")[0].replace("\n", " ")
    lines = [
        f"## {title}",
        "",
        about,
        "",
        "| Key | Variable | Default | Meaning |",
        "| --- | --- | --- | --- |",
    ]
    for item in declarations(model):
        variables = ", ".join(f"`{name}`" for name in item.env)
        default = _shown(item.default, "s" * item.is_duration)
        lines.append(f"| `{item.key}` | {variables} | {default} | {_cell(item.description)} |")
    return lines


def _shown(value: Any, unit: str = "") -> str:
    if hasattr(value, "get_secret_value"):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}{unit}`"
    return f"`{value}`" if value not in ("", None, [], {}) else ""


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def schema_page() -> str:
    """docs/reference/dag.schema.json: the JSON Schema of the language."""
    import json

    return json.dumps(_schema(), indent=2, ensure_ascii=False) + "\n"


def _schema() -> dict[str, Any]:
    from dagu_core.contracts.host import PluginHost
    from dagu_core.model.spec.schema import dag_schema

    return dag_schema(PluginHost.load(discover=False).catalog.vocabulary)


def language_page() -> str:
    """docs/reference/yaml.md: every key of a DAG file."""
    schema = _schema()
    parts = {"DAG": schema} | {_title(name): part for name, part in schema["$defs"].items()}
    order = sorted(parts, key=lambda title: (title != "DAG", title != "Step", title))
    lines = [
        NOTE,
        "",
        "# The language",
        "",
        "Every key of a DAG file. Keys are accepted in camelCase, in snake_case and in any case. The same",
        "rules as a [JSON Schema](dag.schema.json), with the plugins you have installed: `dagu schema`.",
    ]
    for title in order:
        if parts[title].get("properties"):
            lines += ["", *_object_lines(title, parts[title])]
    return "\n".join([*lines, ""])


def _title(definition: str) -> str:
    """`StepSpec` -> `Step`; the models of plugins are named after their word."""
    word, _, rest = definition.partition("-")
    return f"{word} config" if rest else word.removesuffix("Spec").removesuffix("Model")


def _object_lines(title: str, part: dict[str, Any]) -> list[str]:
    lines = [f"## {title}", ""]
    if about := _cell(part.get("description")):
        lines += [about, ""]
    lines += ["| Key | What may stand there | Meaning |", "| --- | --- | --- |"]
    properties: dict[str, dict[str, Any]] = part["properties"]
    older = {
        key: value["$ref"].rpartition("/")[2] for key, value in properties.items() if value.get("deprecated")
    }
    for key, value in properties.items():
        if "/properties/" in value.get("$ref", ""):
            continue  # another spelling of a key
        needed = " (required)" if key in _required(part) else ""
        meaning = [_cell(value.get("description"))]
        if value.get("default") not in (None, "", 0, [], {}):
            meaning.append(f"Default: {_shown(value['default'])}.")
        if others := [f"`{old}`" for old, new in older.items() if new == key and "_" not in old]:
            meaning.append(f"Also {', '.join(others)}.")
        lines.append(f"| `{key}` | {_cell(_kind(value))}{needed} | {' '.join(filter(None, meaning))} |")
    return lines


def _required(part: dict[str, Any]) -> set[str]:
    """The keys that must be given, in whatever spelling."""
    ways = [one["anyOf"][0].get("required", ()) for one in part.get("allOf", ()) if "anyOf" in one]
    return {*part.get("required", ()), *(key for way in ways for key in way)}


def _kind(value: Any) -> str:
    """What a part of a JSON Schema accepts, in a few words; "" for nothing but null."""
    if not isinstance(value, dict) or not value:
        return "anything"
    if "$ref" in value:
        title = _title(value["$ref"].rsplit("/", 1)[-1])
        return f"[{title}](#{title.lower().replace(' ', '-')})"
    if "enum" in value:
        return " or ".join(f"`{word}`" for word in value["enum"] if word not in ("", None))
    if "const" in value:
        return f"`{value['const']}`"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in value:
            choices = value[key]
            if any("enum" in choice for choice in choices):  # the others are its words in other spellings
                choices = [choice for choice in choices if "pattern" not in choice]
            if {choice.get("type") for choice in choices} >= _SCALARS:  # a text, which need not be quoted
                choices = [choice for choice in choices if choice.get("type") not in _SCALARS - {"string"}]
            return " or ".join(dict.fromkeys(kind for choice in choices if (kind := _kind(choice))))
    return _typed(value)


def _typed(value: dict[str, Any]) -> str:
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping"}
    given = value.get("type", "anything")
    kinds: list[str] = given if isinstance(given, list) else [given]
    shown = [words.get(kind, kind) for kind in kinds if kind != "null"]
    if shown == ["array"]:
        return f"list of {_several(value.get('items'))}"
    if shown == ["mapping"] and isinstance(value.get("additionalProperties"), dict):
        return f"mapping to {_several(value['additionalProperties'])}"
    return " or ".join("list" if kind == "array" else kind for kind in shown)


def _several(value: Any) -> str:
    kind = _kind(value)
    return f"({kind})" if " or " in kind else kind


def commands_page() -> str:
    """docs/reference/cli.md: every verb of the command line with its arguments and flags."""
    from dagu_core.cli.group import VERBS, VerbGroup

    group = VerbGroup("dagu")
    context = click.Context(group, info_name="dagu")
    lines = [
        NOTE,
        "",
        "# The command line",
        "",
        "Exit codes: 0 succeeded, partially succeeded, accepted or parked; 1 failed, aborted, rejected or",
        "invalid; 2 usage; 3 not found; 4 conflict; 5 a backend is unavailable; 128 + n ended by signal n.",
        "",
        "| Command | What it does |",
        "| --- | --- |",
        *(f"| [`dagu {name}`](#dagu-{name}) | {about} |" for name, about in VERBS.items()),
    ]
    commands = [command for name in VERBS if (command := group.get_command(context, name))]
    shared = [flag for flag in commands[0].params if not flag.expose_value]
    lines += ["", "Every command takes these flags, before or behind its name:", ""]
    lines += _flag_lines(shared, context)
    for own in (below for command in commands for below in _with_below(command, context)):
        command = own.command
        usage = " ".join(command.collect_usage_pieces(own))
        about = inspect.cleandoc(command.help or "").replace("\b\n", "")
        lines += ["", f"## `{own.command_path}`", "", f"`{own.command_path} {usage}`", "", about]
        flags = [flag for flag in command.params if flag.expose_value and isinstance(flag, click.Option)]
        lines += ["", *_flag_lines(flags, own)] if flags else []
    return "\n".join([*lines, ""])


def _with_below(command: click.Command, parent: click.Context) -> Iterator[click.Context]:
    """The verb and the verbs below it, each with its context."""
    own = click.Context(command, info_name=command.name, parent=parent)
    yield own
    for below in getattr(command, "commands", {}).values():
        yield from _with_below(below, own)


def _flag_lines(flags: Sequence[click.Parameter], context: click.Context) -> list[str]:
    records = [record for flag in flags if (record := flag.get_help_record(context))]
    rows = [f"| `{_cell(names)}` | {_cell(text)} |" for names, text in records]
    return ["| Flag | Meaning |", "| --- | --- |", *rows]


def main() -> int:
    """Write the pages, or compare them."""
    check = "--check" in sys.argv[1:]
    stale = []
    for name, write in PAGES.items():
        path, text = DOCS / name, write()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/{name}: " + ("differs from the code: run `make docs`" if check else "written"))
    return int(check and bool(stale))


PAGES: dict[str, Callable[[], str]] = {
    "plugins/hooks.md": hooks_page,
    "reference/cli.md": commands_page,
    "reference/settings.md": settings_page,
    "reference/yaml.md": language_page,
    "reference/dag.schema.json": schema_page,
}

if __name__ == "__main__":
    sys.exit(main())
