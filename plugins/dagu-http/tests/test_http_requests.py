"""What a step sends: method, URL, headers, body, form, files, credentials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("command", "method", "path"),
    [
        ("get {}/ok?x=1", "GET", "/ok?x=1"),
        ('GET "{}/ok"', "GET", "/ok"),
        ("DELETE  \t {}/ok", "DELETE", "/ok"),
        ("PATCH '{}/ok?a=b c'", "PATCH", "/ok?a=b%20c"),
        ("PROPFIND {}/ok#part", "PROPFIND", "/ok"),
    ],
)
def test_the_command_is_method_and_url(ask: Any, site: Any, command: str, method: str, path: str) -> None:
    result = ask(command.format(site.url))
    assert result.status == "succeeded", result.step.error
    assert (site.last.method, site.last.path) == (method, path)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("${NOTHING}", "METHOD URL"),
        ("GET", "METHOD URL"),
        ("http://127.0.0.1:1/", "METHOD URL"),
        ("G(T http://127.0.0.1:1/", "not a word"),
        ("GET /relative", "only http:// and https://"),
        ("GET file:///etc/passwd", "only http:// and https://"),
        ("GET gopher://127.0.0.1/", "only http:// and https://"),
        ("GET http://ann:pass/word@127.0.0.1/", "the URL is not valid"),
        ("GET http://127.0.0.1:99999999/", "ports end at 65535"),
    ],
)
def test_what_is_no_request_fails_with_a_sentence(ask: Any, command: str, said: str) -> None:
    result = ask(command)
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert said in result.step.error and "word@" not in result.step.error


def test_query_and_headers(ask: Any, site: Any) -> None:
    ask(
        f"GET {site.url}/ok?x=1",
        query={"q": "a b&c", "n": 5, "many": ["1", "2"]},
        headers={"x-api-key": "hi", "X-N": 5, "X-Yes": True, "Ünit": "x"},
    )
    assert site.seen == []  # a name that is no token
    ask(f"GET {site.url}/ok?x=1", query={"q": "a b&c", "n": 5, "many": ["1", "2"]}, headers={"X-N": 5})
    assert site.last.path == "/ok?x=1&q=a+b%26c&n=5&many=1&many=2"
    assert site.last.headers["X-N"] == "5"
    assert site.last.headers["Accept-Encoding"] == "gzip"
    assert "Content-Type" not in site.last.headers


def test_headers_of_ours_give_way(ask: Any, site: Any) -> None:
    mine = {"user-agent": "me", "content-type": "application/json", "accept": "text/plain", "X-Ü": "ü"}
    ask(f"POST {site.url}/ok", headers={key: mine[key] for key in list(mine)[:3]}, body="{}")
    seen = {name.lower(): value for name, value in site.last.headers.items()}
    assert [seen[name] for name in list(mine)[:3]] == ["me", "application/json", "text/plain"]


def test_a_header_may_hold_any_text_but_line_breaks(ask: Any, site: Any) -> None:
    ask(f"GET {site.url}/ok", headers={"X-Text": "grüße"})
    assert site.last.headers["X-Text"].encode("latin-1").decode() == "grüße"
    result = ask(f"GET {site.url}/ok", headers={"X-Key": "topsecret\r\nX-More: 1"})
    assert result.step.error == "the header X-Key has a line break in its value"


@pytest.mark.parametrize(
    ("method", "body", "sent", "kind"),
    [
        ("POST", "data", b"data", "text/plain; charset=utf-8"),
        ("POST", "", b"", "text/plain; charset=utf-8"),
        ("PUT", "ünï", "ünï".encode(), "text/plain; charset=utf-8"),
        ("DELETE", "data", b"data", "text/plain; charset=utf-8"),
        ("GET", "data", b"data", "text/plain; charset=utf-8"),
        ("POST", {"a": [1, "ü", None]}, '{"a": [1, "ü", null]}'.encode(), "application/json"),
        ("POST", ["a", {"b": True}], b'["a", {"b": true}]', "application/json"),
    ],
)
def test_bodies(ask: Any, site: Any, method: str, body: Any, sent: bytes, kind: str) -> None:
    assert ask(f"{method} {site.url}/ok", body=body).status == "succeeded"
    assert (site.last.body, site.last.headers["Content-Type"]) == (sent, kind)


def test_references_are_values_and_no_text_to_look_at_again(ask: Any, site: Any) -> None:
    value = 'quote " back\\slash ${HOME} `id`'
    result = ask(
        f"POST {site.url}/ok",
        body={"text": "${WORD}"},
        headers={"X-Word": "${SHORT}"},
        dag={"params": [{"WORD": "x"}], "env": [{"SHORT": "s h"}]},
        step={"env": [{"WORD": "${SOURCE}"}]},
        environ={"SOURCE": value},
    )
    assert result.status == "succeeded", result.step.error
    assert json.loads(site.last.body) == {"text": value}
    assert site.last.headers["X-Word"] == "s h"


def test_numbers_may_come_from_references(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/stall", timeout="${LIMIT}", step={"env": [{"LIMIT": "0.3"}]})
    assert "not done within 0.3 s" in result.step.error
    wrong = ask(f"GET {site.url}/ok", timeout="${LIMIT}", step={"env": [{"LIMIT": "soon"}]})
    assert "config.timeout" in wrong.step.error and "soon" not in wrong.step.error


def test_a_file_as_body(ask: Any, site: Any, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(b"{}" * 100_000)
    ask(f"PUT {site.url}/ok", bodyFile="data.json", step={"workingDir": str(tmp_path)})
    assert site.last.body == b"{}" * 100_000
    assert site.last.headers["Content-Type"] == "application/json"
    assert site.last.headers["Content-Length"] == "200000"


def test_a_missing_file_is_named(ask: Any, site: Any, tmp_path: Path) -> None:
    for more in ({"bodyFile": "none"}, {"files": {"f": "none"}}):
        result = ask(f"PUT {site.url}/ok", step={"workingDir": str(tmp_path)}, **more)
        assert result.step.error == f"{tmp_path}/none: No such file or directory"
    assert site.seen == []


def test_a_form(ask: Any, site: Any) -> None:
    ask(f"POST {site.url}/ok", form={"a": "1 2", "b": ["x", "ü"], "n": 3})
    assert site.last.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert site.last.body == b"a=1+2&b=x&b=%C3%BC&n=3"


def test_an_upload(ask: Any, site: Any, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("first file")
    (tmp_path / "two.bin").write_bytes(bytes(range(256)) * 1000)
    step = {"workingDir": str(tmp_path)}
    ask(f"POST {site.url}/ok", form={"who": "me"}, files={"doc": ["one.txt", "two.bin"]}, step=step)
    kind, _, boundary = site.last.headers["Content-Type"].partition("; boundary=")
    parts = site.last.body.split(b"--" + boundary.encode())
    assert kind == "multipart/form-data" and len(parts) == 5
    assert b'name="who"' in parts[1] and parts[1].endswith(b"\r\n\r\nme\r\n")
    assert b'name="doc"; filename="one.txt"' in parts[2] and b"first file" in parts[2]
    assert b'filename="two.bin"' in parts[3] and bytes(range(256)) * 1000 in parts[3]


def test_an_upload_is_sent_again_after_a_redirect_that_keeps_the_method(
    ask: Any, site: Any, tmp_path: Path
) -> None:
    (tmp_path / "data").write_bytes(b"abc" * 50_000)
    for config in ({"bodyFile": str(tmp_path / "data")}, {"files": {"f": str(tmp_path / "data")}}):
        site.seen.clear()
        result = ask(f"POST {site.url}/redirect/307?to=/ok", **config)
        assert result.status == "succeeded", result.step.error
        assert [each.method for each in site.seen] == ["POST", "POST"]
        assert site.seen[0].body == site.seen[1].body and len(site.last.body) >= 150_000


@pytest.mark.parametrize(
    "auth",
    [
        {"user": "ann", "password": "s3cr3t-pass"},
        {"username": "ann", "password": "s3cr3t-pass"},
        {"token": "tok-12345"},
        {"bearer": "tok-12345"},
    ],
)
def test_credentials(ask: Any, site: Any, auth: dict[str, str]) -> None:
    assert ask(f"GET {site.url}/auth", auth=auth).status == "succeeded"
    assert ask(f"GET {site.url}/auth").step.error == "http status code not 2xx: 401"
    assert ask(f"GET http://ann:s3cr3t-pass@127.0.0.1:{site.port}/auth").status == "succeeded"


def test_credentials_do_not_go_to_another_server(ask: Any, site: Any, make_site: Any) -> None:
    other, auth = make_site(), {"token": "tok-12345"}
    headers = {"X-Api-Key": "k", "Cookie": "c=1", "X-Plain": "p"}
    ask(f"GET {site.url}/redirect?to={other.url}/ok", auth=auth, headers=headers)
    assert site.last.headers["Authorization"] == "Bearer tok-12345"
    assert other.last.headers.keys() & {"Authorization", "X-Api-Key", "Cookie", "Referer"} == set()
    assert other.last.headers["X-Plain"] == "p"
    ask(f"GET {site.url}/redirect?to=/ok", auth=auth, headers=headers)
    assert site.last.headers.keys() >= {"Authorization", "X-Api-Key"}


def test_the_script_may_hold_the_config(ask: Any, site: Any) -> None:
    script = json.dumps({"body": "from the script", "silent": True, "headers": {"X-N": 1}})
    result = ask(f"POST {site.url}/ok", body="from the config", timeout=5, step={"script": script})
    assert result.stdout == b"hello\n"
    assert (site.last.body, site.last.headers["X-N"]) == (b"from the script", "1")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("not json", "is not JSON: Expecting value at line 1 column 1"),
        ("[1]", "is a JSON object"),
        ('{"timout": 1}', "script.timout"),
        ('{"timeout": "topsecret"}', "script.timeout"),
        ("[" * 100_000, "nested too deeply"),
        ('{"form": {"a": "b"}}', "cannot be sent at once"),
    ],
)
def test_a_script_that_is_no_config_fails(ask: Any, site: Any, script: str, said: str) -> None:
    result = ask(f"POST {site.url}/ok", body="x", step={"script": script})
    assert result.status == "failed" and said in result.step.error
    assert "topsecret" not in result.step.error


def test_debug_tells_what_goes_over_the_line_but_no_secret(ask: Any, site: Any) -> None:
    result = ask(
        f"GET http://127.0.0.1:{site.port}/redirect?to=/ok",
        debug=True,
        silent=True,
        auth={"user": "ann", "password": "topsecret"},
        headers={"X-Api-Key": "topsecret", "X-Plain": "seen"},
        query={"token": "topsecret"},
    )
    text = result.stderr.decode()
    assert f"> GET http://127.0.0.1:{site.port}/redirect\n" in text and "< 302 Found\n" in text
    assert "> x-plain: seen" in text.lower() and "< 200 OK\n" in text
    assert "topsecret" not in text and "dG9wc2VjcmV0" not in text
    assert result.stdout == b"hello\n"


def test_failures_name_the_place_and_no_query_and_no_password(ask: Any, site: Any) -> None:
    result = ask(f"GET http://ann:topsecret@127.0.0.1:{site.port}/garbage?key=topsecret")
    assert f"http://127.0.0.1:{site.port}/garbage: the connection broke" in result.step.error
    assert "topsecret" not in result.step.error + result.stderr.decode()


def test_redirects_are_followed(ask: Any, site: Any) -> None:
    result = ask(f"POST {site.url}/redirect?to=/ok", body="x", silent=True)
    assert result.stdout == b"hello\n"
    assert [(each.method, each.body) for each in site.seen] == [("POST", b"x"), ("GET", b"")]


def test_or_not(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/redirect?to=/ok", followRedirects=False)
    assert result.step.error == "http status code not 2xx: 302"
    assert b"Location: /ok\r\n" in result.stdout
    assert ask(f"GET {site.url}/redirect?to=/ok", followRedirects=False, expect=[302]).status == "succeeded"
