"""Texts with inputs in them: every form, and everything that cannot be read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu_core.base.errors import Invalid
from dagu_core.model.values.template import ABSENT, find, render, used

INPUTS: dict[str, Any] = {
    "who": 'a "b"\n',
    "n": 3,
    "on": True,
    "none": None,
    "list": [1, "x"],
    "deep": {"er": [{"est": "end"}]},
    "quote": "{{ .input.n }}",
    "dash-ed": "d",
}


@pytest.mark.parametrize(("text", "filled"), [
    ("plain { } }} text", "plain { } }} text"),
    ("<{{ .input.n }}>", "<3>"),
    ("<{{.input.n}}|{{.input.on}}>", "<3|true>"),
    ("{{ .input.deep.er.0.est }}", "end"),
    ("{{ .input.dash-ed }}", "d"),
    ("{{ .input.list }}", '[1,"x"]'),
    ("{{ .input.deep }}", '{"er":[{"est":"end"}]}'),
    ("{$input: n}-{$input:n}-{$input: deep.er.0.est}", "3-3-end"),
    ("echo {{ json .input.who }}", 'echo "a \\"b\\"\\n"'),
    ("{{ .input.n | json }}{{ json .input.list }}", '3[1,"x"]'),
    ("{{ .input.who | trim | upper }}", 'A "B"'),
    ('{{ lower "ABC" }}', "abc"),
    ('{{ .input.missing | default "d" }}{{ default 5 .input.none }}{{ .input.n | default 5 }}', "d53"),
    ('{{ .input.list | join ", " }}', "1, x"),
    ('{{ .input.dash-ed | split "," | count }}', "1"),
    ('{{ "{{" }} .input.n }}', "{{ .input.n }}"),
    ("{{ `raw \"text\"` }}", 'raw "text"'),
    ("a  {{- .input.n -}}  b", "a3b"),
    ("a {{/* told to nobody */}} b", "a  b"),
    ("{{ .input.quote }}", "{{ .input.n }}"),
])  # fmt: skip
def test_what_a_template_becomes(text: str, filled: str) -> None:
    assert render(text, INPUTS) == filled


@pytest.mark.parametrize(("text", "message"), [
    ("{{ .input.missing }}", "needs the input `missing`, which is not given"),
    ("{$input: deep.er.7}", "needs the input `deep.er.7`"),
    ("{{ upper .input.none }}", "needs the input `none`"),
    ("{{ range .input.list }}", "`{{ range }}` is not supported"),
    ("{{ if .input.on }}x{{ end }}", "`{{ if }}` is not supported"),
    ("{{ .Names }}", "`{{ .Names }}` cannot be read"),
    ("{{ .inputs.n }}", "cannot be read"),
    ("{{ input.n }}", "cannot be read"),
    ("{{ env }}", "unknown template function `env`"),
    ("{{ .input.n .input.n }}", "cannot be read"),
    ("{{ 1 | 2 }}", "cannot be read"),
    ("{{ | upper }}", "cannot be read"),
    ("{{ }}", "cannot be read"),
    ("{{ .input.n", "cannot be read"),
    ("{{", "cannot be read"),
    ("{{ upper }}", "takes 1 value"),
    ("{{ .input.n | default }}", "takes 2 values"),
    ('{{ join "," .input.n }}', "takes a list"),
    ('{{ "\\q" }}', "is not a text"),
])  # fmt: skip
def test_what_cannot_be_filled_in(text: str, message: str) -> None:
    with pytest.raises(Invalid, match=re.escape(message)):
        render(text, INPUTS)


def test_a_text_is_not_made_longer_than_a_file() -> None:
    with pytest.raises(Invalid, match="more than 5242880 characters"):
        render("{{ .input.a }}" * 60, {"a": "x" * 100_000})


def test_the_inputs_a_text_asks_for() -> None:
    assert used('{{ .input.a.b | default "c" }} {$input: d} {{ json .input }} {{ "e" }}') == ["a.b", "d", ""]


@pytest.mark.parametrize(("path", "value"), [
    ("n", 3), ("list.1", "x"), ("list.2", ABSENT), ("list.x", ABSENT), ("n.x", ABSENT),
    ("deep.er.0.est", "end"),
])  # fmt: skip
def test_paths(path: str, value: Any) -> None:
    assert find(INPUTS, path) == value


@given(st.text(st.sampled_from(list('{}.|"`- input$:jsonupper0/*\\')), max_size=40))
def test_no_text_makes_it_fail(text: str) -> None:
    try:
        assert isinstance(render(text, INPUTS), str)
    except Invalid:
        assert "{" in text
    else:
        used(text)


@given(st.text(max_size=30))
def test_what_is_put_in_is_never_read_again(value: str) -> None:
    assert render("<{{ .input.v }}>", {"v": value}) == f"<{value}>"
    assert render("<{$input: v}>", {"v": value}) == f"<{value}>"
