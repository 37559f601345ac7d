"""A Docker engine of our own, with an image made of busybox."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import docker

IMAGE = "box:1"


class Engine:
    """A dockerd in a folder of its own; `api` talks to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/d.sock"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.api: Any = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    "dockerd",
                    f"--host={self.host}",
                    f"--data-root={self.folder}/data",
                    f"--exec-root={self.folder}/exec",
                    f"--pidfile={self.folder}/pid",
                    "--iptables=false",
                    "--bridge=none",
                    "--insecure-registry=127.0.0.0/8",
                    "--shutdown-timeout=1",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            if b"API listen on" in self.log.read_bytes():
                self.api = docker.APIClient(base_url=self.host, version="auto", timeout=60)
                return
            time.sleep(0.05)

    def is_up(self) -> bool:
        return self.api is not None

    def stop(self) -> None:
        """End it, with all its containers, and leave nothing mounted."""
        if self.api is not None:
            with contextlib.suppress(Exception):
                for found in self.api.containers(all=True):
                    self.api.remove_container(found["Id"], force=True, v=True)
            self.api.close()
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((each for each in mounts if each.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def box(self, name: str = IMAGE, **changes: Any) -> None:
        """An image with busybox and nothing else."""
        self.api.import_image_from_data(
            _rootfs(), repository=name.split(":")[0], tag=name.split(":")[1], **changes
        )

    def names(self) -> list[str]:
        """The names of all containers, running or not."""
        return sorted(each["Names"][0].lstrip("/") for each in self.api.containers(all=True))

    def built(self) -> dict[str, str]:
        """Name and id of every image that was built for a DAG."""
        images = self.api.images(filters={"label": "dagu.build"})
        return {tag: each["Id"] for each in images for tag in each["RepoTags"] or () if tag[0] != "<"}

    def run(self, name: str, *command: str, **host: Any) -> str:
        """Start a container of our own beside those under test."""
        made = self.api.create_container(
            IMAGE, list(command), name=name, host_config=self.api.create_host_config(init=True, **host)
        )
        self.api.start(made["Id"])
        return str(made["Id"])


def _rootfs() -> bytes:
    data = io.BytesIO()
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(mode="w", fileobj=data) as archive:
        for folder in ("bin", "etc", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        archive.add(shutil.which("busybox") or "/bin/busybox", "bin/busybox", filter=_executable)
        for applet in applets:
            if applet != "busybox":
                entry = tarfile.TarInfo(f"bin/{applet}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(entry)
    return data.getvalue()


def _executable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = 0o755
    return entry
