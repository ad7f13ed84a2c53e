"""A disk that breaks: what the system answers then is EIO, as for a real one.

It is an ext4 in memory behind a loop device. Only root may mount such a thing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

N_BYTES = 32 << 20
_BLOCK = 1024
_FIBMAP = 1  # asks where on its disk a file's first block lies


class NoFailingDisk(Exception):
    """This system does not let this user mount a file system of his own."""


class FailingDisk:
    """A mounted disk that works until it is told to break.

    Attributes:
      path: its top folder.
    """

    def __init__(self, path: Path, memory: int) -> None:
        self.path = path
        self._memory = memory

    def refuse_writes(self) -> None:
        """Lets everything be read from now on, but nothing be written any more."""
        self._flush()
        fcntl.fcntl(self._memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)

    def fill_up_to(self, n_bytes: int) -> None:
        """Lets what is written from now on lie in the last part of the disk."""
        fillers = [self.path / f"filler-{number}" for number in range(N_BYTES >> 18)]
        for filler in fillers:
            with contextlib.suppress(OSError):  # full
                filler.write_bytes(bytes(1 << 18))
        self._flush()
        for filler in fillers:
            if _place(filler) >= n_bytes:
                filler.unlink()

    def lose_all_after(self, n_bytes: int) -> None:
        """Lets only the first part of the disk be read from now on."""
        self._flush()
        for path in self.path.rglob("*"):
            if path.is_file():  # nor does the system remember it
                with open(path, "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        os.ftruncate(self._memory, n_bytes)

    def _flush(self) -> None:
        subprocess.run(["sync", "-f", self.path], check=True)


def _place(path: Path) -> int:
    """Returns the byte of the disk at which a file begins."""
    with open(path, "rb") as file:
        block = fcntl.ioctl(file, _FIBMAP, bytes(4))
    return int.from_bytes(block, sys.byteorder) * _BLOCK


@contextlib.contextmanager
def failing_disk(mount_point: Path) -> Iterator[FailingDisk]:
    """Mounts a disk, which works at first.

    Raises:
      NoFailingDisk: the system does not allow it.
    """
    memory = os.memfd_create("disk", os.MFD_ALLOW_SEALING)
    os.ftruncate(memory, N_BYTES)
    device = f"/proc/{os.getpid()}/fd/{memory}"
    try:
        make = ["mkfs.ext4", "-q", "-F", "-e", "continue", "-O", "^has_journal", "-b", str(_BLOCK)]
        mount = ["mount", "-t", "ext4", "-o", "loop", device, str(mount_point)]
        for words in ([*make, device], mount):
            try:
                done = subprocess.run(words, capture_output=True, text=True)
            except FileNotFoundError as error:
                raise NoFailingDisk(str(error)) from None
            if done.returncode:
                raise NoFailingDisk(" ".join(done.stderr.split()))
        try:
            probe = mount_point / "probe"
            probe.write_bytes(b"x")
            try:
                _place(probe)
            except PermissionError as error:
                raise NoFailingDisk(f"cannot ask where files lie: {error}") from None
            probe.unlink()
            yield FailingDisk(mount_point, memory)
        finally:
            subprocess.run(["umount", str(mount_point)], check=True)
    finally:
        os.close(memory)
