"""Flags of the command line, for processes that are started with an environment only."""

from __future__ import annotations

from collections.abc import Mapping

from dagu_core.base.settings.load import OUR_SECTIONS
from dagu_core.base.settings.section import declarations


def as_variables(flags: Mapping[str, str]) -> dict[str, str]:
    """`{"worker.id": "w1"}` -> `{"DAGU_WORKER_ID": "w1"}`; the keys are those of the settings."""
    variables = {item.key: item.env[0] for model in OUR_SECTIONS for item in declarations(model) if item.env}
    return {variables[key]: value for key, value in flags.items()}
