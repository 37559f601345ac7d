"""Text for people and for programs: tables, JSON, CSV, durations, widths of characters."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from dagu_core.base.errors import DaguError
from dagu_core.cli.excerpt import printable


class OutputLost(DaguError):
    """stdout cannot be written"""


def say(text: str = "", *, at_once: bool = False) -> None:
    """Print a line on stdout, if `at_once` past its buffer too. Raises OutputLost when it cannot be
    written, and BrokenPipeError when its reader is gone; nothing more is written after that."""
    try:
        sys.stdout.write(text + "\n")
        if at_once:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise lost_output(error) from error


def lost_output(error: OSError) -> OutputLost:
    """What to raise or tell for an error of stdout, which is written to no more."""
    silence(sys.stdout)
    return OutputLost(f"stdout cannot be written: {error.strerror or error}")


def silence(stream: TextIO) -> None:
    """Let whatever is still written to the stream, also at the exit of the process, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def tell(text: str = "") -> None:
    """Print a line on stderr; control characters are spelled out, as `\\x1b`."""
    with contextlib.suppress(OSError):  # nobody listens any more
        # a line at a time, whatever it is connected to: there is nothing to flush
        sys.stderr.write(printable(text, escape=True) + "\n")


def as_json(value: Any) -> str:
    """Indented JSON; characters beyond ASCII stay as they are."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_csv(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Comma-separated values with a heading line."""
    import csv

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def as_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns two blanks apart, as wide as their widest cell; control characters are dropped."""
    lines = [list(headings), *([printable(cell.replace("\n", " ")) for cell in row] for row in rows)]
    widths = [max(width(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(
        "  ".join(pad(cell, size) for cell, size in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def pad(text: str, columns: int) -> str:
    """`text` filled with blanks up to so many columns."""
    return text + " " * (columns - width(text))


def duration(seconds: float) -> str:
    """A short form, cut to tenths of a second: `0s`, `2.0s`, `1m 0s`, `2h 5m`."""
    tenths = max(0, int(seconds * 10))
    if tenths == 0:
        return "0s"
    if tenths < 600:
        return f"{tenths / 10:.1f}s"
    minutes, rest = divmod(tenths // 10, 60)
    if minutes < 60:
        return f"{minutes}m {rest}s"
    return f"{minutes // 60}h {minutes % 60}m"


def clock_time(seconds: float) -> str:
    """`MM:SS`, or `H:MM:SS` from an hour on."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def fill_closed_streams() -> None:
    """Put the null device where the process was started without stdin, stdout or stderr (`>&-`): the
    next file that is opened would become one of them, and get what is printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8")
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def use_lenient_streams() -> None:
    """Make stdout and stderr take any text, whatever the encoding of the terminal."""
    codecs.register_error("lenient", _lenient)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lenient")


def _lenient(error: UnicodeError) -> tuple[str | bytes, int]:
    """What is written for characters an encoding has not."""
    if isinstance(error, UnicodeEncodeError) and error.encoding.lower() in ("utf-8", "utf8"):
        # Only bytes that were no text to begin with cannot be said in UTF-8.
        return "\ufffd".encode() * (error.end - error.start), error.end
    return codecs.backslashreplace_errors(error)
