"""Makes new plugins: a package that passes its own tests at once, or a single file."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from string import Template

from msgspec import Struct

from dagu_core.app.plugin_words import who_brings
from dagu_core.base.errors import AlreadyExists, NotFound, Unavailable, UsageError
from dagu_core.contracts.host import PluginHost

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class _Kind(Struct, frozen=True):
    """A kind of part: the class it derives from, the hook, how a file uses the word."""

    base: str
    hook: str
    title: str
    example: str
    base_type: str = ""
    #: what a single file imports besides
    also: str = ""


KINDS = {
    "executor": _Kind(
        "Executor",
        "dagu_register_executors",
        "The step type {name}",
        "steps:\n  - {{name: greet, type: {name}, command: world, config: {{greeting: Hello}}}}",
        "Executor[Any]",
    ),
    "guard": _Kind(
        "Guard",
        "dagu_register_guards",
        "The step key {name}",
        "steps:\n  - {{name: late, command: echo go, {name}: {{file: ready}}}}",
    ),
    "trigger": _Kind(
        "ClockTrigger",
        "dagu_register_triggers",
        "The schedule {name}",
        "schedule: '@{name} 90'\nsteps: [echo hello]",
    ),
    "notifier": _Kind(
        "Notifier",
        "dagu_register_notifiers",
        "The DAG key {name}",
        "{name}: {{file: runs.txt}}\nsteps: [echo hello]",
    ),
    "secret": _Kind(
        "SecretProvider",
        "dagu_register_secret_providers",
        "The secret provider {name}",
        "secrets: [{{name: TOKEN, provider: {name}, key: values#TOKEN}}]\nsteps: ['echo \"$TOKEN\"']",
    ),
    "observer": _Kind("Observer", "dagu_register_observers", "The observer {name}", "steps: [echo watched]"),
    "store": _Kind(
        "StateStore",
        "dagu_register_stores",
        "The store {name}",
        "# config.yaml says `store: {name}:///some/folder`\nsteps: [echo kept]",
        also=", StateStore",
    ),
}


#: what else may have the word, so that two would claim it
_RIVALS = {
    "executor": ("executor",),
    "guard": ("guard", "step key"),
    "trigger": ("trigger",),
    "notifier": ("notifier", "DAG field", "DAG key"),
    "secret": ("secret provider",),
    "store": ("store",),
}


def check_free(host: PluginHost, kind: str, name: str) -> None:
    """Raise AlreadyExists when a plugin that is here has the name, or the word: both would be refused."""
    name = name.removeprefix("dagu-")
    for report in host.reports:
        if name == report.name.removeprefix("dagu-") or f"dagu-{name}" == report.package:
            raise AlreadyExists(f"there is a plugin {report.name} already", hint="choose another name")
    try:
        found = who_brings(host, name)
    except NotFound:
        return
    for each in found:
        if each.kind in _RIVALS.get(kind, ()) and each.state == "loaded":
            message = f"the {each.kind} {each.word} belongs to {each.package} already"
            raise AlreadyExists(message, hint="choose another name, or disable that one: plugins.disabled")


def new_package(kind: str, name: str, folder: Path) -> list[Path]:
    """Write the package `dagu-NAME` below `folder`; the files, in order.

    Raises UsageError for a name or kind that will not do, AlreadyExists when the package is there.
    """
    values = _values(kind, name)
    root, module = folder / values["package"], values["module"]
    files = {
        "pyproject.toml": _text("pyproject.toml", values),
        "README.md": _text("readme.md", values),
        f"{module}/__init__.py": f'"""{values["title"]}, for dagu."""\n',
        f"{module}/py.typed": "",
        f"{module}/{kind}.py": _text(f"{kind}.py", {**values, "typing": ""}).rstrip() + "\n",
        f"{module}/plugin.py": "".join(
            _text(each, values) for each in ("plugin.py", "versions.py", "hook.py")
        ),
        f"tests/test_{module.removeprefix('dagu_')}.py": _text(f"{kind}_test.py", values),
        "tests/test_readme.py": _text("readme_test.py", values),
    }
    if root.exists():
        raise AlreadyExists(f"{root} exists already", hint="choose another name, or --folder")
    for place, text in files.items():
        _write(root / place, text)
    return [root / place for place in files]


def new_file(kind: str, name: str, folder: Path) -> Path:
    """Write a plugin of one file into `folder`. Raises like `new_package`."""
    values = {**_values(kind, name), "and_hookimpl": f"{KINDS[kind].also}, hookimpl"}
    if kind != "executor":
        values["typing"] = ""  # the template has what it needs
    file = folder / f"{values['module'].removeprefix('dagu_')}.py"
    if file.exists():
        raise AlreadyExists(f"{file} exists already", hint="choose another name")
    _write(file, "".join(_text(part, values) for part in (f"{kind}.py", "versions.py", "hook.py")))
    return file


def _values(kind: str, name: str) -> dict[str, str]:
    if kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}", hint=f"kinds: {', '.join(KINDS)}")
    name = name.removeprefix("dagu-")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a plugin", hint="small letters, digits and single dashes")
    chosen, word = KINDS[kind], name.replace("-", "_")
    return {
        "package": f"dagu-{name}",
        "module": f"dagu_{word}",
        "name": name,
        "part": kind,
        "cls": "".join(map(str.capitalize, name.split("-"))),
        "title": chosen.title.format(name=name),
        "example": chosen.example.format(name=name),
        "base": chosen.base,
        "base_type": chosen.base_type or chosen.base,
        "hook": chosen.hook,
        "variable": f"{word.upper()}_FILE",
        "typing": "from typing import Any\n\n" if chosen.base_type else "",
        "and_hookimpl": "",
    }


def _text(template: str, values: dict[str, str]) -> str:
    text = resources.files("dagu_core.app.scaffold").joinpath(f"{template}.txt").read_text("utf-8")
    return Template(text).substitute(values)


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        file.write_text(text, "utf-8")
        file.chmod(0o644)
    except OSError as error:
        raise Unavailable(f"cannot write {file}: {error.strerror}") from None
