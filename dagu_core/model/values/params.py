"""Parameters: how they are written, overridden, and what they become when a run starts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagu_core.base.errors import Invalid
from dagu_core.model.plan.plan import Param, ParamsSpec
from dagu_core.model.values import param_schema
from dagu_core.model.values.backticks import command_text
from dagu_core.model.values.expand import RunCommand, expand, expand_at_home, expand_data
from dagu_core.model.values.json_parts import json_parts, json_value
from dagu_core.model.values.scope import Scope
from dagu_core.model.values.text import json_text, to_text

Pairs = Sequence[tuple[str, str]]

_TOKEN = re.compile(
    r"""
    (?: (?P<name>[^\s=\"'`]+) = )?
    (?: "(?P<double>(?:\\"|[^"])*)"
      | '(?P<single>[^']*)'(?=\s|\Z)
      | `(?P<command>(?:\\`|[^`])+)`
      | (?P<bare>[^\s"]+)
    )?
    """,
    re.VERBOSE,
)
_ARGUMENT = re.compile(r"([^\s=\"'`]+)=(.*)", re.DOTALL)
_BARE_VALUE = re.compile(r"[A-Za-z0-9_./:@%+,-]+")
_ONE_REFERENCE = re.compile(r"\s*(\$\{[^{}]+\}|\$[A-Za-z0-9_]+)\s*")


def parse_params(text: str) -> tuple[Param, ...]:
    """The parameters in one text: `p1 A=x B="y z"`, or a JSON object or array."""
    if (parts := json_parts(text)) is not None:
        return _from_json(parts)
    found: list[Param] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            return tuple(found)
        token = _TOKEN.match(text, at)
        if token is None or token.end() == at:
            # A quote that nothing closes stands for itself.
            end = at + 1
            while end < len(text) and not text[end].isspace():
                end += 1
            found.append(Param("", text[at:end]))
            at = end
            continue
        name = token["name"] or ""
        if name and (whole := _json_value(text, token.end("name") + 1)):
            value, at = whole
            found.append(Param(name, value))
            continue
        at = token.end()
        if token["command"] is not None:
            found.append(Param(name, token["command"], command=True))
        elif token["double"] is not None:
            found.append(Param(name, token["double"].replace('\\"', '"')))
        else:
            found.append(Param(name, token["single"] or token["bare"] or ""))


def params_from_data(data: Any) -> tuple[Param, ...]:
    """The parameters written as YAML: text, a mapping, or a list of both. Raises Invalid."""
    if data is None:
        return ()
    if isinstance(data, str):
        return parse_params(data)
    if isinstance(data, Mapping):
        return tuple(Param(str(name), to_text(data[name])) for name in sorted(data, key=str))
    if not isinstance(data, list | tuple):
        raise Invalid(
            f"invalid parameter value {to_text(data)!r}",
            hint="Write text, a mapping, or a list of texts and mappings.",
        )
    found: list[Param] = []
    for item in data:
        if isinstance(item, list | tuple):
            raise _list_in_list()
        if isinstance(item, Mapping | str):
            found.extend(params_from_data(item))
        else:
            found.append(Param("", to_text(item)))
    return tuple(found)


def params_from_argv(words: Sequence[str]) -> tuple[Param, ...]:
    """The parameters given after `--`: each word is one `name=value` or one positional value.

    A single word that is a JSON object or array is read as in `parse_params`.
    """
    if len(words) == 1 and (parts := json_parts(words[0])) is not None:
        return _from_json(parts)
    found: list[Param] = []
    for word in words:
        pair = _ARGUMENT.fullmatch(word)
        found.append(Param(pair[1], pair[2]) if pair else Param("", word))
    return tuple(found)


def merge(defaults: Sequence[Param], overrides: Sequence[Param]) -> tuple[Param, ...]:
    """`defaults` with `overrides` in their place, every parameter named.

    A positional one is named by its place in its own list. An override replaces the last default
    of its name, or is appended.
    """
    return tuple(param for param, _ in _merged(defaults, overrides))


async def resolve(
    spec: ParamsSpec,
    overrides: Sequence[Param],
    *,
    env: Mapping[str, str],
    environ: Mapping[str, str],
    run_command: RunCommand | None,
    folders: Sequence[Path],
) -> tuple[tuple[str, str], ...]:
    """The parameters of a run as (name, value) pairs; positional ones are named "1", "2", ...

    Defaults are expanded once, in order, and see the parameters before them, `env` and `environ`.
    Overrides are data: their values arrive as they are. Raises Invalid when the schema is not
    met or cannot be found in `folders`.
    """
    pairs: list[tuple[str, str]] = []
    known: dict[str, str] = {}
    scope = Scope(layers=(known, env), environ=environ)
    for place, (param, is_data) in enumerate(_merged(spec.defaults, overrides), start=1):
        value = _literal(param) if is_data else await _evaluated(param, scope, run_command)
        pairs.append((param.name, value))
        known[param.name] = value
        known.setdefault(str(place), f"{param.name}={value}")
    if spec.schema is None:
        return tuple(pairs)
    return await param_schema.check(spec.schema, pairs, scope=scope, folders=folders)


async def child_params(
    params: str | tuple[tuple[str, Any], ...], scope: Scope, run_command: RunCommand | None
) -> tuple[Param, ...]:
    """The parameters a sub-DAG is called with, every value filled in: data from here on.

    A text that is one reference and nothing else is filled in first and then read as parameters.
    """
    if isinstance(params, tuple):
        return tuple([Param(name, await _given(value, scope, run_command)) for name, value in params])
    if _ONE_REFERENCE.fullmatch(params):
        value = await expand(params.strip(), scope, run_command)
        return tuple(Param(param.name, _literal(param)) for param in parse_params(value))
    return tuple(
        [Param(param.name, await _evaluated(param, scope, run_command)) for param in parse_params(params)]
    )


def is_json(text: str) -> bool:
    """Whether the whole text is a JSON object or array."""
    return json_parts(text) is not None


def params_json(pairs: Pairs) -> str:
    """What `DAGU_PARAMS_JSON` holds: an object of texts, the last of a name; "" without pairs."""
    return json_text(dict(pairs)) if pairs else ""


def params_text(pairs: Pairs) -> str:
    """The pairs as one text that `parse_params` reads back: `A=1 B="x y" p1`."""
    words = [_written(place, name, value) for place, (name, value) in enumerate(pairs, start=1)]
    if None in words:
        return json_text([{name: value} for name, value in pairs])
    return " ".join(word for word in words if word is not None)


def defaults_text(spec: ParamsSpec) -> str:
    """The defaults as people edit them in a form: `name="value"`, unexpanded."""
    words: list[str] = []
    for param, _ in _merged(spec.defaults, ()):
        value = _literal(param) if param.command else '"' + param.value.replace('"', '\\"') + '"'
        words.append(f"{param.name}={value}")
    return " ".join(words)


def _merged(defaults: Sequence[Param], overrides: Sequence[Param]) -> list[tuple[Param, bool]]:
    """The merged parameters, and of each whether it is an override and so data."""
    merged = [(param, False) for param in _named(defaults)]
    for override in _named(overrides):
        places = [place for place, (param, _) in enumerate(merged) if param.name == override.name]
        if not places:
            merged.append((override, True))
        # A form sends the default back as it was written: then it is still the author's text.
        elif merged[places[-1]][0] != override:
            merged[places[-1]] = (override, True)
    return merged


def _named(params: Sequence[Param]) -> list[Param]:
    return [
        Param(param.name or str(place), param.value, param.command)
        for place, param in enumerate(params, start=1)
    ]


def _literal(param: Param) -> str:
    return f"`{param.value}`" if param.command else param.value


async def _given(value: Any, scope: Scope, run_command: RunCommand | None) -> str:
    if isinstance(value, str):
        return await expand_at_home(value, scope, run_command)
    return to_text(await expand_data(value, scope, run_command))


async def _evaluated(param: Param, scope: Scope, run_command: RunCommand | None) -> str:
    if not param.command:
        return await expand_at_home(param.value, scope, run_command)
    return await run_command(command_text(param.value, scope)) if run_command else _literal(param)


def _written(place: int, name: str, value: str) -> str | None:
    """One pair in the grammar, or None when the grammar has no way to say it."""
    if not re.fullmatch(r"[^\s=\"'`{\[]+", name):
        return None
    if _BARE_VALUE.fullmatch(value):
        quoted = value
    elif not value.endswith("\\"):
        quoted = '"' + value.replace('"', '\\"') + '"'
    elif "'" not in value:
        quoted = f"'{value}'"
    else:
        return None
    return quoted if name == str(place) else f"{name}={quoted}"


def _from_json(parts: dict[str, str] | list[str]) -> tuple[Param, ...]:
    """The parameters a JSON object or array stands for; numbers, lists and objects as they are written."""
    if isinstance(parts, dict):
        return tuple(Param(name, json_value(parts[name])) for name in sorted(parts))
    found: list[Param] = []
    for part in parts:
        if part.startswith("["):
            raise _list_in_list()
        if part.startswith("{"):
            found.extend(parse_params(part))
        else:
            found.append(Param("", json_value(part)))
    return tuple(found)


def _list_in_list() -> Invalid:
    return Invalid("invalid parameter value: a list inside a list", hint="Write one level of list.")


def _json_value(text: str, at: int) -> tuple[str, int] | None:
    """The JSON object or array that stands at `at` as a value of its own, and where it ends."""
    if text[at : at + 1] not in ("{", "["):
        return None
    try:
        _, end = json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    return (text[at:end], end) if text[end : end + 1].strip() == "" else None
