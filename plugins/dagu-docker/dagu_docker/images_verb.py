"""`dagu cleanup --images`: remove images that were built for DAGs."""

from __future__ import annotations

from typing import Any

import click


@click.command("cleanup --images", short_help="Remove images that were built for DAGs.")
@click.option("--older-than", default="", metavar="DURATION", help="Only images built longer ago, e.g. 7d.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@click.pass_obj
def cleanup(invocation: Any, older_than: str, dry_run: bool) -> None:
    """Remove the images that `build` has made.

    Those that a container uses stay, and those of DAGs with an active run.
    """
    from dagu_docker.cleanup import busy_dags, remove_images

    busy: set[str] = invocation.run(lambda app: busy_dags(app.store))
    for line in remove_images(older_than, busy, dry_run=dry_run):
        click.echo(line)
