"""`dagu docker-cleanup`: remove images that were built for DAGs."""

from __future__ import annotations

import click


@click.command("docker-cleanup", short_help="Remove images that were built for DAGs.")
@click.option("--older-than", default="", metavar="DURATION", help="Only images built longer ago, e.g. 7d.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
def cleanup(older_than: str, dry_run: bool) -> None:
    """Remove the images that `build` has made; those that a container uses stay."""
    from dagu_docker.cleanup import remove_images

    for line in remove_images(older_than, dry_run=dry_run):
        click.echo(line)
