"""The last lines of a log, whatever is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu_core.cli.excerpt import LIMIT, Excerpt, excerpt, read_excerpt


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", ()),
        (b"x", ("x",)),
        (b"  lead\ntail  \n   \n\nx\n", ("lead", "tail", "x")),
        (b"a\r\nb\r\n", ("a", "b")),
        (b"10%\r50%\r100%\n", ("100%",)),
        (b"A\x1b[31mred\x1b[0mB\x07\n", ("A[31mred[0mB",)),
        (b"a\tb\n", ("a\tb",)),
        ("漢字 é\n".encode(), ("漢字 é",)),
        (b"caf\xe9 au lait, s'il vous plait\n", ("caf\ufffd au lait, s'il vous plait",)),
        ("safe \u202eevil\n".encode(), ("safe evil",)),
    ],
)
def test_lines(data: bytes, lines: tuple[str, ...]) -> None:
    assert excerpt(data) == Excerpt(lines)


def test_on_a_terminal_escapes_are_spelled_out() -> None:
    assert excerpt(b"A\x1b[31m\n", escape=True).lines == ("A\\x1b[31m",)
    assert excerpt("\u202ex\n".encode(), escape=True).lines == ("\\u202ex",)


@pytest.mark.parametrize("data", [b"\x7fELF\x00\x01", b"\xff\xfe\xfd\xfc\n", b"ab\x00\ntext\n"])
def test_binary_data_is_not_shown(data: bytes) -> None:
    assert excerpt(data) == Excerpt(note="(binary data)")


@pytest.mark.parametrize(("count", "first", "hidden"), [(50, "1", 0), (51, "2", 1), (500, "451", 450)])
def test_only_the_last_fifty_lines(count: int, first: str, hidden: int) -> None:
    found = excerpt("\n".join(str(number) for number in range(1, count + 1)).encode())
    assert (found.lines[0], len(found.lines), found.hidden) == (first, 50, hidden)


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "large.out"
    with large.open("wb") as file:
        file.truncate(LIMIT + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("the file was read"))
    assert read_excerpt(str(large)) == Excerpt(note="(file too large, >10MB)")


def test_a_file_that_is_gone_is_empty(tmp_path: Path) -> None:
    assert not read_excerpt(str(tmp_path / "gone"))
    assert not read_excerpt("")


@given(st.binary(max_size=300))
def test_no_bytes_reach_the_terminal_as_commands(data: bytes) -> None:
    for line in excerpt(data).lines:
        assert all(char.isprintable() or char == "\t" or ord(char) > 0x9F for char in line)
        assert "\n" not in line
