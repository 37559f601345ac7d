"""What is done on a server without bringing files over, and mirrors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

OLD = 1_500_000_000


@pytest.fixture
def some(server: Any) -> Any:
    """The server with some files of its users."""
    for name in ("a.csv", "b.csv", "c.txt", "sub/d.csv", "sub/deep/e.csv"):
        path = server.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 10)
        os.utime(path, (OLD, OLD))
    owner = server.root.stat()
    for path in server.root.rglob("*"):
        os.chown(path, owner.st_uid, owner.st_gid)
    return server


def names(server: Any) -> set[str]:
    """Every path below the folder of the users."""
    return {str(path.relative_to(server.root)) for path in server.root.rglob("*")}


def test_list(some: Any, do: Any) -> None:
    done = do(some.step("list", source=some.at or "."))
    assert done.status == "succeeded", done.error
    rows = {row["name"]: row for row in done.report["entries"]}
    assert rows.keys() == {"a.csv", "b.csv", "c.txt", "sub"}
    assert (rows["a.csv"]["type"], rows["a.csv"]["size"]) == ("file", 10)
    assert (rows["sub"]["type"], rows["sub"]["size"]) == ("folder", None)
    assert rows["a.csv"]["modified"].startswith("2017-07-1")
    done = do(some.step("list", source=f"{some.at}*.csv"))
    assert [row["path"] for row in done.report["entries"]] == [f"{some.at}a.csv", f"{some.at}b.csv"]
    done = do(some.step("list", source=f"{some.at}sub", recursive=True))
    assert [row["path"] for row in done.report["entries"]] == [
        f"{some.at}sub/{name}" for name in ("d.csv", "deep", "deep/e.csv")
    ]
    assert do(some.step("list", source=f"{some.at}none")).code == 23
    assert do(some.step("list", source=f"{some.at}*.none")).code == 23
    assert do(some.step("list", source=f"{some.at}*.none", allowEmpty=True)).report["entries"] == []
    one = do(some.step("list", source=f"{some.at}a.csv"))
    assert [row["name"] for row in one.report["entries"]] == ["a.csv"]


def test_exists(some: Any, do: Any) -> None:
    for source, code in (
        ("a.csv", 0),
        ("sub", 0),
        ("*.txt", 0),
        ("none", 23),
        ("*.none", 23),
        ("no/such", 23),
    ):
        done = do(some.step("exists", source=some.at + source))
        assert (done.code, done.report["exists"]) == (code, code == 0), (source, done.error)
    done = do(some.step("exists", source="none", allowEmpty=True))
    assert (done.code, done.report["exists"]) == (0, False)


def test_mkdir(some: Any, do: Any) -> None:
    done = do(some.step("mkdir", destination=f"{some.at}x/y/z"))
    assert done.report["created"] == [f"{some.at}{each}" for each in ("x", "x/y", "x/y/z")]
    assert (some.root / "x/y/z").is_dir()
    again = do(some.step("mkdir", source=f"{some.at}x/y/z/"))
    assert (again.status, again.report["created"]) == ("succeeded", [])
    assert do(some.step("mkdir", source=f"{some.at}a.csv")).code == 20


def test_move(some: Any, do: Any) -> None:
    done = do(some.step("move", source=f"{some.at}c.txt", destination=f"{some.at}new/c2.txt"))
    assert done.report["moved"] == [{"source": f"{some.at}c.txt", "destination": f"{some.at}new/c2.txt"}]
    done = do(some.step("move", source=f"{some.at}*.csv", destination=f"{some.at}done"))
    assert done.sources("moved") == [f"{some.at}a.csv", f"{some.at}b.csv"]
    assert {"new/c2.txt", "done/a.csv", "done/b.csv"} <= names(some)
    done = do(
        some.step(
            "move", source=f"{some.at}done/a.csv", destination=f"{some.at}done/b.csv", overwrite="never"
        )
    )
    assert done.report["skipped"] == [{"source": f"{some.at}done/a.csv", "reason": "exists"}]
    done = do(some.step("move", source=f"{some.at}done/a.csv", destination=f"{some.at}done/b.csv"))
    assert done.status == "succeeded", done.error
    assert "done/a.csv" not in names(some)
    assert do(some.step("move", source=f"{some.at}none", destination=f"{some.at}x")).code == 23


def test_delete(some: Any, do: Any) -> None:
    done = do(some.step("delete", source=f"{some.at}*.csv", exclude=["b.*"]))
    assert done.report["deleted"] == [f"{some.at}a.csv"]
    assert do(some.step("delete", source=f"{some.at}sub")).code == 20
    done = do(some.step("delete", source=f"{some.at}sub", recursive=True))
    assert done.status == "succeeded", done.error
    assert names(some) == {"b.csv", "c.txt"}


@pytest.mark.parametrize("source", ["/", ".", "*", "./", "/*", "~", "..", "**"])
def test_everything_is_not_deleted_by_mistake(pyftpd: Any, do: Any, source: str) -> None:
    (pyftpd.root / "a").write_text("a")
    assert do(pyftpd.step("delete", source=source, recursive=True)).code == 2
    assert names(pyftpd) == {"a"}


def test_mirror_up_and_down(server: Any, do: Any, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    for name in ("a", "sub/b", "sub/keep.log"):
        (ours / name).parent.mkdir(parents=True, exist_ok=True)
        (ours / name).write_text(name)
        os.utime(ours / name, (OLD, OLD))
    (ours / "empty").mkdir()
    up = server.step(
        "mirror",
        direction="upload",
        source="ours",
        destination=f"{server.at}m",
        deleteExtra=True,
        exclude=["*.log"],
    )
    done = do(up)
    assert done.status == "succeeded", done.error
    assert names(server) == {"m", "m/a", "m/sub", "m/sub/b", "m/empty"}
    assert do(up).report["transferred"] == []
    (ours / "a").unlink()
    (ours / "sub/b").write_text("changed")
    (server.root / "m/x.log").write_text("stays, because it is excluded")
    done = do(up)
    assert (done.sources(), done.report["deleted"]) == (["ours/sub/b"], [f"{server.at}m/a"])
    assert names(server) == {"m", "m/sub", "m/sub/b", "m/empty", "m/x.log"}
    down = server.step("mirror", direction="download", source=f"{server.at}m", destination="theirs")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/extra").write_text("stays")
    done = do(down)
    assert done.status == "succeeded", done.error
    assert {str(path.relative_to(tmp_path / "theirs")) for path in (tmp_path / "theirs").rglob("*")} == {
        "empty",
        "extra",
        "sub",
        "sub/b",
        "x.log",
    }
    down["config"]["deleteExtra"] = True
    assert do(down).report["deleted"] == ["theirs/extra"]


def test_a_mirror_of_nothing_deletes_nothing(server: Any, do: Any, tmp_path: Path) -> None:
    (server.root / "m").mkdir()
    (server.root / "m/a").write_text("a")
    (tmp_path / "file").write_text("a")
    for source in ("gone", "fil*", "file"):
        step = server.step("mirror", direction="upload", source=source, deleteExtra=True)
        step["config"]["destination"] = f"{server.at}m"
        assert do(step).code == 23
    assert names(server) == {"m", "m/a"}
