"""The table of verbs; a verb's module is imported when the verb is used, not before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Set
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.errors import DaguError, PluginError
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.options import unquoted

if TYPE_CHECKING:
    from dagu_core.contracts.command import Command

VERBS: Mapping[str, str] = {
    "start": "Run a DAG here and now.",
    "exec": "Run one command as a DAG run.",
    "enqueue": "Put a run into a queue.",
    "dequeue": "Take a run out of a queue.",
    "queue": "See what waits in queues, pause them, and change their order.",
    "stop": "Stop running runs of a DAG.",
    "restart": "Stop a run and run it again under a new id.",
    "retry": "Run the failed steps of a run again, or from one step on.",
    "status": "Show how a run stands.",
    "history": "List past runs.",
    "why": "Tell why steps were skipped, wait or never started.",
    "events": "List the starts that were not made, and why.",
    "dry": "Show what a run would do, without doing it.",
    "validate": "Check a DAG file and list all its problems.",
    "schedule": "Show what starts by itself and when; suspend and resume it.",
    "scheduler": "Start what is due by schedules and triggers.",
    "start-all": "Scheduler and runners in one.",
    "backfill": "Make up for runs of the past.",
    "worker": "Carry out what waits in the queues.",
    "recover": "Take over the runs whose process died, and end them.",
    "doctor": "Tell what is not as it should be, and what to do.",
    "cleanup": "Delete old runs of a DAG.",
    "migrate": "For scripts of the original: there is nothing to convert.",
    "schema": "Print the JSON Schema of the language.",
    "plugins": "List plugins, and what each one brings.",
    "plugin": "Make, verify, describe and find plugins.",
    "config": "Show every setting and where its value comes from.",
    "completion": "Print the completion script of a shell.",
    "version": "Print the version.",
    "help": "Show the help of a verb.",
}
#: verbs of packages that can be installed
ELSEWHERE: Mapping[str, str] = {
    "server": "it comes with the server: pip install 'dagu[server]'",
    "cleanup --images": "it comes with containers: pip install dagu-docker",
}
#: flags without a value; any other flag before the verb takes the next word along
SWITCHES = frozenset(
    (
        "-h",
        "--help",
        "-q",
        "--quiet",
        "--cpu-profile",
        "--safe-mode",
        "--json",
        "-y",
        "--yes",
        "--dry-run",
        "--force",
    )
)


class VerbGroup(click.Group):
    """All verbs: ours from the table, then those of plugins."""

    def plugin_commands(self, ctx: click.Context) -> Mapping[str, Command]:
        """The verbs plugins bring, by name; ours cannot be replaced."""
        invocation = ctx.ensure_object(Invocation)
        if not invocation.has_plugins:
            return {}
        try:
            commands = invocation.host.complete().commands
        except DaguError:
            # A broken configuration file must not take the help away.
            return {}
        return {name: command for name, command in sorted(commands.items()) if name not in VERBS}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, ours first."""
        return [*VERBS, *self.plugin_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, imported now; None when there is none of that name."""
        if cmd_name in VERBS:
            command = import_module(f"dagu_core.cli.verbs.{cmd_name.replace('-', '_')}").command
        elif (brought := self.plugin_commands(ctx).get(cmd_name)) is not None:
            command = _load(brought)
        else:
            return None
        return with_common_options(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click, with a suggestion for a word that is no verb."""
        name, *words = args
        command = self.get_command(ctx, name)
        if command is not None and (longer := self._with_flag(ctx, name, _strange_flags(command, words))):
            name, words = longer, [word for word in words if word != longer.partition(" ")[2]]
            command = self.get_command(ctx, name)
        if command is None:
            ctx.fail(self._unknown(ctx, name))
        return name, command, without_equals(words, _valued(command))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let flags stand before the verb too."""
        return super().parse_args(ctx, verb_first(args))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, written from the table: nothing is imported for it."""
        more = {name: command.help for name, command in self.plugin_commands(ctx).items()}
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))
        if more:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(list(more.items()))

    def _with_flag(self, ctx: click.Context, verb: str, flags: list[str]) -> str:
        """Verb and flag, where the two of them are a verb of a plugin; "" where they are not."""
        both = {f"{verb} {flag}" for flag in flags}
        return min(both & {*ELSEWHERE, *self.plugin_commands(ctx)}, default="") if both else ""

    def _unknown(self, ctx: click.Context, word: str) -> str:
        message = f'unknown command "{word}" for "dagu"'
        if word in ELSEWHERE:
            return f"{message}; {ELSEWHERE[word]}"
        import difflib

        near = difflib.get_close_matches(word, self.list_commands(ctx), n=1, cutoff=0.6)
        return f"{message}\nDid you mean `{near[0]}`?" if near else message


def _load(brought: Command) -> click.Command:
    from dagu_core.contracts.report import cause

    broken = f"the plugin that brings `{brought.name}` is broken"
    hint = "`dagu plugins` tells which one it is; update it, or disable it in plugins.disabled"
    try:
        command: object = brought.load()
    except Exception as error:
        raise PluginError(f"{broken}: {cause(error)}", hint=hint) from error
    if not isinstance(command, click.Command):
        raise PluginError(f"{broken}: load gave a {type(command).__name__}, not a click command", hint=hint)
    return command


def verb_first(args: list[str]) -> list[str]:
    """`args` with what stands before the verb moved right behind it."""
    at = 0
    while at < len(args) and args[at].startswith("-") and args[at] not in {"-", "--"}:
        takes_next = "=" not in args[at] and args[at] not in SWITCHES
        at += 2 if takes_next else 1
    if at >= len(args) or args[at] == "--":
        return args
    return [args[at], *args[:at], *args[at + 1 :]]


def without_equals(args: list[str], valued: Set[str]) -> list[str]:
    """`args` with the sign of `-p=VALUE` taken away, which click would take for a part of the value;
    `valued` are the flags that take one. Words behind `--` stay as they are."""
    done: list[str] = []
    rest = iter(args)
    for word in rest:
        done.append(word)
        if word == "--":
            break
        letters = word[1:] if word.startswith("-") and not word.startswith("--") else ""
        at = next((at for at, letter in enumerate(letters, 1) if f"-{letter}" in valued), 0)
        if at and word[at + 1 : at + 2] == "=":
            done[-1:] = [word[: at + 1], word[at + 2 :]]
        elif word in valued or (at and at + 1 == len(word)):
            done += itertools.islice(rest, 1)
    return [*done, *rest]


def _strange_flags(command: click.Command, words: list[str]) -> list[str]:
    """The flags among the words that the verb does not have."""
    own = {flag for one in _with_those_below(command) for param in one.params for flag in param.opts}
    before = itertools.takewhile(lambda word: word != "--", words)
    return [word for word in before if word.startswith("--") and word.partition("=")[0] not in own]


def _with_those_below(command: click.Command) -> Iterator[click.Command]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _with_those_below(below)


def _valued(command: click.Command) -> frozenset[str]:
    """The flags of a verb, and of those below it, that take a value."""
    params = [param for one in _with_those_below(command) for param in one.params]
    options = (param for param in params if isinstance(param, click.Option))
    return frozenset(flag for one in options if not (one.is_flag or one.count) for flag in one.opts)


def with_common_options(command: click.Command) -> click.Command:
    """Give a verb, and each one below it, the flags that every verb takes, unless it has one of that
    name itself."""
    for below in getattr(command, "commands", {}).values():
        with_common_options(below)
    taken = {flag for param in command.params for flag in param.opts}
    for option in _common_options():
        option.opts = [flag for flag in option.opts if flag not in taken]
        if option.opts:
            command.params.append(option)
    command.context_settings.setdefault("help_option_names", ["-h", "--help"])
    return command


def _common_options() -> list[click.Option]:
    def keep(field: str) -> Any:
        def callback(ctx: click.Context, param: click.Parameter, value: Any) -> None:
            if value not in (None, False):
                setattr(ctx.ensure_object(Invocation), field, unquoted(value) if value is not True else True)

        return callback

    def option(*names: str, field: str, **more: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=keep(field), **more)

    return [
        option("-c", "--config", field="config", metavar="FILE", help="Configuration file."),
        option("--dagu-home", field="home", metavar="FOLDER", help="Home folder for this call."),
        option("-q", "--quiet", field="quiet", is_flag=True, help="No log lines and no tree."),
        option(
            "--safe-mode", field="safe_mode", is_flag=True, help="Load no plugins but the built-in parts."
        ),
        option("--cpu-profile", field="cpu_profile", is_flag=True, help="Write cpu.pprof to this folder."),
    ]
