"""Offers a model with a field nobody explains."""

from dagu_core import Config, hookimpl


class Bare(Config):
    """Bare."""

    depth: int = 0


@hookimpl
def dagu_register_dag_fields() -> dict[str, type[Config]]:
    return {"burrow": Bare}
