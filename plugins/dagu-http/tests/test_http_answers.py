"""What a step writes of an answer: text, JSON, a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

EXACT = '{"z":1,"a":[1.5,12345678901234567890,"<é>"],"n":null}'


def _head(text: bytes) -> list[str]:
    return [line for line in text.decode().splitlines() if not line.startswith(("Date:", "Server:"))]


def test_status_line_headers_in_order_and_the_body_right_after(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/headers")
    assert result.stdout.startswith(b"200 OK\nContent-Length: 6\r\nContent-Type: text/plain\r\nDate: ")
    assert result.stdout.endswith(b"X-High: two\r\nX-Low: one\r\nhello\n")


def test_silent_is_the_body_only(ask: Any, site: Any) -> None:
    assert ask(f"GET {site.url}/headers", silent=True).stdout == b"hello\n"


def test_a_failure_tells_its_headers_even_when_silent(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/status/404", silent=True)
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert result.step.error == "http status code not 2xx: 404"
    assert result.outcome.details == {"statusCode": 404}
    assert _head(result.stdout) == [
        "404 Not Found",
        "Content-Length: 12",
        "Content-Type: text/plain",
        "this is 404",
    ]


def test_json_is_one_object(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/json", json=True)
    date = json.loads(result.stdout)["headers"]["Date"][0]
    server = json.loads(result.stdout)["headers"]["Server"][0]
    expected = {
        "status_code": 200,
        "headers": {
            "Content-Length": ["54"],
            "Content-Type": ["application/json"],
            "Date": [date],
            "Server": [server],
        },
        # Digits of large numbers are kept, keys are sorted.
        "body": {"a": [1.5, 12345678901234567890, "<é>"], "n": None, "z": 1},
    }
    assert result.stdout.decode() == json.dumps(expected, indent=1, ensure_ascii=False)


def test_json_and_silent_still_tell_the_real_status_and_headers(ask: Any, site: Any) -> None:
    told = json.loads(ask(f"GET {site.url}/json", json=True, silent=True).stdout)
    assert told["status_code"] == 200
    assert told["headers"]["Content-Type"] == ["application/json"]


@pytest.mark.parametrize(("text", "fails"), [("plain", True), ("NaN", True), ("1e999", True), ("", False)])
def test_json_of_what_is_no_json_fails_the_step(ask: Any, site: Any, text: str, fails: bool) -> None:
    result = ask(f"GET {site.url}/echo", json=True, body=text)
    assert result.status == ("failed" if fails else "succeeded")
    if fails:
        assert result.step.error.startswith("the answer is not JSON")
    else:
        assert json.loads(result.stdout)["body"] is None


def test_json_too_deep_fails_the_step(ask: Any, site: Any) -> None:
    result = ask(f"POST {site.url}/echo", json=True, body="[" * 200_000)
    assert (result.status, result.step.error) == ("failed", "the answer is not JSON")


def test_json_with_an_unexpected_status_tells_both(ask: Any, site: Any) -> None:
    plain = ask(f"GET {site.url}/status/500", json=True)
    assert json.loads(plain.stdout)["body"] == "this is 500\n"
    assert plain.step.error == "http status code not 2xx: 500"
    assert json.loads(ask(f"GET {site.url}/json/409", json=True).stdout)["body"]["z"] == 1


def test_an_empty_answer(ask: Any, site: Any) -> None:
    result = ask(f"POST {site.url}/status/204", silent=True)
    assert (result.status, result.stdout) == ("succeeded", b"")


def test_head_has_no_body(ask: Any, site: Any) -> None:
    result = ask(f"HEAD {site.url}/ok", maxBodyBytes=1)
    assert _head(result.stdout) == ["200 OK", "Content-Length: 6", "Content-Type: text/plain"]


def test_gzip_is_undone_and_the_headers_say_so(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/gzip")
    assert result.stdout.endswith(b"\r\npacked, and packed again\n")
    assert b"Content-Encoding" not in result.stdout and b"Content-Length" not in result.stdout


def test_gzip_the_user_asked_for_is_left_alone(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/gzip", headers={"Accept-Encoding": "gzip"}, silent=True)
    assert result.stdout.startswith(b"\x1f\x8b")


@pytest.mark.parametrize(("how", "said"), [("short", "ended too early"), ("broken", "not the gzip data")])
def test_gzip_that_is_none_fails(ask: Any, site: Any, how: str, said: str) -> None:
    result = ask(f"GET {site.url}/gzip?{how}=1")
    assert result.status == "failed" and said in result.step.error


@pytest.mark.parametrize(
    ("expect", "code", "succeeds"),
    [
        ([404], 404, True),
        (["4xx"], 418, True),
        ([201, "3XX"], 304, True),
        ([201, "3xx"], 200, False),
        (["2xx"], 302, False),
    ],
)
def test_which_codes_are_a_success(ask: Any, site: Any, expect: Any, code: int, succeeds: bool) -> None:
    result = ask(f"GET {site.url}/status/{code}", expect=expect, silent=True)
    assert result.status == ("succeeded" if succeeds else "failed")
    if not succeeds:
        assert result.step.error == f"http status code not {', '.join(map(str, expect))}: {code}"
        assert result.stdout.startswith(str(code).encode())


def test_save_to_writes_a_file_and_the_headers(ask: Any, site: Any, tmp_path: Path) -> None:
    result = ask(f"GET {site.url}/bytes/300000", saveTo="sub/data.bin", step={"workingDir": str(tmp_path)})
    assert result.status == "succeeded", result.step.error
    assert (tmp_path / "sub/data.bin").read_bytes() == (b"0123456789abcde\n" * 20000)[:300000]
    assert [each.name for each in (tmp_path / "sub").iterdir()] == ["data.bin"]
    assert _head(result.stdout) == ["200 OK", "Content-Length: 300000"]
    silent = ask(f"GET {site.url}/ok", saveTo=str(tmp_path / "x"), silent=True)
    assert silent.stdout == b"" and (tmp_path / "x").read_bytes() == b"hello\n"


def test_a_saved_file_can_be_read_by_those_who_may(ask: Any, site: Any, tmp_path: Path) -> None:
    ask(f"GET {site.url}/ok", saveTo=str(tmp_path / "x"))
    (tmp_path / "y").write_text("made the usual way")
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode


@pytest.mark.parametrize("path", ["status/500", "cut", "garbage"])
def test_a_failure_leaves_the_old_file_and_no_other(ask: Any, site: Any, tmp_path: Path, path: str) -> None:
    (tmp_path / "data").write_text("the old one")
    result = ask(f"GET {site.url}/{path}", saveTo=str(tmp_path / "data"))
    assert result.status == "failed"
    assert [each.name for each in tmp_path.iterdir()] == ["data"]
    assert (tmp_path / "data").read_text() == "the old one"
    if path == "status/500":
        assert result.stdout.endswith(b"this is 500\n")


def test_a_stop_leaves_no_half_of_a_file(ask: Any, site: Any, tmp_path: Path) -> None:
    result = ask(f"GET {site.url}/half", saveTo=str(tmp_path / "data"), stop_after=0.5)
    assert result.status == "aborted"
    assert list(tmp_path.iterdir()) == []
    assert b"the server may go on with it" in result.stderr


def test_a_file_that_cannot_be_written_is_named(ask: Any, site: Any, tmp_path: Path) -> None:
    result = ask(f"GET {site.url}/ok", saveTo=str(tmp_path))
    assert (result.status, result.step.error) == ("failed", f"{tmp_path}: Is a directory")


@pytest.mark.parametrize("path", ["bytes/2000", "drip"])
@pytest.mark.parametrize("way", ["log", "json", "file"])
def test_a_body_beyond_the_limit_fails(ask: Any, site: Any, tmp_path: Path, way: str, path: str) -> None:
    more = {"log": {}, "json": {"json": True}, "file": {"saveTo": str(tmp_path / "x")}}[way]
    result = ask(f"GET {site.url}/{path}", maxBodyBytes=10, silent=True, **more)
    assert result.status == "failed"
    assert "has more than 10 bytes (`maxBodyBytes`)" in result.step.error
    assert len(result.stdout) <= 20 and not (tmp_path / "x").exists()


def test_the_output_can_be_captured(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/ok", silent=True, step={"output": "ANSWER"})
    assert result.outcome.output == "hello"


def test_a_capture_has_the_limit_of_the_dag(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/bytes/2000", silent=True, step={"output": "X"}, dag={"maxOutputSize": 1000})
    assert result.status == "failed" and "1000 bytes" in result.step.error
    assert len(result.stdout) == 2000
