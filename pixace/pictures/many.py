"""Reading many pictures: in parallel, and a file that holds several of them once for all."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.folder import ImagePath, ImagePaths, Unreadable
from pixace.pictures.pieces import Piece, cut
from pixace.pictures.reading import read_image, reasons_named
from pixace.pictures.rgb import upright
from pixace.system.threads import in_order
from pixace.wording import shown

PIECES_PIXELS = 1 << 18  # of pieces of one file that are read in one go, at the model's size

Numbers: TypeAlias = Sequence[int] | np.ndarray
T = TypeVar("T")


def read_in_order(
    paths: ImagePaths,
    numbers: Numbers,
    work: Callable[[ImagePath, Image.Image], T],
    n_pieces: int,
) -> Iterator[tuple[int, T | ImageError]]:
    """Reads pictures in parallel, one after another as far as the caller can see.

    Args:
      paths: the pictures of a folder.
      numbers: which of them to read.
      work: gets the path of a picture, and the picture in its own mode; where it is a whole file,
        not yet decoded.
      n_pieces: how many results of one file may be in memory before the first of them is seen.

    Yields:
      The number of each, in the order given, and what `work` made of it, or else what is wrong
      with it.
    """
    read = functools.partial(read_portion, paths, work=work)
    for results in in_order(read, portions(paths, numbers, 1, n_pieces)):
        yield from results


def portions(
    paths: ImagePaths, numbers: Numbers, n_files: int, n_pieces: int
) -> Iterator[list[int]]:
    """Divides pictures into portions to be read in one go: files, or pieces of the same file.

    Args:
      paths: the pictures of a folder.
      numbers: which of them to read.
      n_files: how many files a portion may have that are one picture each.
      n_pieces: how many pieces of one file it may have.
    """

    def sheet(number: int) -> bytes:
        file_name, is_piece, _ = paths.name(number).partition(b"\0")
        return file_name if is_piece else b""

    for name, group in itertools.groupby(map(int, numbers), sheet):
        while portion := list(itertools.islice(group, n_pieces if name else n_files)):
            yield portion


def read_portion(
    paths: ImagePaths, numbers: Sequence[int], *, work: Callable[[ImagePath, Image.Image], T]
) -> list[tuple[int, T | ImageError]]:
    """Reads the pictures of a portion; see `read_in_order`."""
    sources = [paths[number] for number in numbers]
    pieces = [source for source in sources if isinstance(source, Piece)]
    files = [source for source in sources if isinstance(source, Path)]
    assert not (pieces and files), "portions are of one kind"
    results = _of_one_file(pieces, work) if pieces else [_of_file(path, work) for path in files]
    return [*zip(numbers, results, strict=True)]


def _of_file(path: Path, work: Callable[[ImagePath, Image.Image], T]) -> T | ImageError:
    """Reads a file that is one picture."""
    try:
        return read_image(path, functools.partial(work, path))
    except ImageError as error:
        return error


def _of_one_file(
    pieces: Sequence[Piece], work: Callable[[ImagePath, Image.Image], T]
) -> list[T | ImageError]:
    """Reads pieces of the same file."""
    path = pieces[0].path

    def read_all(img: Image.Image) -> list[T | ImageError]:
        results: list[T | ImageError] = []
        if pieces[0].box is not None:  # and none of them is a frame
            img = upright(img)
        for piece in pieces:
            try:
                with reasons_named(shown(piece)):
                    results.append(work(piece, cut(img, piece)))
            except ImageError as error:
                results.append(error)
        return results

    canvas = max(width * height for width, height in (piece.canvas or (0, 0) for piece in pieces))
    try:
        return read_image(path, read_all, besides=canvas)
    except ImageError as error:  # it was another file when it was cut
        problem = Unreadable.because(path, error).problem
        return [ImageError(f"{shown(piece)}: {problem}") for piece in pieces]
