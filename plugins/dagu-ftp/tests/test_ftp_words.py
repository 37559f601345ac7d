"""What may be written, what is warned about, how folders are told: all without a server."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.page_contract import PageContract
from dagu_ftp import plugin
from dagu_ftp.config import FtpConfig, FtpsConfig, SftpConfig
from dagu_ftp.listing import fact_entry, line_entry, moment, stamp
from dagu_ftp.progress import Progress, size_shown
from dagu_ftp.tree import Entry, flaw_of, folder_of, joined, name_of

NOW = 1_700_000_000.0  # 14 November 2023
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "-rw-r--r--    1 0  0       12 Nov 14 10:22 a b.txt",
            ("a b.txt", "file", 12, 0o644, "2023-11-14 10:22"),
        ),
        ("-rw-r--r--    1 ftp ftp    12 Dec 24 23:59 x", ("x", "file", 12, 0o644, "2022-12-24 23:59")),
        (
            "drwxr-xr-x    2 user group 4096 Jan 01  2020 dir",
            ("dir", "folder", None, 0o755, "2020-01-01 00:00"),
        ),
        (
            "-rw-rw-rw-+   1 u  g        7 Feb 29  2020  leads",
            (" leads", "file", 7, 0o666, "2020-02-29 00:00"),
        ),
        (
            "lrwxrwxrwx    1 u  g        3 Jan 01  2020 l -> /etc",
            ("l", "link", None, 0o777, "2020-01-01 00:00"),
        ),
        ("-rwsr-Sr-t    1 u  g        3 Jan 01  2020 s", ("s", "file", 3, 0o745, "2020-01-01 00:00")),
        (
            "-rw-r--r--    1 owner       5 Jan 01  2020 no-group",
            ("no-group", "file", 5, 0o644, "2020-01-01 00:00"),
        ),
        ("crw-------    1 u  g    4,  1 Jan 01  2020 tty", ("tty", "other", None, 0o600, "2020-01-01 00:00")),
        ("11-14-23  03:05PM               1,234 w.txt", ("w.txt", "file", 1234, None, "2023-11-14 15:05")),
        (
            "11-14-2023  12:05AM       <DIR>          W dir",
            ("W dir", "folder", None, None, "2023-11-14 00:05"),
        ),
        ("drwxr-xr-x    2 u g 4096 Jan 01  2020 .", None),
        ("total 12", None),
        ("", None),
        ("-rw-r--r-- 1 u g 12 Foo 99 2020 bad-time", ("bad-time", "file", 12, 0o644, None)),
    ],
)
def test_lines_of_listings(line: str, expected: Any) -> None:
    from datetime import UTC, datetime

    found = line_entry(line, NOW)
    if found is None or expected is None:
        assert found is expected
        return
    at = found.modified
    shown = None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
    assert (found.name, found.kind, found.size, found.mode, shown) == expected
    assert not found.is_exact


def test_facts() -> None:
    found = fact_entry("Type=file;Size=12;Modify=20231114101112.5;UNIX.mode=0640; a; b")
    assert found == Entry("a; b", "file", 12, moment("20231114101112"), mode=0o640)
    assert fact_entry("type=cdir; .") is None
    link = fact_entry("type=OS.unix=symlink; l")
    assert link is not None and link.kind == "link"
    assert fact_entry("nonsense") is None
    assert stamp(moment("20231114101112") or 0) == "20231114101112"
    assert (moment("2023"), moment("20231399000000")) == (None, None)


@pytest.mark.parametrize(
    ("name", "is_fine"),
    [("a", True), ("..a", True), ("..", False), (".", False), ("", False), ("a/b", False), ("a\nb", False)],
)
def test_names(name: str, is_fine: bool) -> None:
    assert (flaw_of(name) == "") is is_fine


def test_paths() -> None:
    assert [folder_of(each) for each in ("a", "a/b", "/a", "/a/b/", "/")] == ["", "a", "/", "/a", ""]
    assert [name_of(each) for each in ("a", "a/b", "/a/", "/")] == ["a", "b", "a", ""]
    assert [joined(each, "x") for each in ("", ".", "/", "a", "a/")] == ["x", "x", "/x", "a/x", "a/x"]


def test_sizes_as_people_read_them() -> None:
    assert [size_shown(each) for each in (0, 999, 1000, 2.5e6, 3e12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "2.5 MB",
        "3000.0 GB",
    ]


def test_a_pace_is_kept() -> None:
    progress = Progress(max_bytes_per_sec=100_000)
    assert progress.block_size(1 << 20) == 50_000
    for _ in range(4):
        progress.step(5_000)
    assert 0.19 < progress.seconds < 1.0


@pytest.mark.parametrize("model", [FtpConfig, FtpsConfig, SftpConfig])
@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"parallel": 9}, "parallel"),
        ({"overwrite": "sometimes"}, "overwrite"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"minAge": True}, "minAge"),
        ({"port": "ssh"}, "port"),
        ({"port": 70_000}, "port"),
        ({"verify": "md5"}, "verify"),
        ({"recursive": "yes"}, "recursive"),
    ],
)
def test_wrong_values(model: Any, wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        model.model_validate({"host": "h", **wrong}, context={"phase": "read"})


def test_spellings_and_forms() -> None:
    found = SftpConfig.model_validate(
        {
            "ip": "h",
            "username": "u",
            "port": "2222",
            "strict_host_key": False,
            "known_host_file": "k",
            "min_age": "1m30s",
            "bastion": "me@jump:23",
        }
    )
    assert (found.host, found.user, found.port, found.min_age) == ("h", "u", 2222, 90.0)
    assert (found.strict_host_key, found.known_host_file) == (False, "k")
    assert [(hop.user, hop.host, hop.port) for hop in found.bastion] == [("me", "jump", 23)]
    assert FtpsConfig.model_validate({"host": "h"}).tls == "explicit"
    with pytest.raises(ValidationError):
        FtpsConfig.model_validate({"host": "h", "tls": "none"})
    assert "hunter2" not in repr(FtpConfig.model_validate({"host": "h", "password": "hunter2"}))


@pytest.mark.parametrize(
    ("command", "config", "expected"),
    [
        ("uplaod", {}, "'uplaod'"),
        (None, {}, "does not say what to do"),
        ("mirror", {"source": "a", "destination": "b"}, "needs a direction"),
        ("upload", {"direction": "download", "source": "a"}, "but the direction says download"),
        ("upload", {}, "needs a source"),
        ("move", {"source": "a"}, "needs a destination"),
        ("mkdir", {}, "needs a folder"),
        ("upload", {"source": "a", "deleteSource": True, "verify": "none"}, "verified"),
    ],
)
def test_steps_that_make_no_sense_reach_no_server(do: Any, command: Any, config: Any, expected: str) -> None:
    step = {"type": "ftp", "config": {"host": "127.0.0.1", "port": 1, **config}}
    done = do(step if command is None else {**step, "command": command})
    assert (done.status, done.code) == ("failed", 1) and expected in done.error


def test_findings() -> None:
    text = """steps:
  - {name: a, type: ftps, command: upload, config: {host: h, source: a, tls_verify: false}}
  - {name: b, type: sftp, command: "${WHAT}", config: {host: h, source: a, strictHostKey: false}}
  - {name: f, type: sftp, command: upload, config: {host: h, source: strictHostKey, strictHostKey: false}}
  - {name: c, type: ftp, command: uplaod, config: {host: h, source: a, tlsVerify: true}}
  - {name: d, command: whatever}
"""
    host = PluginHost.load(discover=False, plugins=[plugin])
    found = read_definition(text, path="f.yaml", vocabulary=host.catalog.vocabulary)
    told = host.lint(found.plans[0], found.places[0])
    assert [(each.code, each.place.line, each.place.column) for each in told] == [
        ("D331", 2, 73),
        ("D331", 3, 76),
        ("D331", 4, 85),
        ("D332", 5, 35),
    ]


@pytest.mark.skipif(not find_spec("dagu_ssh"), reason="examples that use `ssh` need dagu-ssh")
class TestPages(PageContract):
    pages = (ROOT / "docs/plugins/ftp.md", ROOT / "plugins/dagu-ftp/README.md")
    plugins = (plugin, *([import_module("dagu_ssh.plugin")] if find_spec("dagu_ssh") else []))
    models = (FtpConfig, FtpsConfig, SftpConfig)
