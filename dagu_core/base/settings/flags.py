"""Flags of the command line: which there are, and the variables that say the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagu_core.base.errors import Invalid
from dagu_core.base.settings.load import OUR_SECTIONS
from dagu_core.base.settings.section import declarations, folded


def as_variables(flags: Mapping[str, str]) -> dict[str, str]:
    """`{"worker.id": "w1"}` -> `{"DAGU_WORKER_ID": "w1"}`, for processes that are started with an
    environment only; the keys are those of the settings."""
    variables = {item.key: item.env[0] for model in OUR_SECTIONS for item in declarations(model) if item.env}
    return {variables[key]: value for key, value in flags.items()}


def refuse_unknown(flags: Iterable[str]) -> None:
    """Raises Invalid for a key that is no setting of ours."""
    items = [item for model in OUR_SECTIONS for item in declarations(model)]
    known = {folded(key) for item in items for key in (item.key, *item.old_keys)}
    for name in flags:
        if folded(name) not in known:
            raise Invalid(f"there is no setting {name!r}")
