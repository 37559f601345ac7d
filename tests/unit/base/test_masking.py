"""No form of a secret survives, however the output is cut; what is no secret is untouched."""

from __future__ import annotations

import base64
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagu_core.base.encodings import variants
from dagu_core.base.masking import WITHHELD, Masker, Stream

KEY = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nab\nqz7/Xw==\n-----END KEY-----\n"
SECRETS = {
    "PLAIN": "hunter2-hunter2",
    "QUOTED": 'it\'s "5$" & <\\>',
    "KEY": KEY,
    "UNI": "пароль-žluť",
    "NL": "tail\n",
}

# no stars: a mask next to them may look like a secret again
characters = st.characters(codec="utf-8", exclude_characters="*", exclude_categories=("Cs",))
values = st.text(characters, min_size=4, max_size=12).filter(lambda text: len(text.strip("\r\n")) >= 4)


@pytest.mark.parametrize("name", SECRETS)
def test_every_encoding_is_masked(name: str) -> None:
    value = SECRETS[name]
    masker = Masker(SECRETS)
    data = value.encode()
    forms = [
        value,
        value.strip("\n"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode(),
        data.hex(),
        data.hex().upper(),
    ]
    for form in forms:
        assert masker.mask(f"<{form}>") == "<*******>", form
    quoted = shlex.quote(value.strip("\n"))
    assert value.strip("\n")[:6] not in masker.mask(quoted)


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
@pytest.mark.parametrize("after", ["", "z", "zz"])
def test_base64_of_something_around_the_secret(before: str, after: str) -> None:
    text = base64.b64encode(f"{before}hunter2-hunter2{after}".encode()).decode()
    masked = Masker(SECRETS).mask(text)
    left, stars, right = masked.partition("*******")
    assert stars
    # what is left encodes at most the neighbours and the bits they share a character with
    assert len(left) <= len(before) * 8 / 6 + 1
    assert len(right) <= len(after) * 8 / 6 + 4


def test_each_line_of_a_long_value_is_masked_but_short_lines_are_not() -> None:
    masked = Masker(SECRETS).mask("x MIIEpAIBAAKCAQEA y\r\nab\nqz7/Xw==")
    assert masked == "x ******* y\r\nab\n*******"


def test_values_under_four_characters_are_left_and_named() -> None:
    masker = Masker({"A": "abc", "B": "abc\n", "C": "", "D": "abcd"})
    assert masker.too_short == ("A", "B")
    assert masker.mask("abc abcd") == "abc *******"


def test_the_longest_secret_wins_and_overlaps_leave_nothing() -> None:
    masker = Masker({"SHORT": "secret", "LONG": "secret-and-more", "OVER": "more-to-come"})
    assert masker.mask("secret-and-more") == "*******"
    assert masker.mask("secret-and-more-to-come!") == "*******!"
    assert Masker({"A": "abcd", "B": "defg"}).mask("<abcdefg>") == "<*******>"


def test_bytes_that_are_no_text_pass() -> None:
    data = bytes(range(256)) + b"hunter2-hunter2" + b"\xff\x00"
    assert Masker(SECRETS).mask(data) == bytes(range(256)) + b"*******" + b"\xff\x00"


def test_without_secrets_nothing_happens() -> None:
    masker = Masker({})
    stream = masker.stream()
    assert not masker
    assert masker.mask("anything") == "anything"
    assert stream.feed(b"any") + stream.flush() == b"any"
    assert masker.restore(masker.tokenize(b"x").decode()) == "x"


def test_tokens_stand_for_the_value_and_hold_nothing_of_it() -> None:
    masker = Masker(SECRETS)
    text = f"a {SECRETS['PLAIN']} b {b'hunter2-hunter2'.hex()} c {KEY}"
    tokens = masker.tokenize(text.encode())
    assert masker.mask(tokens) == tokens
    assert b"\x1aPLAIN#0\x1a" in tokens
    assert Masker(SECRETS).restore(tokens.decode()) == text
    assert masker.restore("\x1aNOBODY#0\x1a \x1aPLAIN#9999\x1a") == "\x1aNOBODY#0\x1a \x1aPLAIN#9999\x1a"


def test_one_byte_at_a_time() -> None:
    stream = Masker(SECRETS).stream()
    data = b"start hunter2-hunter2 hunter2-huntex " + KEY.encode() + b"end"
    out = b"".join(stream.feed(data[at : at + 1]) for at in range(len(data))) + stream.flush()
    assert out == b"start ******* hunter2-huntex *******end"


def test_a_stream_holds_back_only_what_may_become_a_secret() -> None:
    stream = Masker({"A": "secret-value"}).stream()
    assert stream.feed(b"a line\n") == b"a line\n"
    assert stream.feed(b"then sec") == b"then "
    assert stream.feed(b"tor\n") == b"sector\n"
    assert stream.feed(b"secret-valu") == b""
    assert stream.flush() == b"secret-valu"


def test_output_is_withheld_when_masking_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    masker = Masker(SECRETS)

    def broken(data: bytes) -> list[tuple[int, int]]:
        raise MemoryError

    monkeypatch.setattr(masker, "spans", broken)
    assert masker.mask("hunter2-hunter2") == WITHHELD.decode()
    assert masker.mask(b"hunter2-hunter2") == WITHHELD
    stream = Stream(masker)
    assert stream.feed(b"hunter2-hunter2 ") == WITHHELD
    assert stream.feed(b"hunter2-hunter2 ") == b""
    assert stream.flush() == b""


@settings(max_examples=300, deadline=None)
@given(st.lists(values, min_size=1, max_size=3), st.data())
def test_no_form_survives_any_chunking(secrets: list[str], data: st.DataObject) -> None:
    masker = Masker({f"S{number}": value for number, value in enumerate(secrets)})
    forms = [form for value in secrets for form in variants(value)]
    piece = st.one_of(st.sampled_from(forms), st.binary(max_size=6).filter(lambda each: b"*" not in each))
    # cut forms side by side make overlaps and false starts
    cut = st.builds(lambda each, size: each[:size], st.sampled_from(forms), st.integers(1, 8))
    whole = b"".join(data.draw(st.lists(st.one_of(piece, cut), max_size=12)))
    stream, out, rest = masker.stream(), b"", whole
    while rest:
        size = data.draw(st.integers(1, 20))
        out, rest = out + stream.feed(rest[:size]), rest[size:]
    out += stream.flush()
    assert out == masker.mask(whole)
    assert not [form for form in forms if form in out]


@settings(max_examples=100, deadline=None)
@given(values, st.binary(max_size=40).filter(lambda each: b"\x1a" not in each))
def test_tokens_are_reversible(value: str, noise: bytes) -> None:
    masker = Masker({"S": value})
    data = noise + value.encode() + noise
    text = masker.tokenize(data).decode("utf-8", "surrogateescape")
    assert masker.restore(text).encode("utf-8", "surrogateescape") == data


@settings(max_examples=100, deadline=None)
@given(values, st.text(characters, max_size=60))
def test_what_holds_no_form_is_untouched(value: str, text: str) -> None:
    masker = Masker({"S": value})
    data = text.encode()
    if any(form in data for form in variants(value)):
        return
    stream = masker.stream()
    assert masker.mask(text) == text
    assert stream.feed(data) + stream.flush() == data
