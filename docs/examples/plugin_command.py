"""A verb, `longest NAME`: it tells how long the longest of the latest runs of a DAG took."""

from typing import Any

import click

from dagu_core import Command, RunQuery, hookimpl


def _load() -> click.Command:
    @click.command("longest")
    @click.argument("name")
    @click.pass_obj
    def longest(invocation: Any, name: str) -> None:
        """Tell how long the longest of the latest 100 runs of a DAG took."""
        runs = invocation.run(lambda app: app.store.find(RunQuery(dag=name, limit=100)))
        spans = [run.finished_at - run.started_at for run in runs if run.finished_at and run.started_at]
        click.echo(f"{max(spans):.1f} s" if spans else f"no run of {name} has ended")

    return longest


@hookimpl
def dagu_register_commands() -> list[Command]:
    return [Command("longest", "Tell how long the longest run took.", _load)]
