"""Which files of a folder are images, and which pictures are in them."""

from __future__ import annotations

import hashlib
import logging
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias, overload

import numpy as np

from pixace.errors import ImageError
from pixace.pictures.formats.suffixes import SUFFIXES, is_image_name, spelled_counts, suffix_of
from pixace.pictures.own_files import Made, made_by_pixace
from pixace.pictures.pieces import Piece
from pixace.pictures.walking import PassedOver, walk
from pixace.settings.checks import require_path
from pixace.wording import shown

_log = logging.getLogger(__name__)

ImagePath: TypeAlias = Path | Piece  # of a picture: its file, or a part of one


class ImagePaths(Sequence[ImagePath]):
    """The pictures of one folder, or of one file: a million of them in some 40 MB.

    As a list of paths they would take ten times that. Here their names lie in one piece, and a
    path is made when it is asked for.

    Args:
      folder: the top folder.
      names: the files' names, relative to it; behind that of a file and a NUL, which no name has,
        stands what part of it is meant, as `Piece.encoded` spells it.
      source: what the user has named, the folder or one file in it; None stands for the folder.

    Attributes:
      folder: see above.
      source: see above.
    """

    def __init__(self, folder: Path, names: Iterable[bytes], source: Path | None = None) -> None:
        self.folder = folder
        self.source = source or folder
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

    def path(self, number: int) -> str:
        """Returns the file that one picture is in."""
        return os.path.join(self.folder, os.fsdecode(self.file_name(number)))

    def label(self, number: int) -> str:
        """Returns what to call one picture: its path, relative to the folder."""
        path = self[number]
        file_name = os.fsdecode(self.file_name(number))
        return f"{file_name}#{path.label}" if isinstance(path, Piece) else file_name

    def select(self, numbers: Iterable[int]) -> ImagePaths:
        """Returns the pictures with these numbers, in that order."""
        return ImagePaths(self.folder, map(self.name, numbers), self.source)

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


class LeftOut(NamedTuple):
    """What of a folder is not taken for its images.

    Attributes:
      made: pictures that pixace has made.
      models: folders of models.
      hidden: files and folders that are hidden, or the system's own.
      closed: folders that cannot be read.
    """

    made: int = 0
    models: int = 0
    hidden: int = 0
    closed: int = 0

    def __str__(self) -> str:
        words = {
            "picture{} made by pixace": self.made,
            "folder{} of a model": self.models,
            "hidden file{0} or folder{0}": self.hidden,
            "folder{} that cannot be read": self.closed,
        }
        return ", ".join(
            f"{count} {what.format('s' * (count != 1))}" for what, count in words.items() if count
        )


class FolderListing(NamedTuple):
    """The files of a folder and its sub-folders, or one file.

    Attributes:
      paths: the image files, in the order of their paths.
      others: how many other files there are of each suffix, hidden ones left out.
      left_out: what is no image of the folder's owner.
    """

    paths: ImagePaths
    others: Counter[str]
    left_out: LeftOut = LeftOut()

    def select(self, numbers: Iterable[int]) -> FolderListing:
        """Returns the same of some of the image files."""
        return self._replace(paths=self.paths.select(numbers))


# What holds images: a folder or a file by name, or what has been found there already.
ImageSource: TypeAlias = Path | str | FolderListing


def find_images(folder: ImageSource, flag: str = "images") -> ImagePaths:
    """Lists the image files of a folder; see `list_folder`."""
    return list_folder(folder, flag).paths


def require_images(folder: Path | str, flag: str = "images") -> None:
    """Checks that there is an image file, without looking at more than that takes.

    Args:
      folder: see `list_folder`.
      flag: see `list_folder`.

    Raises:
      UsageError, ImageError: see `list_folder`.
    """
    require_path(flag, folder)
    for name in walk(Path(folder), PassedOver()):
        if is_image_name(name) and made_by_pixace(Path(folder, name)) is Made.NOT:
            return
    list_folder(folder, flag)


def list_folder(folder: ImageSource, flag: str = "images") -> FolderListing:
    """Lists the files of a folder and its sub-folders.

    Images are told by suffix, any letter case. What is hidden below the folder is left out, as are
    the folders of models and collages, sheets, films and tables of pixace's own. Single pictures
    that models drew are images where there are no others. A file that is named is an image whoever
    has made it.

    Args:
      folder: the top folder, or an image file; or what has been found there before.
      flag: which flag named it.

    Raises:
      UsageError: it has no name, or one that cannot be.
      ImageError: it does not exist, or holds no image.
    """
    if isinstance(folder, FolderListing):
        return folder
    require_path(flag, folder)  # `--images=$UNSET` does not mean the current folder
    folder = Path(folder)
    if os.path.isfile(folder):
        return _one_file(folder)
    if not os.path.isdir(folder):
        raise ImageError(f"{shown(folder)}: no such folder of images")
    others, passed = Counter[str](), PassedOver()
    found = ImagePaths(folder, map(os.fsencode, _image_names(walk(folder, passed), others)))
    paths = _by_others(found)
    left_out = LeftOut(len(found) - len(paths), passed.models, passed.hidden, passed.closed)
    if not paths:
        but = f"; left out: {left_out}" if any(left_out) else ""
        if others:
            but += f"; not read: {spelled_counts(dict(others.most_common()))}"
        raise ImageError(f"{shown(folder)}: no images in this folder ({', '.join(SUFFIXES)}){but}")
    _log.debug("%s: %d image files", shown(folder), len(paths))
    return FolderListing(paths, others, left_out)


def _one_file(path: Path) -> FolderListing:
    """Returns an image file as the only one.

    Raises:
      ImageError: it is none, by its suffix.
    """
    if not is_image_name(path.name):
        raise ImageError(
            f"{shown(path)}: no such folder of images, and no image itself ({', '.join(SUFFIXES)})"
        )
    return FolderListing(ImagePaths(path.parent, [os.fsencode(path.name)], path), Counter())


def _image_names(names: Iterable[str], others: Counter[str]) -> Iterator[str]:
    """Yields the names of image files.

    Args:
      names: of all files.
      others: gets the suffixes of the others.
    """
    for name in names:
        if is_image_name(name):
            yield name
        else:
            others[suffix_of(name)] += 1


def _by_others(found: ImagePaths) -> ImagePaths:
    """Leaves out what pixace has made, but for single pictures where there is nothing else."""
    folder = os.path.join(os.fsencode(found.folder), b"")
    made = [made_by_pixace(folder + found.name(number)) for number in range(len(found))]
    kept = Made.NOT if Made.NOT in made else Made.NATIVE
    numbers = [number for number, kind in enumerate(made) if kind is kept]
    return found if len(numbers) == len(found) else found.select(numbers)
