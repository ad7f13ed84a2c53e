"""Which files of a folder are images."""

from __future__ import annotations

import contextlib
import logging
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np

from pixace.errors import ImageError
from pixace.settings.checks import require_path
from pixace.wording import shown

_log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")


class ImagePaths(Sequence[Path]):
    """The image files of one folder: a million of them in some 40 MB.

    As a list of paths they would take ten times that. Here their names lie in one piece, and a
    path is made when it is asked for.

    Args:
      folder: the top folder.
      names: the files' names, relative to it.
    """

    def __init__(self, folder: Path, names: Iterable[bytes]) -> None:
        self.folder = folder
        self._names = bytearray()
        self._ends = array("q", [0])
        for name in names:
            self._names += name
            self._ends.append(len(self._names))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> ImagePaths: ...
    def __getitem__(self, index: int | slice) -> Path | ImagePaths:
        chosen = range(len(self))[index]
        if isinstance(chosen, range):
            return self.select(chosen)
        return Path(self.folder, os.fsdecode(self.name(chosen)))

    def name(self, number: int) -> bytes:
        """Returns the name of one file, counted from 0, relative to the folder."""
        return bytes(self._names[self._ends[number] : self._ends[number + 1]])

    def select(self, numbers: Iterable[int]) -> ImagePaths:
        """Returns the files with these numbers, in that order."""
        return ImagePaths(self.folder, map(self.name, numbers))

    def spread(self, most: int) -> ImagePaths:
        """Returns at most so many of the files, from all over the folder."""
        return self.select(spread_numbers(len(self), min(most, len(self))))


def spread_numbers(n_items: int, count: int) -> np.ndarray:
    """Returns numbers from all over 0 .. n - 1, at even distances, int (count,).

    Of fewer items than `count`, some are repeated.
    """
    return np.linspace(0, n_items, count, endpoint=False).astype(int)


class Unreadable(NamedTuple):
    """An image file that cannot be read.

    Attributes:
      path: the file.
      problem: what is wrong with it.
    """

    path: Path
    problem: str

    @classmethod
    def because(cls, path: Path, error: ImageError) -> Unreadable:
        """Takes the problem from the error, whose message also names the file."""
        return cls(path, str(error).removeprefix(f"{shown(path)}: "))


def find_images(folder: Path | str, flag: str = "images") -> ImagePaths:
    """Lists the image files of a folder and its sub-folders, in the order of their paths.

    Files are chosen by suffix, any letter case. Links to folders are followed, each folder once.

    Args:
      folder: the top folder.
      flag: which flag named it.

    Raises:
      UsageError: the folder has no name, or one that cannot be.
      ImageError: the folder does not exist or holds no image.
    """
    require_path(flag, folder)  # `--images=$UNSET` does not mean the current folder
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise ImageError(f"{shown(folder)}: no such folder of images")
    found = ImagePaths(folder, map(os.fsencode, _walk(folder)))
    if not found:
        raise ImageError(f"{shown(folder)}: no images in this folder ({', '.join(SUFFIXES)})")
    _log.debug("%s: %d image files", shown(folder), len(found))
    return found


def _walk(folder: Path) -> Iterator[str]:
    """Yields the names of the image files below a folder, relative to it, in order."""
    seen: set[tuple[int, int]] = set()
    left = [""]  # what is still to come, the next one last; a folder ends with a slash
    while left:
        name = left.pop()
        if name and not name.endswith("/"):
            yield name
            continue
        with contextlib.suppress(OSError):  # a folder that cannot be read holds nothing for us
            path = os.path.join(folder, name)
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in seen:  # a link back up, or a second way in
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                inside = [name + label for label in map(_label, entries) if label]
            left += sorted(inside, key=lambda label: label.rstrip("/"), reverse=True)


def _label(entry: os.DirEntry[str]) -> str:
    """Returns a folder's name with a slash, an image file's name, or nothing."""
    try:
        if entry.is_dir():
            return f"{entry.name}/"
    except OSError:  # a link that leads nowhere, which opening it will tell
        pass
    return entry.name if entry.name.lower().endswith(SUFFIXES) else ""
