"""Options and arguments that several verbs share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dagu_core.cli.invocation import Invocation

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dagu_core.model.run.run import RunRef

F = TypeVar("F", bound=Callable[..., Any])


class VerbWithWords(click.Command):
    """A verb that hands everything after `--` to the run, as the parameter `words`.

    `words` is None when there was no `--`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut the arguments at the first `--`."""
        words: tuple[str, ...] | None = None
        if "--" in args:
            at = args.index("--")
            args, words = args[:at], tuple(args[at + 1 :])
        rest = super().parse_args(ctx, args)
        ctx.params["words"] = words
        return rest


def unquoted(text: str) -> str:
    """`text`; one pair of quotes around all of it is taken away."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]
    return text[1:-1] if quoted else text


def _clean(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(unquoted, value))
    return value if value is None else unquoted(value)


def _reference(ctx: click.Context, param: click.Parameter, value: str | None) -> RunRef | None:
    if value is None:
        return None
    from dagu_core.model.run.run import RunRef

    try:
        return RunRef.parse(unquoted(value))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def text_option(*names: str, help: str, default: str | None = "", **more: Any) -> Callable[[F], F]:
    """An option that takes a text."""
    if more.get("multiple") or more.get("required"):
        return click.option(*names, callback=_clean, help=help, **more)
    return click.option(*names, default=default, callback=_clean, help=help, **more)


def setting_option(
    *names: str, key: str, metavar: str, help: str, read: Callable[[str], str] = str
) -> Callable[[F], F]:
    """An option that stands above the setting `key` of file and environment, also in runners. `read`
    makes of a text what the setting takes; it raises ValueError."""

    def keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        if value is None:
            return
        try:
            ctx.ensure_object(Invocation).flags[key] = read(unquoted(value))
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return click.option(*names, expose_value=False, callback=keep, metavar=metavar, help=help)


dags_option = setting_option(
    "-d",
    "--dags",
    key="paths.dagsDir",
    metavar="FOLDER",
    help="Folder of the DAG files.",
    read=lambda text: os.path.abspath(os.path.expanduser(text)),
)


def reference_option(*names: str, help: str) -> Callable[[F], F]:
    """An option that takes a run, written NAME:RUNID."""
    return click.option(*names, default=None, callback=_reference, metavar="NAME:RUNID", help=help)


def _dag_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names in the DAGs folder that begin so; without one, whatever files the shell finds."""
    from click.shell_completion import CompletionItem

    invocation = ctx.find_object(Invocation) or Invocation()
    folder = invocation.settings.paths.dags
    files = folder.iterdir() if folder.is_dir() else ()
    names = sorted({file.stem for file in files if file.suffix in {".yaml", ".yml"}})
    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def dag_argument(*, required: bool = True, metavar: str = "DAG") -> Callable[[F], F]:
    """The DAG a verb is about: a name, or the path of a file; "" when it may be left out and is."""
    if required:
        return click.argument("dag", metavar=metavar, shell_complete=_dag_names)
    return click.argument("dag", required=False, default="", metavar=metavar, shell_complete=_dag_names)


run_id_option = text_option("-r", "--run-id", metavar="ID", help="Id of the run (default: the latest).")
new_run_id_option = text_option("-r", "--run-id", metavar="ID", help="Id of the new run (default: made up).")
until_option = text_option(
    "--until", default=None, metavar="TIME", help="So long (2h), or up to this time (RFC 3339, or a date)."
)
params_option = text_option(
    "-p",
    "--params",
    default=None,
    metavar="PARAMS",
    help="Parameters: `a=1 b='x y' word`, or JSON; words after `--` win.",
)


def _queue(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    from dagu_core.base.names import check_queue_name

    return check_queue_name(unquoted(value)) if value else ""


def named_queue_option(*names: str, help: str) -> Callable[[F], F]:
    """An option that takes the name of a queue."""
    return click.option(*names, callback=_queue, metavar="QUEUE", help=help)


queue_option = named_queue_option("-u", "--queue", help="The queue (default: the one of the DAG).")


def queue_argument(name: str = "name", *, required: bool = True) -> Callable[[F], F]:
    """The queue a verb is about; "" when it may be left out and is."""
    metavar = "QUEUE" if required else "[QUEUE]"
    return click.argument(name, metavar=metavar, callback=_queue, required=required)


def count_option(
    *names: str, help: str, default: int | None = None, most: int | None = None
) -> Callable[[F], F]:
    """An option that takes a whole number from 1 on, up to `most`."""
    return click.option(*names, type=click.IntRange(1, most), default=default, metavar="N", help=help)


def _priority(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    from dagu_core.base.names import priority_of

    return None if value is None else priority_of(unquoted(value))


def priority_option(default: str = "") -> Callable[[F], F]:
    """How early a run begins among those of its queue; None when it is not given. `default` is what
    that means, for people."""
    told = f" (default: {default})" if default else ""
    help = f"low, normal, high, or 0 to 9: the higher one begins first{told}."
    return click.option("--priority", default=None, callback=_priority, metavar="P", help=help)


def _dag_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    from dagu_core.base.names import check_dag_name

    return check_dag_name(name) if value and (name := unquoted(value)) else ""


name_option = click.option(
    "-N", "--name", callback=_dag_name, metavar="NAME", help="Give the DAG another name."
)
working_dir_option = text_option(
    "--default-working-dir", metavar="FOLDER", help="Working folder of a DAG that names none."
)
json_option = click.option("--json", "in_json", is_flag=True, help="Print JSON.")
