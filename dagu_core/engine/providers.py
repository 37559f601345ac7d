"""Which packages bring the step types of a run, as kept with the run."""

from __future__ import annotations

import json
from collections.abc import Mapping

from dagu_core.contracts.catalog import Catalog
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.run import RunSummary

#: where in RunSummary.extra it is kept
PROVIDERS = "providers"


def record(summary: RunSummary, plan: Plan, catalog: Catalog) -> None:
    """Write down what package, of which version, brings each step type of the plan now."""
    used = sorted({node.executor for node in plan.nodes} & catalog.origins.keys())
    summary.extra[PROVIDERS] = json.dumps({word: catalog.origins[word] for word in used})


def recorded(summary: RunSummary) -> Mapping[str, str]:
    """Step type -> package and version, as of when the run was last begun."""
    found: dict[str, str] = json.loads(summary.extra.get(PROVIDERS, "{}"))
    return found
