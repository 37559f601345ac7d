"""Choosing a DAG and its parameters on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.base.errors import NotFound
from dagu_core.cli.excerpt import printable
from dagu_core.cli.output import tell

if TYPE_CHECKING:
    from dagu_core.app.dags import Dags


def pick(dags: Dags, params: str | None, *, asking: bool) -> tuple[str, str | None]:
    """Ask which DAG to start, and its parameters when `asking`; return its name and the text of
    its parameters. Ends the program when the person changes their mind."""
    names = dags.names()
    if not names:
        raise NotFound("there are no DAGs to choose from", hint=f"put one into {dags.folder}")
    for number, name in enumerate(names, 1):
        tell(f"{number:4}  {printable(name)}")
    name = choose(names)
    if asking:
        params = _ask_params(dags, name)
    if not click.confirm(f"Start {name}?", default=True, err=True):
        raise click.exceptions.Exit(0)
    return name, params


def choose(names: list[str]) -> str:
    """Ask until the answer is a number of the list, a name, or the beginning of only one name."""
    while True:
        answer = str(click.prompt("DAG (number or name)", err=True)).strip()
        found = matching(names, answer)
        if len(found) == 1:
            return found[0]
        tell(
            f"{answer!r} fits {len(found)} of them: {', '.join(found[:5])}"
            if found
            else f"no {answer!r} here"
        )


def matching(names: list[str], answer: str) -> list[str]:
    """The names an answer may mean."""
    if answer in names:
        return [answer]
    if answer.isdecimal() and 0 < int(answer) <= len(names):
        return [names[int(answer) - 1]]
    return [name for name in names if name.startswith(answer)]


def _ask_params(dags: Dags, name: str) -> str | None:
    from dagu_core.model.values.params import defaults_text

    spec = dags.read(name).plans[0].params
    if not spec.defaults:
        return None
    return str(click.prompt("Parameters", default=defaults_text(spec), err=True))
