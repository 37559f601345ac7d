"""The language as the tests read it: the built-in words and a few of made-up plugins."""

from __future__ import annotations

from pydantic import Field

from dagu_core.base.config import Config
from dagu_core.base.places import InvalidDefinition, Problem
from dagu_core.model.plan.definition import Definition
from dagu_core.model.plan.plan import Plan
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.vocabulary import StepType, Vocabulary


class Nothing(Config):
    """Nothing may stand here."""


class Http(Config):
    """A request."""

    timeout: float = Field(30, gt=0, description="Seconds.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers.")


class Smtp(Config):
    """A mail server."""

    host: str = Field(description="Its name.")
    port: int = Field(25, description="Its port.")


class Lock(Config):
    """A lock."""

    key: str = Field(description="Its key.")


COMMAND = StepType("command", Nothing, frozenset({"command", "commands", "exec", "script", "shell"}))
DAG = StepType("dag", Nothing, frozenset({"call", "workerSelector"}))
PARALLEL = StepType("parallel", Nothing, frozenset({"call", "workerSelector"}))
HTTP = StepType("http", Http, frozenset({"command", "script"}))
BOX = StepType("box", Nothing, frozenset({"command", "commands", "exec"}))
GATE = StepType("hitl", Nothing)

VOCABULARY = Vocabulary(
    step_types={
        "command": COMMAND,
        "shell": COMMAND,
        "dag": DAG,
        "subworkflow": DAG,
        "parallel": PARALLEL,
        "http": HTTP,
        "box": BOX,
        "hitl": GATE,
    },
    step_keys={"lock": Lock},
    dag_keys={"smtp": Smtp},
    providers=frozenset({"env", "file"}),
    owners={"docker": "dagu-docker", "container": "dagu-docker", "ssh": "dagu-ssh", "mailOn": "dagu-mail"},
)


def read(text: str, *, path: str = "/dags/main.yaml", base: str = "", as_child: bool = False) -> Definition:
    """The definition, which must be valid."""
    return read_definition(text, path=path, vocabulary=VOCABULARY, base=base, as_child=as_child)


def plan(text: str, *, path: str = "/dags/main.yaml", base: str = "", as_child: bool = False) -> Plan:
    """The main plan of a valid definition."""
    return read(text, path=path, base=base, as_child=as_child).plans[0]


def problems(text: str, *, base: str = "") -> tuple[Problem, ...]:
    """Everything found in a text; () when it is valid and unremarkable."""
    try:
        return read(text, base=base).warnings
    except InvalidDefinition as error:
        return error.problems


def errors(text: str, *, base: str = "") -> tuple[Problem, ...]:
    """The errors found in a text."""
    return tuple(problem for problem in problems(text, base=base) if problem.severity == "error")


def told(text: str, *, base: str = "") -> list[str]:
    """The errors as `line:column code message`."""
    return [f"{p.place.line}:{p.place.column} {p.code} {p.message}" for p in errors(text, base=base)]
