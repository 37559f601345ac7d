"""What stands under a plugin's word, with the values of the run in the place of references."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from dagu_core.base.errors import Invalid
from dagu_core.engine.context import RunContext
from dagu_core.engine.substitute import Substitution
from dagu_core.model.plan.plan import Plan
from dagu_core.model.values.expand import expand_data
from dagu_core.model.values.scope import Scope

if TYPE_CHECKING:
    from dagu_core.base.config import Config


async def real_config(
    model: type[Config], data: Any, where: str, scope: Scope, substitution: Substitution
) -> Config:
    """The model of a plugin, made of what the file says under `where`, expanded.

    A reference always becomes a text, so texts that spell a number or a truth value are taken for
    one; what stands in the file itself was judged strictly when it was read. Raises Invalid that
    names the field, never its value.
    """
    if not data and not model.model_fields:
        # Most steps: there is nothing to judge, and so no validator to build for it.
        return _empty(model)
    from pydantic import ValidationError

    try:
        real = await expand_data(data, scope, substitution) if data else data
        return model.model_validate({} if real is None else real, strict=False)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        told = (f"{_path(where, item['loc'])}: {item['msg'].removeprefix('Value error, ')}" for item in found)
        raise Invalid("; ".join(told)) from None
    except Invalid as error:
        raise Invalid(f"{where}: {error}", hint=error.hint) from None


@cache
def _empty(model: type[Config]) -> Config:
    return model.model_construct()


async def dag_fields(
    plan: Plan, models: Mapping[str, type[Config]], context: RunContext
) -> tuple[dict[str, Config], dict[str, str]]:
    """(the DAG's values of plugins by word, what is wrong with the others)."""
    fields: dict[str, Config] = {}
    wrong: dict[str, str] = {}
    if not plan.fields:
        return fields, wrong
    scope = Scope(layers=(context.base_env,), environ=context.environ)
    substitution = Substitution(context.shell, {**context.environ, **context.base_env}, context.working_dir)
    for word, data in plan.fields.items():
        if (model := models.get(word)) is None:
            continue
        try:
            fields[word] = await real_config(model, data, word, scope, substitution)
        except Invalid as error:
            wrong[word] = context.mask(str(error))
    return fields, wrong


def _path(where: str, location: tuple[int | str, ...]) -> str:
    return where + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
