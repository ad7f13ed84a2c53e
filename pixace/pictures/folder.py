"""Which files of a folder are images, and which pictures are in them."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias, overload

import numpy as np
from PIL import features

from pixace.errors import ImageError
from pixace.pictures.pieces import Piece
from pixace.settings.checks import require_path
from pixace.wording import shown

_log = logging.getLogger(__name__)

SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *([".avif"] if features.check("avif") else []),
)
NO_SUFFIX = "no suffix"

ImagePath: TypeAlias = Path | Piece  # of a picture: its file, or a part of one


class ImagePaths(Sequence[ImagePath]):
    """The pictures of one folder: a million of them in some 40 MB.

    As a list of paths they would take ten times that. Here their names lie in one piece, and a
    path is made when it is asked for.

    Args:
      folder: the top folder.
      names: the files' names, relative to it; behind that of a file and a NUL, which no name has,
        stands what part of it is meant, as `Piece.encoded` spells it.
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
    def __getitem__(self, index: int) -> ImagePath: ...
    @overload
    def __getitem__(self, index: slice) -> ImagePaths: ...
    def __getitem__(self, index: int | slice) -> ImagePath | ImagePaths:
        chosen = range(len(self))[index]
        if isinstance(chosen, range):
            return self.select(chosen)
        file_name, is_piece, piece = self.name(chosen).partition(b"\0")
        path = Path(self.folder, os.fsdecode(file_name))
        return Piece.decoded(path, piece) if is_piece else path

    def name(self, number: int) -> bytes:
        """Returns the name of one picture, counted from 0; see the class."""
        return bytes(self._names[self._ends[number] : self._ends[number + 1]])

    def file_name(self, number: int) -> bytes:
        """Returns the name of the file that one picture is in, relative to the folder."""
        return self.name(number).partition(b"\0")[0]

    def label(self, number: int) -> str:
        """Returns what to call one picture: its path, relative to the folder."""
        path = self[number]
        file_name = os.fsdecode(self.file_name(number))
        return f"{file_name}#{path.label}" if isinstance(path, Piece) else file_name

    def select(self, numbers: Iterable[int]) -> ImagePaths:
        """Returns the pictures with these numbers, in that order."""
        return ImagePaths(self.folder, map(self.name, numbers))

    def spread(self, most: int) -> ImagePaths:
        """Returns at most so many of the pictures, from all over the folder."""
        return self.select(spread_numbers(len(self), min(most, len(self))))


def spread_numbers(n_items: int, count: int) -> np.ndarray:
    """Returns numbers from all over 0 .. n - 1, at even distances, int (count,).

    Of fewer items than `count`, some are repeated.
    """
    return np.linspace(0, n_items, count, endpoint=False).astype(int)


def name_digests(paths: ImagePaths) -> np.ndarray:
    """Returns uint64 (N,): one for the name of each picture's file, relative to the folder."""
    digests = bytearray()
    for number in range(len(paths)):
        digests += hashlib.blake2b(paths.file_name(number), digest_size=8).digest()
    return np.frombuffer(digests, "<u8")


class Unreadable(NamedTuple):
    """A picture that cannot be read.

    Attributes:
      path: its own.
      problem: what is wrong with it.
    """

    path: ImagePath
    problem: str

    @classmethod
    def because(cls, path: ImagePath, error: ImageError) -> Unreadable:
        """Takes the problem from the error, whose message also names the file."""
        return cls(path, str(error).removeprefix(f"{shown(path)}: "))


class FolderListing(NamedTuple):
    """The files of a folder and its sub-folders.

    Attributes:
      paths: the image files, in the order of their paths.
      others: how many other files there are of each suffix, hidden ones left out.
    """

    paths: ImagePaths
    others: Counter[str]


def find_images(folder: Path | str, flag: str = "images") -> ImagePaths:
    """Lists the image files of a folder; see `list_folder`."""
    return list_folder(folder, flag).paths


def list_folder(folder: Path | str, flag: str = "images") -> FolderListing:
    """Lists the files of a folder and its sub-folders.

    Images are told by suffix, any letter case. Links to folders are followed, each folder once.

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
    others = Counter[str]()
    found = ImagePaths(folder, map(os.fsencode, _walk(folder, others)))
    if not found:
        raise ImageError(f"{shown(folder)}: no images in this folder ({', '.join(SUFFIXES)})")
    _log.debug("%s: %d image files", shown(folder), len(found))
    return FolderListing(found, others)


def _walk(folder: Path, others: Counter[str]) -> Iterator[str]:
    """Yields the names of the image files below a folder, relative to it, in order.

    Args:
      folder: the folder.
      others: gets the suffixes of the other files.
    """
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
                inside = [name + label for entry in entries if (label := _label(entry, others))]
            left += sorted(inside, key=lambda label: label.rstrip("/"), reverse=True)


def _label(entry: os.DirEntry[str], others: Counter[str]) -> str:
    """Returns a folder's name with a slash, an image file's name, or nothing; see `_walk`."""
    try:
        if entry.is_dir():
            return f"{entry.name}/"
    except OSError:  # a link that leads nowhere, which opening it will tell
        pass
    if entry.name.lower().endswith(SUFFIXES):
        return entry.name
    if not entry.name.startswith("."):
        others[os.path.splitext(entry.name)[1].lower() or NO_SUFFIX] += 1
    return ""
