"""Command lines as they were run: known values in place of their references."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagu_core.app.views import RunView
    from dagu_core.model.plan.plan import PlannedStep


def with_values(view: RunView) -> Callable[[PlannedStep, str], str]:
    """A function that puts parameters, outputs and plain `env` values into a step's command line.

    Only for showing: secrets are not known here and keep their reference.
    """
    from dagu_core.base.masking import without_references
    from dagu_core.model.values.scope import Scope
    from dagu_core.model.values.shelltext import in_place

    params = dict(view.summary.params)
    positional = [value for name, value in view.summary.params if name.isdigit()]
    outputs = {
        step.output.name: without_references(state.output)
        for step, state in zip(view.plan.nodes, view.steps, strict=False)
        if step.output and state.output is not None
    }
    general = {entry.name: entry.value for entry in view.plan.env if _is_plain(entry.value)}

    def show(step: PlannedStep, text: str) -> str:
        if "$" not in text:
            return text
        own = {entry.name: entry.value for entry in step.env if _is_plain(entry.value)}
        layers = [own, outputs, params, general]
        return in_place(
            text, Scope(layers=layers, environ={}, steps={}, outputs=outputs, positional=positional)
        )

    return show


def _is_plain(value: str) -> bool:
    return not set(value) & set("$`")
