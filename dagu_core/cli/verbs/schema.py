"""`dagu schema`: the JSON Schema of the language."""

from __future__ import annotations

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option
from dagu_core.cli.output import as_json, say


@click.command("schema", short_help="Print the JSON Schema of the language.")
@json_option
@pass_invocation
def command(invocation: Invocation, /, in_json: bool) -> int:
    """Print the JSON Schema of DAG files, with every word that the installed plugins
    and the base config add."""
    from dagu_core.model.spec.schema import dag_schema, own_types_of

    own_types = own_types_of(invocation.dags.base_text())
    say(as_json(dag_schema(invocation.host.complete().vocabulary, own_types)))
    return 0
