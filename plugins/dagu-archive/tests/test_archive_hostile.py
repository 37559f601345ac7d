"""X01: archives that want to write where they must not. Nothing anywhere may change."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dagu_archive.names import checked
from dagu_core.contracts.work import Failed


def member(name: str, content: bytes = b"evil", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        info.size, content = 0, b""
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=target)


def write_tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as tar:
        for info, content in (member("first.txt", b"harmless"), *members):
            tar.addfile(info, io.BytesIO(content))


def zip_info(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = name  # the constructor would tidy it up
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def write_zip(path: Path, *members: tuple[zipfile.ZipInfo, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as zip_:
        for info, content in ((zip_info("first.txt"), b"harmless"), *members):
            zip_.writestr(info, content)


OUTSIDE = [
    ("../evil", "climbs out"),
    ("a/../../evil", "climbs out"),
    ("a/..", "climbs out"),
    ("/tmp/evil", "absolute name"),
    ("//evil", "absolute name"),
    ("C:\\evil", "absolute name"),
    ("c:evil", "absolute name"),
    ("\\evil", "absolute name"),
    ("..\\evil", "climbs out"),
    ("a\\..\\..\\evil", "climbs out"),
]


@pytest.mark.parametrize(("name", "why"), OUTSIDE)
def test_X01_names_that_lead_outside_are_refused_in_tar(lab: Any, name: str, why: str) -> None:
    write_tar(lab.folder / "x.tar.gz", member(name))
    lab.refused("x.tar.gz", 12, why)


@pytest.mark.parametrize(("name", "why"), OUTSIDE)
def test_X01_names_that_lead_outside_are_refused_in_zip(lab: Any, name: str, why: str) -> None:
    write_zip(lab.folder / "x.zip", (zip_info(name), b"evil"))
    lab.refused("x.zip", 12, why)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil"])
def test_X01_names_that_lead_outside_are_refused_in_7z(lab: Any, name: str) -> None:
    import py7zr

    with py7zr.SevenZipFile(lab.folder / "x.7z", "w") as archive:
        archive.writestr(b"harmless", "first.txt")
        archive.writestr(b"evil", "xx/evil")
        for file in archive.header.files_info.files:
            if file["filename"] == "xx/evil":
                file["filename"] = name
    lab.refused("x.7z", 12, "refused")


@pytest.mark.parametrize(
    "links",
    [
        [("l", "/etc")],
        [("l", "..")],
        [("a/l", "../..")],
        [("l", "a/../../x")],
        [("a/up", ".."), ("l", "a/up/../..")],  # harmless one by one
        [("a/b/up", "../.."), ("l", "a/b/up/..")],
        [("a", "."), ("b", "a/a/a/..")],
        [("l", "C:\\")],
    ],
    ids=str,
)
@pytest.mark.parametrize("format", ["tar", "zip"])
def test_X01_links_that_lead_outside_are_refused(
    lab: Any, links: Sequence[tuple[str, str]], format: str
) -> None:
    if format == "tar":
        write_tar(lab.folder / "x.tar", *(link(name, target) for name, target in links))
    else:
        made = [(zip_info(name, stat.S_IFLNK | 0o777), target.encode()) for name, target in links]
        write_zip(lab.folder / "x.zip", *made)
    lab.refused(f"x.{format}", 12, "points outside")


@pytest.mark.parametrize("target", ["../out", "/etc/passwd", "a/../../out"])
def test_X01_hard_links_that_lead_outside_are_refused(lab: Any, target: str) -> None:
    write_tar(lab.folder / "x.tar", link("l", target, tarfile.LNKTYPE))
    lab.refused("x.tar", 12, "refused")


@pytest.mark.parametrize(
    "members",
    [
        [link("d", "."), member("d/evil")],
        [link("d", "sub"), member("sub/x"), member("d/evil")],
        [member("d/evil"), link("d", "sub")],
        [member("d"), member("d/evil")],
        [link("d", "first.txt", tarfile.LNKTYPE), member("d/evil")],
    ],
    ids=["link-then-file", "link-to-folder", "file-then-link", "file-as-folder", "hardlink-as-folder"],
)
def test_X01_nothing_is_written_through_a_link_or_a_file(lab: Any, members: Any) -> None:
    write_tar(lab.folder / "x.tar", *members)
    lab.refused("x.tar", 12, "refused")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_X01_devices_and_pipes_are_refused(lab: Any, kind: bytes) -> None:
    write_tar(lab.folder / "x.tar", member("dev", type=kind, devmajor=1, devminor=3))
    lab.refused("x.tar", 12, "is a device or a pipe")


def test_X01_a_device_in_a_zip_is_refused(lab: Any) -> None:
    write_zip(lab.folder / "x.zip", (zip_info("dev", stat.S_IFCHR | 0o666), b""))
    lab.refused("x.zip", 12, "is a device or a pipe")


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6711])
def test_X01_setuid_and_setgid_are_refused_or_dropped(lab: Any, mode: int) -> None:
    write_tar(lab.folder / "x.tar", member("su", mode=mode))
    lab.refused("x.tar", 12, "setuid or setgid")
    lab.extract("x.tar", "out", specialBits="drop").ok()
    assert stat.S_IMODE((lab.folder / "out/su").stat().st_mode) == mode & 0o777


def test_X01_special_bits_of_folders_are_dropped(lab: Any) -> None:
    write_tar(lab.folder / "x.tar", member("shared", type=tarfile.DIRTYPE, mode=0o2775))
    lab.extract("x.tar", "out").ok()
    assert stat.S_IMODE((lab.folder / "out/shared").stat().st_mode) == 0o775


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["a", "a"], "twice"),
        (["./a", "a"], "twice"),
        (["A.txt", "a.TXT"], "case only"),
        (["Dir/a", "dir/b"], "case only"),
        (["stra\u00dfe", "STRASSE"], "case only"),
        (["e\u0301", "\u00e9"], "case only"),
        (["a/b", "a"], "folder and a file"),
        (["line\nbreak"], "control characters"),
        (["\x1b[31mred"], "control characters"),
        (["/".join("d" * 300)], "too long"),
    ],
    ids=str,
)
def test_X01_names_that_collide_or_deceive_are_refused(lab: Any, names: list[str], why: str) -> None:
    write_tar(lab.folder / "x.tar", *(member(name) for name in names))
    error = lab.refused("x.tar", 12, why)
    assert "\x1b" not in error and error.count("\n") == 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("names", "why"), [(["a", "a"], "twice"), (["A", "a"], "case only")])
def test_X01_names_that_collide_are_refused_in_zip(lab: Any, names: list[str], why: str) -> None:
    write_zip(lab.folder / "x.zip", *((zip_info(name), b"x") for name in names))
    lab.refused("x.zip", 12, why)


def test_X01_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(Failed) as caught:  # 7z has names in UTF-16
        checked("half \ud800", safe=False)
    assert caught.value.code == 12 and "no file can have" in str(caught.value)


def test_X01_a_name_with_nul_is_refused(lab: Any) -> None:
    write_zip(lab.folder / "x.zip", (zip_info("evilXtxt"), b"x"))
    data = (lab.folder / "x.zip").read_bytes().replace(b"evilXtxt", b"evil\0txt")
    (lab.folder / "x.zip").write_bytes(data)
    lab.refused("x.zip", 12, "NUL")


def test_X01_unusual_names_are_taken_when_asked_for(lab: Any) -> None:
    names = ["A", "a", "line\nbreak", "bad\udcff", "twice", "twice"]
    write_tar(lab.folder / "x.tar", *(member(name, str(at).encode()) for at, name in enumerate(names)))
    lab.extract("x.tar", "out", names="any").ok()
    found = {
        os.fsencode(name): (lab.folder / "out" / name).read_bytes() for name in os.listdir(lab.folder / "out")
    }
    expected = {b"A": b"0", b"a": b"1", b"line\nbreak": b"2", b"bad\xff": b"3", b"twice": b"5"}
    assert found == expected | {b"first.txt": b"harmless"}
    write_tar(lab.folder / "evil.tar", member("../x"))
    assert lab.extract("evil.tar", "out2", names="any").code == 12


def test_X01_links_of_the_destination_are_not_followed(lab: Any) -> None:
    (lab.folder / "out").mkdir()
    (lab.folder / "secret").mkdir()
    (lab.folder / "out/d").symlink_to("../secret")
    write_tar(lab.folder / "x.tar", member("d/evil"))
    done = lab.extract("x.tar", "out", overwrite=True)
    assert done.code == 12 and "through the link" in done.err
    assert os.listdir(lab.folder / "secret") == [] and os.listdir(lab.folder / "out") == ["d"]
    write_tar(lab.folder / "y.tar", link("l", "d/x"))
    assert "points outside" in lab.extract("y.tar", "out").err


def test_X01_a_file_that_is_a_link_is_replaced_not_followed(lab: Any) -> None:
    (lab.folder / "out").mkdir()
    (lab.folder / "secret").write_text("secret")
    (lab.folder / "out/first.txt").symlink_to("../secret")
    write_tar(lab.folder / "x.tar")
    lab.extract("x.tar", "out", overwrite=True).ok()
    assert (lab.folder / "secret").read_text() == "secret"
    assert not (lab.folder / "out/first.txt").is_symlink()


def test_X01_harmless_links_are_made(lab: Any) -> None:
    links = [
        link("a/l", "../first.txt"),
        link("d", "a"),
        link("dangling", "not/there"),
        link("e", "d/../a/l"),
    ]
    write_tar(lab.folder / "x.tar", member("a/f"), *links, link("hard", "a/f", tarfile.LNKTYPE))
    assert lab.extract("x.tar", "out").ok()["filesExtracted"] == 7
    assert (lab.folder / "out/e").read_bytes() == b"harmless"
    assert (lab.folder / "out/hard").samefile(lab.folder / "out/a/f")


def test_X01_what_is_hostile_is_refused_although_it_is_left_out(lab: Any) -> None:
    write_tar(lab.folder / "x.tar", member("../evil"))
    lab.refused("x.tar", 12, "climbs out", include=["first.txt"], continueOnError=True)


def test_X01_a_dry_run_refuses_as_well(lab: Any) -> None:
    write_tar(lab.folder / "x.tar", link("l", ".."))
    assert lab.extract("x.tar", "out", dryRun=True).code == 12
