"""Parameters from every source, their schema, and the way to children."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu_core.base.errors import Invalid
from dagu_core.model.plan.plan import Param, ParamsSpec
from dagu_core.model.values.params import (
    child_params,
    defaults_text,
    merge,
    params_from_argv,
    params_from_data,
    params_json,
    params_text,
    parse_params,
    resolve,
)
from dagu_core.model.values.scope import Scope

ANY = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)


def named(params: Sequence[Param]) -> list[tuple[str, str]]:
    return [(param.name, f"`{param.value}`" if param.command else param.value) for param in params]


def resolved(
    defaults: Any = None,
    overrides: Sequence[Param] = (),
    *,
    schema: Mapping[str, Any] | str | None = None,
    env: Mapping[str, str] | None = None,
    folders: Sequence[Path] = (),
    ran: list[str] | None = None,
) -> list[tuple[str, str]]:
    async def run(text: str) -> str:
        (ran if ran is not None else []).append(text)
        return f"ran {len(ran or [1])}"

    spec = ParamsSpec(params_from_data(defaults), schema)
    found = resolve(
        spec,
        overrides,
        env=env or {},
        environ={"HOME": "/h"},
        run_command=run if ran is not None else None,
        folders=folders,
    )
    return list(asyncio.run(found))


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ('p1 A=x "p 3"', [("", "p1"), ("A", "x"), ("", "p 3")]),
        ('A="x y" B=z', [("A", "x y"), ("B", "z")]),
        ("A='x y' B='' 'q r'", [("A", "x y"), ("B", ""), ("", "q r")]),
        ("A= B=1 C=", [("A", ""), ("B", "1"), ("C", "")]),
        ("\"a=b\" 'c=d'", [("", "a=b"), ("", "c=d")]),
        ("A=http://h/?a=b&c=d", [("A", "http://h/?a=b&c=d")]),
        ('A={"k": "v w"} B=2', [("A", '{"k": "v w"}'), ("B", "2")]),
        ('A="{\\"k\\": \\"v\\"}"', [("A", '{"k": "v"}')]),
        ("A=`echo hi there` `x`", [("A", "`echo hi there`"), ("", "`x`")]),
        (
            '{"B": 1, "A": "x", "C": {"d": [true, null]}}',
            [("A", "x"), ("B", "1"), ("C", '{"d": [true, null]}')],
        ),
        (
            ' {"b": 1.0,  "a":[1, 2.50],"c":1e3 , "d": 12345678901234567890, "e" : null, "g": "x\\ty"}\n',
            [
                ("a", "[1, 2.50]"),
                ("b", "1.0"),
                ("c", "1e3"),
                ("d", "12345678901234567890"),
                ("e", ""),
                ("g", "x\ty"),
            ],
        ),
        (
            '[1.0, null, "A=1 p", {"Z": -0.50, "A": {}}]',
            [("", "1.0"), ("", ""), ("", "A=1 p"), ("A", "{}"), ("Z", "-0.50")],
        ),
        ("[]", []),
        (" { } ", []),
        ('["p", {"A": 1}, 2]', [("", "p"), ("A", "1"), ("", "2")]),
        ("it's '' \"open", [("", "it's"), ("", ""), ("", '"open')]),
        ("  \n ", []),
    ],
)
def test_the_grammar(text: str, pairs: list[tuple[str, str]]) -> None:
    assert named(parse_params(text)) == pairs


@given(text=st.text(st.sampled_from("aB=\"'` \\{}[]:\n1"), max_size=30))
def test_every_text_is_read_to_its_end(text: str) -> None:
    # JSON may hold nothing but emptiness: [], {}, [""], [[], {}] ...
    assert bool(parse_params(text)) == bool(text.strip()) or not text.strip().strip('[]{}"\n: ,')


@pytest.mark.parametrize(
    ("data", "pairs"),
    [
        (
            [{"B": 2, "A": True}, "C=3 p", "q r"],
            [("A", "true"), ("B", "2"), ("C", "3"), ("", "p"), ("", "q"), ("", "r")],
        ),
        ({"B": 1, "A": None}, [("A", ""), ("B", "1")]),
        ([5, 1.5], [("", "5"), ("", "1.5")]),
        (None, []),
    ],
)
def test_parameters_as_yaml(data: Any, pairs: list[tuple[str, str]]) -> None:
    assert named(params_from_data(data)) == pairs


@pytest.mark.parametrize("data", [5, True, [["a"]]])
def test_other_yaml_is_refused(data: Any) -> None:
    with pytest.raises(Invalid, match="invalid parameter value"):
        params_from_data(data)


@given(
    pairs=st.lists(st.tuples(NAMES, ANY), min_size=1),
    words=st.lists(ANY.filter(lambda word: "=" not in word), min_size=2),
)
def test_arguments_arrive_as_they_are(pairs: list[tuple[str, str]], words: list[str]) -> None:
    argv = [f"{name}={value}" for name, value in pairs] + words
    assert named(params_from_argv(argv)) == pairs + [("", word) for word in words]
    last = dict(pairs)
    assert dict(resolved(None, params_from_argv(argv), ran=[])).items() >= last.items()


def test_one_argument_may_be_json() -> None:
    assert named(params_from_argv(['{"A": "x y"}'])) == [("A", "x y")]
    assert named(params_from_argv(["A=a b"])) == [("A", "a b")]


@pytest.mark.parametrize(
    ("defaults", "overrides", "pairs"),
    [
        ("p1 p2 A=x", ["A=z", "q1"], [("1", "p1"), ("2", "q1"), ("A", "z")]),
        ("A=1 B=2", ["q1"], [("A", "1"), ("B", "2"), ("1", "q1")]),
        ("p1", ["1=zz", "C=n"], [("1", "zz"), ("C", "n")]),
        (["A=1", "B=2", "A=3"], ["A=9"], [("A", "1"), ("B", "2"), ("A", "9")]),
        ("A=x p", [], [("A", "x"), ("2", "p")]),
    ],
)
def test_overrides(defaults: Any, overrides: list[str], pairs: list[tuple[str, str]]) -> None:
    assert named(merge(params_from_data(defaults), params_from_argv(overrides))) == pairs


def test_defaults_see_what_came_before_them_and_run_once() -> None:
    ran: list[str] = []
    defaults = [{"P": "${HOME}/x"}, {"Q": "${P:0:3} ${E} ${LATER}"}, "T=`date +%N` U=`echo $P` V=$2"]
    assert resolved(defaults, env={"E": "e"}, ran=ran) == [
        ("P", "/h/x"),
        ("Q", "/h/ e ${LATER}"),
        ("T", "ran 1"),
        ("U", "ran 2"),
        ("V", "Q=/h/ e ${LATER}"),
    ]
    assert ran == ["date +%N", "P=/h/x\necho $P"]


def test_overrides_are_data() -> None:
    ran: list[str] = []
    text = "A=`touch canary` B=\"${HOME} `x`\" '$(y)'"
    expected = [("A", "`touch canary`"), ("B", "${HOME} `x`"), ("3", "$(y)")]
    assert resolved("A=1", parse_params(text), ran=ran) == expected
    assert ran == []


def test_a_default_that_a_form_sends_back_is_still_the_authors() -> None:
    spec = ParamsSpec(parse_params('A="x ${HOME}" T=`date` p'))
    assert defaults_text(spec) == 'A="x ${HOME}" T=`date` 3="p"'
    ran: list[str] = []
    pairs = resolved('A="x ${HOME}" T=`date` p', parse_params(defaults_text(spec)), ran=ran)
    assert pairs == [("A", "x /h"), ("T", "ran 1"), ("3", "p")]


@given(pairs=st.lists(st.tuples(st.one_of(NAMES, ANY.filter(bool)), ANY)), words=st.lists(ANY))
def test_pairs_written_as_text_read_back(pairs: list[tuple[str, str]], words: list[str]) -> None:
    all_pairs = [(str(place), word) for place, word in enumerate(words, start=1)] + pairs
    assert named(merge((), parse_params(params_text(all_pairs)))) == list(dict(all_pairs).items()) or len(
        dict(all_pairs)
    ) < len(all_pairs)


def test_pairs_as_people_read_them() -> None:
    pairs = [("A", "1"), ("B", "x y"), ("3", "p1")]
    assert params_text(pairs) == 'A=1 B="x y" p1'
    assert params_json(pairs) == '{"A":"1","B":"x y","3":"p1"}'
    assert params_json(()) == ""


SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "default": 3, "maximum": 9},
        "env": {"type": "string", "enum": ["dev", "prod", "1"]},
        "o": {"default": {"k": 1}},
    },
    "required": ["n", "env"],
    "additionalProperties": False,
}


def test_a_schema_fills_and_keeps_the_order() -> None:
    assert resolved("env=dev", schema=SCHEMA) == [("env", "dev"), ("n", "3"), ("o", '{"k":1}')]
    assert resolved("env=1 n=4", schema=SCHEMA) == [("env", "1"), ("n", "4"), ("o", '{"k":1}')]


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(Invalid, match="parameter validation failed") as failure:
        resolved("n=10 env=test extra=1", schema=SCHEMA)
    assert len(failure.value.details["problems"]) == 3


def test_a_schema_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA))
    folders = [tmp_path / "none", tmp_path]
    assert dict(resolved("env=dev", schema="${D}.json", env={"D": "s"}, folders=folders))["n"] == "3"
    with pytest.raises(Invalid, match=r"tried .*none.*"):
        resolved("env=dev", schema="gone.json", folders=folders)
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(Invalid, match="not a JSON object"):
        resolved(schema="bad.json", folders=folders)
    with pytest.raises(Invalid, match="not a JSON Schema"):
        resolved(schema={"type": "nonsense"})


class _Schemas(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200 if self.path == "/s.json" else 404)
        self.end_headers()
        self.wfile.write(json.dumps(SCHEMA).encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_schema_behind_a_url_is_the_only_thing_fetched() -> None:
    with HTTPServer(("127.0.0.1", 0), _Schemas) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert dict(resolved("env=dev", schema=f"{url}/s.json"))["n"] == "3"
        with pytest.raises(Invalid, match="cannot be fetched"):
            resolved("env=dev", schema=f"{url}/gone.json")
        with pytest.raises(Invalid, match="refers to what is not in it"):
            resolved("env=dev", schema={"properties": {"env": {"$ref": f"{url}/ref.json"}}})
        server.shutdown()
    assert _Schemas.asked == ["/s.json", "/gone.json"]


@pytest.mark.parametrize(
    ("params", "pairs"),
    [
        ('A="${M}" b `cmd`', [("A", 'l1\nl2 "q" $x'), ("", "b"), ("", "ran")]),
        (
            (("A", "${M}"), ("B", {"k": ["$M"]}), ("", "p")),
            [("A", 'l1\nl2 "q" $x'), ("B", '{"k":["l1\\nl2 \\"q\\" $x"]}'), ("", "p")],
        ),
        ("${ITEM}", [("X", "1"), ("Y", "q `r`")]),
        ("X=${ITEM.X} ${WORDS}", [("X", "1"), ("", "b c")]),
        ("$WORDS", [("", "b"), ("", "c")]),
        ("", []),
    ],
)
def test_parameters_for_children(params: Any, pairs: list[tuple[str, str]]) -> None:
    scope = Scope(layers=[{"M": 'l1\nl2 "q" $x', "ITEM": '{"X":1,"Y":"q `r`"}', "WORDS": "b c"}])

    async def run(text: str) -> str:
        return "ran"

    found = asyncio.run(child_params(params, scope, run))
    assert named(found) == pairs
    assert not any(param.command for param in found)
