"""What one text says: its plans, and what is odd in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from dagu_core.base.places import Problem
from dagu_core.model.plan.plan import Plan

if TYPE_CHECKING:
    from dagu_core.model.plan.places import Places


class Definition(Struct, frozen=True):
    """A valid definition: `plans[0]` is the main DAG, the rest its local sub-DAGs; `places` are theirs,
    none for one that was kept from an earlier reading."""

    plans: tuple[Plan, ...]
    warnings: tuple[Problem, ...] = ()
    places: tuple[Places, ...] = ()
