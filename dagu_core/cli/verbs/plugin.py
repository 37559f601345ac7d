"""`dagu plugin`: make, verify, describe and find plugins."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option, text_option
from dagu_core.cli.output import as_json, as_table, say

_KINDS = ("executor", "guard", "trigger", "notifier", "secret", "observer")


@click.group("plugin", short_help="Make, verify, describe and find plugins.")
def command() -> None:
    """Make, verify, describe and find plugins; `dagu plugins` lists those that are here."""


@command.command("new", short_help="Begin a plugin.")
@click.argument("kind", type=click.Choice(_KINDS))
@click.argument("name")
@text_option("--folder", metavar="FOLDER", help="Where the package goes (default: here).")
@click.option("--single-file", is_flag=True, help="One file in the home's folder `plugins`, no package.")
@pass_invocation
def new(invocation: Invocation, /, kind: str, name: str, folder: str, single_file: bool) -> int:
    """Begin a plugin that works at once and passes its tests: a package, or a single file."""
    from dagu_core.app.plugin_new import new_file, new_package

    if single_file:
        file = new_file(kind, name, Path(folder) if folder else invocation.settings.plugin_folder)
        say(f"Made {file}\nNext: dagu plugin verify {file.stem}")
        return 0
    files = new_package(kind, name, Path(folder or "."))
    root = files[0].parent
    say(as_table(("MADE",), [(str(file),) for file in files]))
    say(f"\nNext: pip install -e {root} && dagu plugin verify {name.removeprefix('dagu-')}")
    return 0


@command.command("verify", short_help="Run the tests of a plugin.")
@click.argument("name")
@text_option("--report", metavar="FILE", help="Where the report goes (default: NAME.verify.json).")
@json_option
@pass_invocation
def verify(invocation: Invocation, /, name: str, report: str, in_json: bool) -> int:
    """Run the tests an installed plugin ships, or those made from what it offers.

    Writes a report, and ends with 1 unless every test passed.
    """
    from dagu_core.app.plugin_verify import verify, write_report

    invocation.settings  # noqa: B018  # puts --dagu-home into the environment of the tests
    done = verify(invocation.host, name, dict(os.environ))
    file = Path(report or f"{done.plugin.name}.verify.json")
    write_report(done, file)
    if in_json:
        say(as_json(done.shape()))
    else:
        rows = [(each.test, each.result, f"{each.seconds:.1f}", each.told) for each in done.verdicts]
        say(as_table(("TEST", "RESULT", "SECONDS", "REASON"), rows))
        counts = [
            f"{sum(each.result == result for each in done.verdicts)} {result}"
            for result in ("passed", "failed", "skipped")
        ]
        say(f"\n{done.plugin.name}: {', '.join(counts)}; the report is {file}")
    return 0 if done.passed else 1


@command.command("docs", short_help="Print the page of a plugin.")
@click.argument("name")
@pass_invocation
def docs(invocation: Invocation, /, name: str) -> int:
    """Print the page of a plugin in Markdown, read from its docstrings and models."""
    from dagu_core.app.plugin_page import page_of
    from dagu_core.app.plugin_verify import find_plugin

    say(page_of(invocation.host, find_plugin(invocation.host, name)).rstrip())
    return 0


@command.command("which", short_help="Tell which package brings a word.")
@click.argument("word")
@json_option
@pass_invocation
def which(invocation: Invocation, /, word: str, in_json: bool) -> int:
    """Tell which package brings a word of a DAG file, and how to install it."""
    from dagu_core.app.plugin_page import who_brings

    found = who_brings(invocation.host, word)
    if in_json:
        keys = ("word", "kind", "package", "state", "hint")
        say(as_json([{key: getattr(each, key) for key in keys} for each in found]))
        return 0
    rows = [(each.word, each.kind or "-", each.package, each.state, each.hint) for each in found]
    say(as_table(("WORD", "KIND", "PACKAGE", "STATE", ""), rows))
    return 0
