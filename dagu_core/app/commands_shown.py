"""Command lines as they were run: known values in place of their references."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagu_core.app.views import RunView
    from dagu_core.model.plan.plan import EnvEntry, PlannedStep

#: characters of a value beyond which its reference says more
_LONGEST = 1000
#: what a shell text sets itself
_ASSIGNED = re.compile(
    r"(?:^|[;&|({\n]|\b(?:do|then|else|export|local|readonly)\b)\s*([A-Za-z_]\w*)=|\b(?:for|read(?:\s+-\w+)*)\s+([A-Za-z_]\w*)"
)
_OWN = ("PWD", "DAG_NAME", "DAGU_PARAMS_JSON")


def with_values(view: RunView) -> Callable[[PlannedStep, str], str]:
    """A function that puts the values a step has seen into its command line.

    Only what is on record: a name that a secret, a dotenv file, a command or another reference may
    have given its value keeps its reference, and so does one that the command line itself sets.
    """
    from dagu_core.base.masking import without_references
    from dagu_core.engine.context import positional
    from dagu_core.engine.scope import Visibility
    from dagu_core.model.values.scope import Scope
    from dagu_core.model.values.shelltext import in_place

    general = _of_the_run(view)
    params = dict(view.summary.params)
    visibility = Visibility(view.plan)

    def show(step: PlannedStep, text: str) -> str:
        if "$" not in text or (view.plan.source.literal and step.handler is None):
            return text
        outputs: dict[str, str] = {}
        for name, index in visibility.of(step).items():
            if (output := view.steps[index].output) is not None:
                outputs[name] = without_references(output)
        known = _and(step.env, {**general, **outputs, **params})
        for names in _ASSIGNED.findall(text):
            for name in names:
                known.pop(name, None)
        known = {name: value for name, value in known.items() if len(value) <= _LONGEST}
        arguments = positional(view.summary.params)
        return in_place(text, Scope(layers=(known,), outputs=outputs, positional=arguments))

    return show


def _of_the_run(view: RunView) -> dict[str, str]:
    """The variables of the DAG whose value is known for sure."""
    plan = view.plan
    known = _and(plan.env, {})
    for name in [*_OWN, *_from_files(view), *(secret.name for secret in plan.secrets)]:
        known.pop(name, None)
    known = {name: value for name, value in known.items() if not name.startswith("DAG_RUN_")}
    return known | view.summary.env


def _and(entries: tuple[EnvEntry, ...], known: Mapping[str, str]) -> dict[str, str]:
    """The known variables after these entries, the last one of a name winning."""
    after = dict(known)
    for entry in entries:
        if set(entry.value) & set("$`") or entry.value.startswith("~"):
            after.pop(entry.name, None)
        else:
            after[entry.name] = entry.value
    return after


def _from_files(view: RunView) -> Mapping[str, str]:
    """What the dotenv files of the DAG define now; nothing when they cannot be read."""
    from dagu_core.base.errors import DaguError
    from dagu_core.engine.context import load_dotenv, working_dir

    if not view.plan.env:
        return {}
    try:
        known = {**os.environ, **_and(view.plan.env, {})}
        return load_dotenv(view.plan, working_dir(view.plan, known), known)
    except (DaguError, OSError):
        return {}
