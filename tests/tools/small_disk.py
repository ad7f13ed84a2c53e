"""A disk of a few kilobytes that can be filled, emptied and made read-only.

It is a tmpfs mounted inside namespaces of its own, which needs no root and leaves nothing behind;
this process sees it through /proc.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")  # what a tmpfs counts in

# As an ordinary user, and as root where user namespaces are switched off.
_NAMESPACES = (["--user", "--map-root-user", "--mount"], ["--mount"])

# Mounts, then carries out one command per line and says how it went.
_HOLDER = """
mount -t tmpfs -o size=$2 none "$1" || exit 1
echo 0
while read -r line; do eval "$line"; echo $?; done
"""


class NoSmallDisk(Exception):
    """This system does not let an ordinary user mount anything."""


class SmallDisk:
    """A mounted disk.

    Attributes:
      path: its top folder, as this process and its children see it.
    """

    def __init__(self, holder: subprocess.Popen[str], mount_point: Path) -> None:
        self._holder = holder
        self._mount_point = mount_point
        self.path = Path(f"/proc/{holder.pid}/root{mount_point}")

    def remount(self, options: str) -> None:
        """Changes the disk: "ro", "rw", "size=64k" or "nr_inodes=5"."""
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        print(f'mount -o remount,{options} "$1"', file=self._holder.stdin, flush=True)
        assert self._holder.stdout.readline() == "0\n", options

    @property
    def n_free(self) -> int:
        """How many pages are free."""
        free = os.statvfs(self.path)
        return free.f_bavail * free.f_frsize // PAGE

    def fill(self, leave: int = 0) -> None:
        """Puts a file there that leaves so many pages free."""
        self.free()
        with open(self.path / "filler", "wb", buffering=0) as file:
            os.posix_fallocate(file.fileno(), 0, max(1, self.n_free - leave) * PAGE)

    def free(self) -> None:
        """Takes that file away."""
        (self.path / "filler").unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(mount_point: Path, n_pages: int) -> Iterator[SmallDisk]:
    """Mounts a disk of so many pages.

    Raises:
      NoSmallDisk: the system does not allow it.
    """
    holder, reason = None, ""
    for namespaces in _NAMESPACES:
        size = str(n_pages * PAGE)
        holder = subprocess.Popen(
            ["unshare", *namespaces, "sh", "-c", _HOLDER, "sh", str(mount_point), size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert holder.stdout is not None
        if holder.stdout.readline() == "0\n":
            break
        reason = " ".join(holder.communicate()[1].split())
        holder = None
    if holder is None:
        raise NoSmallDisk(f"no tmpfs can be mounted here: {reason}")
    try:
        yield SmallDisk(holder, mount_point)
    finally:
        holder.communicate()
