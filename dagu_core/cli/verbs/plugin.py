"""`dagu plugin`: make, verify, describe and find plugins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dagu_core.base.errors import UsageError
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option, text_option
from dagu_core.cli.output import as_json, as_table, say

if TYPE_CHECKING:
    from dagu_core.app.plugin_verify import Verification

_KINDS = ("executor", "guard", "trigger", "notifier", "secret", "observer", "store")


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
    from dagu_core.app.plugin_new import check_free, new_file, new_package

    check_free(invocation.host, kind, name)
    if single_file:
        file = new_file(kind, name, Path(folder) if folder else invocation.settings.plugin_folder)
        say(f"Made {file}\nNext: dagu plugin verify {file.stem}")
        return 0
    files = new_package(kind, name, Path(folder or "."))
    root = files[0].parent
    say(as_table(("MADE",), [(str(file),) for file in files]))
    say(f"\nNext: pip install -e '{root}[test]' && dagu plugin verify {name.removeprefix('dagu-')}")
    return 0


@command.command("verify", short_help="Run the tests of plugins.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Every plugin that is installed and not disabled.")
@click.option("--stale", is_flag=True, help="Only those whose report is missing, bad, or no longer true.")
@text_option("--report", metavar="FILE", help="Where the report goes (default: verify.json in the package).")
@json_option
@pass_invocation
def verify(
    invocation: Invocation, /, names: tuple[str, ...], every: bool, stale: bool, report: str, in_json: bool
) -> int:
    """Run the tests plugins ship, or those made from what they offer.

    Writes a report of each: into its package where that is a source checkout, so that it is shipped, else
    NAME.verify.json here. Ends with 1 unless every test passed.
    """
    from dagu_core.app.plugin_report import check_place, home_of, write
    from dagu_core.app.plugin_verify import chosen, verify
    from dagu_core.base.clock import SystemClock

    if every == bool(names):
        raise UsageError("name plugins, or say --all", hint="`dagu plugins` lists them")
    invocation.settings  # noqa: B018  # puts --dagu-home into the environment of the tests
    plugins = chosen(invocation.host, names, stale=stale)
    if report and len(plugins) > 1:
        raise UsageError(f"--report is for one plugin, these are {len(plugins)}", hint="leave it out")
    places = [Path(report) if report else home_of(plugin) for plugin in plugins]
    for file in places:
        check_place(file)
    shapes, good = [], True
    for plugin, file in zip(plugins, places, strict=True):
        done = verify(plugin, dict(os.environ), SystemClock().now())
        write(done.shape(), file)
        shapes.append(done.shape())
        good &= done.passed
        if not in_json:
            _tell(done, file, only_failures=len(plugins) > 1)
    if in_json:
        say(as_json(shapes))
    elif not plugins:
        say("Nothing is stale.")
    return 0 if good else 1


def _tell(done: Verification, file: Path, *, only_failures: bool) -> None:
    """The table of a plugin's tests, and its sum."""
    verdicts = [each for each in done.verdicts if each.result == "failed" or not only_failures]
    if verdicts:
        rows = [(each.test, each.result, f"{each.seconds:.1f}", each.told) for each in verdicts]
        say(as_table(("TEST", "RESULT", "SECONDS", "REASON"), rows) + "\n")
    if done.suite is None:
        say(f"{done.plugin.name} has no tests of its own: these were made from what it offers")
    counts = ", ".join(f"{number} {result}" for result, number in done.counts.items())
    # At once, as the next one may take minutes.
    say(f"{done.plugin.name}: {counts}; the report is {file}", at_once=True)


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
    """Tell which package brings a word of a DAG file, of the settings or a command, and how to get it."""
    from dagu_core.app.plugin_words import who_brings
    from dagu_core.cli.group import VERBS

    found = who_brings(invocation.host, word, VERBS)
    if in_json:
        keys = ("word", "kind", "package", "state", "hint")
        say(as_json([{key: getattr(each, key) for key in keys} for each in found]))
        return 0
    rows = [(each.word, each.kind or "-", each.package, each.state, each.hint) for each in found]
    say(as_table(("WORD", "KIND", "PACKAGE", "STATE", ""), rows))
    return 0
