"""The capability matrix: which step type takes which field of a step, and how the others are refused."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from dagu_core.base.places import InvalidDefinition
from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.plan import PlannedStep, Shell
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.vocabulary import Vocabulary

#: How a step says each field.
SAYS: dict[str, dict[str, Any]] = {
    "command": {"command": "one"},
    "list": {"command": ["one", "two"]},
    "lines": {"command": "one\ntwo"},
    "script": {"script": "one"},
    "exec": {"exec": ["one", "two"]},
    "shell": {"shell": "bash"},
    "packages": {"shellPackages": ["jq"], "shell": "nix-shell"},
    "container": {"container": {"image": "busybox"}},
    "call": {"call": "child"},
    "parallel": {"call": "child", "parallel": ["red"]},
    "selector": {"workerSelector": {"zone": "a"}},
    "params": {"params": "one"},
    "llm": {"llm": {"model": "m"}},
    "msgs": {"messages": []},
}
#: How each way to take a field looks in the planned step.
TAKES: dict[str, Any] = {
    "command": lambda step: step.commands == ("one",),
    "list": lambda step: step.commands == ("one", "two"),
    "lines": lambda step: step.commands == ("one\ntwo",),
    "script": lambda step: step.script == "one" and not step.exec,
    "exec": lambda step: step.exec == ("one", "two"),
    "shell": lambda step: step.shell == Shell(("bash",)),
    "packages": lambda step: step.shell == Shell(("nix-shell",), ("jq",)),
    "container": lambda step: step.extras["container"] == {"image": "busybox"},
    "call": lambda step: step.call.target == "child" and step.call.parallel is None,
    "parallel": lambda step: step.call.parallel.items == ("red",),
    "selector": lambda step: step.worker_selector == {"zone": "a"},
    "params": lambda step: step.call is None or step.call.params == "one",
}
#: The same for cells that say how: as a script file, as `sh -c` on the other side.
AS: dict[str, Any] = {
    "file": lambda step: step.script in ("one", "one\ntwo") and not step.commands and not step.exec,
    "sh": lambda step: step.exec in (("sh", "-c", "one"), ("sh", "-c", "one\ntwo")) and not step.script,
}
#: + is taken, `file` as a script file, `sh` as `sh -c` on the other side (ours: Dagu refuses it); - is
#: refused with D015 and the name of the field, a code with that code. A word that is not registered (yet) is
#: refused itself (D014), chat and its kin are no part of this engine (D015). The column `exec` is ours, and
#: so are all rows from file_sensor on.
MATRIX = """
type          command list lines script exec shell packages container call parallel selector params llm  msgs
(none)        +       +    file  +      +    +     +        +         +    +        -        +      D015 D015
command       +       +    file  +      +    +     +        -         -    -        -        +      D015 D015
shell         +       +    file  +      +    +     +        -         -    -        -        +      D015 D015
docker        +       +    sh    sh     +    -     -        +         -    -        -        +      D015 D015
container     +       +    sh    sh     +    -     -        +         -    -        -        +      D015 D015
ssh           +       +    sh    sh     +    +     +        -         -    -        -        +      D015 D015
http          +       -    +     +      -    -     -        -         -    -        -        +      D015 D015
jq            +       -    +     +      -    -     -        -         -    -        -        +      D015 D015
mail          -       -    -     -      -    -     -        -         -    -        -        +      D015 D015
archive       +       -    +     -      -    -     -        -         -    -        -        +      D015 D015
dag           -       -    -     -      -    -     -        -         +    +        +        +      D015 D015
subworkflow   -       -    -     -      -    -     -        -         +    +        +        +      D015 D015
parallel      -       -    -     -      -    -     -        -         +    +        +        +      D015 D015
hitl          D014    D014 D014  D014   D014 D014  D014     D014      D014 D014     D014     D014   D014 D014
gha           D014    D014 D014  D014   D014 D014  D014     D014      D014 D014     D014     D014   D014 D014
github_action D014    D014 D014  D014   D014 D014  D014     D014      D014 D014     D014     D014   D014 D014
github-action D014    D014 D014  D014   D014 D014  D014     D014      D014 D014     D014     D014   D014 D014
chat          D015    D015 D015  D015   D015 D015  D015     D015      D015 D015     D015     D015   D015 D015
nobody        D014    D014 D014  D014   D014 D014  D014     D014      D014 D014     D014     D014   D014 D014
file_sensor   -       -    -     -      -    -     -        -         -    -        -        +      D015 D015
fileSensor    -       -    -     -      -    -     -        -         -    -        -        +      D015 D015
ftp           +       -    +     -      -    -     -        -         -    -        -        +      D015 D015
ftps          +       -    +     -      -    -     -        -         -    -        -        +      D015 D015
sftp          +       -    +     -      -    -     -        -         -    -        -        +      D015 D015
sql           +       +    file  +      -    -     -        -         -    -        -        +      D015 D015
database      +       +    file  +      -    -     -        -         -    -        -        +      D015 D015
postgres      +       +    file  +      -    -     -        -         -    -        -        +      D015 D015
postgresql    +       +    file  +      -    -     -        -         -    -        -        +      D015 D015
mysql         +       +    file  +      -    -     -        -         -    -        -        +      D015 D015
mariadb       +       +    file  +      -    -     -        -         -    -        -        +      D015 D015
sqlite        +       +    file  +      -    -     -        -         -    -        -        +      D015 D015
sqlite3       +       +    file  +      -    -     -        -         -    -        -        +      D015 D015
wait-for      -       -    -     -      -    -     -        -         -    -        -        +      D015 D015
"""
FIELDS = MATRIX.split("\n")[1].split()[1:]
ROWS = {cells[0]: cells[1:] for cells in map(str.split, MATRIX.strip().splitlines()[1:])}
CASES = [(word, field, cell) for word, row in ROWS.items() for field, cell in zip(FIELDS, row, strict=True)]
#: What a step of a type cannot do without; a step of every other type has a command.
NEEDS: dict[str, dict[str, Any]] = {
    "mail": {},
    "wait-for": {},
    "file_sensor": {"config": {"path": "x"}},
    "fileSensor": {"config": {"path": "x"}},
    "archive": {"command": "list", "config": {"source": "x"}},
    "dag": {"call": "child"},
    "subworkflow": {"call": "child"},
    "parallel": {"call": "child", "parallel": ["red"]},
}
for database in ("sql", "database", "postgres", "postgresql", "mysql", "mariadb", "sqlite", "sqlite3"):
    NEEDS[database] = {"command": "select 1", "config": {"dsn": "sqlite:x"}}
#: Fields that say what is done: they stand instead of what the step would have done else.
WORK = {"command": "command", "list": "command", "lines": "command", "script": "script", "exec": "exec"}
WORK |= {"call": "call", "parallel": "call"}


@cache
def vocabulary() -> Vocabulary:
    words = PluginHost.load().catalog.vocabulary
    return words.more() if words.more is not None else words


def judged(word: str, field: str) -> tuple[PlannedStep | None, list[tuple[str, str]]]:
    """The step of this type with this field as it was planned, and what is wrong with it otherwise."""
    step = dict(NEEDS.get(word, {"command": "one"}))
    if field in WORK:
        step = {key: value for key, value in step.items() if key not in {*WORK.values(), "parallel"}}
    step |= {} if word == "(none)" else {"type": word}
    step |= SAYS[field]
    child = {"name": "child", "steps": [{"name": "a", "command": "true"}]}
    text = "\n---\n".join(json.dumps(each) for each in ({"steps": [{"name": "it", **step}]}, child))
    try:
        return read_definition(text, path="flow.yaml", vocabulary=vocabulary()).plans[0].nodes[0], []
    except InvalidDefinition as error:
        return None, [(each.code, each.message) for each in error.problems if each.severity == "error"]


@pytest.mark.parametrize(
    ("word", "field", "cell"), CASES, ids=[f"{word}-{field}" for word, field, _ in CASES]
)
def test_a_field_is_taken_or_refused_as_the_matrix_says(word: str, field: str, cell: str) -> None:
    step, wrong = judged(word, field)
    if cell in ("+", "file", "sh"):
        assert wrong == []
        assert (AS.get(cell) or TAKES[field])(step)
        return
    if cell != "-":
        assert cell in {code for code, _ in wrong}
        return
    name, key = "command" if word == "(none)" else word, next(iter(SAYS[field]))
    refusals = {f"{key} field", "multiple commands"} if field == "list" else {f"{key} field"}
    said = {message for code, message in wrong if code == "D015"}
    assert said & {f'executor type "{name}" does not support {each}' for each in refusals}, wrong


def test_every_step_type_that_is_here_has_a_row() -> None:
    assert set(vocabulary().step_types) <= set(ROWS)
