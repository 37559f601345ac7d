"""Asking again within one attempt."""

from __future__ import annotations

import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from dagu_http.answer import retry_after

AGAIN = {"limit": 3, "intervalSec": 0}


def test_it_asks_until_there_is_an_answer(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/flaky/2/503", retry=AGAIN, silent=True)
    assert (result.status, result.stdout) == ("succeeded", b"hello\n")
    assert result.stderr.decode().splitlines() == [
        "the answer was 503 Service Unavailable; asking again in 0 s (1 of 3)",
        "the answer was 503 Service Unavailable; asking again in 0 s (2 of 3)",
    ]
    assert result.step.attempts == 1


def test_the_last_answer_is_the_one_that_is_told(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/flaky/9/500", retry=AGAIN)
    assert result.step.error.startswith("http status code not 2xx: 500")
    assert result.stdout.count(b"500 Internal Server Error") == 1
    assert site.calls["/flaky/9/500"] == 4


def test_without_the_key_it_asks_once(ask: Any, site: Any) -> None:
    assert ask(f"GET {site.url}/flaky/1/503").status == "failed"
    assert len(site.seen) == 1


@pytest.mark.parametrize(("on", "calls"), [([404], 2), (["4xx"], 2), ([500, "5xx"], 1)])
def test_which_codes(ask: Any, site: Any, on: list[Any], calls: int) -> None:
    ask(f"GET {site.url}/flaky/1/404", retry={**AGAIN, "on": on})
    assert len(site.seen) == calls


def test_an_expected_code_is_not_asked_about_again(ask: Any, site: Any) -> None:
    assert ask(f"GET {site.url}/flaky/9/503", retry=AGAIN, expect=[503]).status == "succeeded"
    assert len(site.seen) == 1


def test_the_interval_is_kept(ask: Any, site: Any) -> None:
    began = time.monotonic()
    ask(f"GET {site.url}/flaky/2/503", retry={"limit": 2, "intervalSec": 0.3})
    assert time.monotonic() - began >= 0.6


def test_the_server_may_ask_for_more_time(ask: Any, site: Any) -> None:
    began = time.monotonic()
    result = ask(f"GET {site.url}/flaky/1/429?Retry-After=1", retry=AGAIN, silent=True)
    assert result.status == "succeeded" and time.monotonic() - began >= 1
    assert b"asking again in 1 s (1 of 3)" in result.stderr


def test_but_not_for_too_much(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/flaky/1/429?Retry-After=3600", retry=AGAIN)
    assert result.step.error == "http status code not 2xx: 429" and len(site.seen) == 1


def test_how_the_header_is_read() -> None:
    assert retry_after("") == retry_after("soon") == retry_after("-5") == retry_after("1.5") == 0
    assert retry_after(" 7 ") == 7
    assert 55 <= retry_after(formatdate(time.time() + 60, usegmt=True)) <= 61
    assert retry_after(formatdate(time.time() - 60, usegmt=True)) == 0
    assert retry_after("Mon, 99 Foo 2026 00:00:00 GMT") == 0


def test_a_connection_that_breaks_is_tried_again(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/slam", retry=AGAIN, silent=True)
    assert (result.status, result.stdout) == ("succeeded", b"hello\n")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_unless_the_server_may_have_done_it_already(ask: Any, site: Any, method: str) -> None:
    result = ask(f"{method} {site.url}/slam", retry=AGAIN)
    assert result.status == "failed" and len(site.seen) == 1


def test_a_server_that_was_never_reached_is_tried_again_whatever_the_method(ask: Any) -> None:
    result = ask("POST http://127.0.0.1:1/", retry={"limit": 2, "intervalSec": 0})
    assert result.status == "failed" and result.stderr.count(b"asking again") == 2


def test_a_timeout_holds_for_each_try(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/stall", timeout=0.2, retry={"limit": 2, "intervalSec": 0})
    assert "not done within 0.2 s" in result.step.error and len(site.seen) == 3


def test_a_download_begins_anew(ask: Any, site: Any, tmp_path: Path) -> None:
    target = str(tmp_path / "x")
    result = ask(f"GET {site.url}/cut", retry={"limit": 1, "intervalSec": 0}, saveTo=target)
    assert result.status == "failed" and site.calls["/cut"] == 2 and list(tmp_path.iterdir()) == []


def test_what_is_in_the_log_is_not_asked_for_again(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/cut", retry=AGAIN)
    assert result.status == "failed" and site.calls["/cut"] == 1
    assert result.stdout.endswith(b"the beginning\n")


def test_a_stop_ends_the_waiting(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/status/503", retry={"intervalSec": 60}, stop_after=0.3)
    assert result.status == "aborted" and result.stopping < 5
