"""From a folder of images to batches of tokens.

Every image is read, decoded and quantised once, in parallel, into one compact array, in memory or
on disk (see `cache`). From then on batches are gathered from that array, in an order that
`tf.data` computes ahead, and no image file is touched again.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import operator
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pixace.dataset.cache import TokenCache, TokenRows, fingerprints, token_dtype
from pixace.errors import ImageError
from pixace.pictures.folder import ImagePaths, find_images
from pixace.settings.checks import require_int
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings
from pixace.system.threads import in_order
from pixace.tokens.reading import tokens_of_each
from pixace.wording import shown

_log = logging.getLogger(__name__)

_CHUNK_PIXELS = 2**14  # quantised together: small pictures one by one take three times as long


class ImageSet(NamedTuple):
    """A folder of images as tokens.

    Attributes:
      tokens: unsigned integers (N, L), in the narrowest type that holds the vocabulary; in memory,
        or in a file.
      paths: the N files, in the same order.
      skipped: one line for each file that could not be read.
    """

    tokens: TokenRows
    paths: ImagePaths
    skipped: list[str]


def load_images(
    folder: Path | str,
    config: ModelConfig,
    *,
    cache_dir: Path | str | None = None,
    share: tuple[int, int] = (0, 1),
) -> ImageSet:
    """Reads all images of a folder and its sub-folders as tokens.

    Files that cannot be read are left out, logged by name, and listed in the result.

    Args:
      folder: the top folder.
      config: the model's settings, of which those of its pictures count.
      cache_dir: where to keep the tokens, so that later only new and changed files are read; the
        tokens then stay on disk. None keeps them in memory.
      share: (index, count) reads every `count`-th file, from number `index` on.

    Raises:
      ImageError: no such folder, fewer images in it than shares, or none that can be read.
      PixaceError: cache_dir cannot be written.
      UsageError: there is no such share.
    """
    index, count = share
    require_int("the number of shares", count, 1)
    require_int("the share", index, 0, count - 1)
    paths = find_images(folder)
    if len(paths) < count:
        few = "1 image is" if len(paths) == 1 else f"{len(paths)} images are"
        raise ImageError(f"{shown(folder)}: {few} too few for {count} processes")
    if count > 1:
        paths = paths[index::count]
    skipped: list[str] = []
    numbers: Iterable[int]
    tokens: TokenRows
    if cache_dir is None:
        images = _read(paths, range(len(paths)), config.pictures, skipped)
        numbers, tokens = _collect(images, len(paths), config.pictures)
    else:
        cache = TokenCache(cache_dir, folder, config.pictures, share)
        numbers, tokens = _read_through(cache, paths, config.pictures, skipped)
    if not len(tokens):
        reason = f"; the first: {skipped[0]}" if skipped else ""
        raise ImageError(
            f"{shown(folder)}: none of its {len(paths)} image files can be read{reason}"
        )
    return ImageSet(tokens, paths.select(numbers) if skipped else paths, skipped)


def _collect(
    images: Iterable[tuple[int, np.ndarray]], n_files: int, pictures: PictureSettings
) -> tuple[Iterable[int], np.ndarray]:
    """Returns the numbers of the images, and their tokens (N, L) in memory."""
    tokens = np.empty((n_files, pictures.n_pixels), token_dtype(pictures))
    numbers = array("q")
    for number, row in images:
        tokens[len(numbers)] = row
        numbers.append(number)
    return numbers, tokens[: len(numbers)]


def _read_through(
    cache: TokenCache, paths: ImagePaths, pictures: PictureSettings, skipped: list[str]
) -> tuple[Iterable[int], TokenRows]:
    """Returns the numbers of the images, and their tokens (N, L) on disk.

    Reads only what the cache does not hold, and writes it anew only where something has changed.

    Raises:
      PixaceError: it cannot be written.
    """
    prints = fingerprints(paths)
    stored = cache.read()
    rows = stored.find(prints)
    known, unknown = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
    read = _read(paths, unknown, pictures, skipped)
    first = next(read, None)  # of the files unknown to the cache, those that can be read are new
    is_current = first is None and np.array_equal(rows[known], np.arange(len(stored.tokens)))
    if is_current:
        return known, stored.tokens
    if first is None and not len(known):
        return known, stored.tokens[:0]
    new = read if first is None else itertools.chain([first], read)
    old = ((int(number), stored.tokens[rows[number]]) for number in known)
    return cache.write(heapq.merge(old, new, key=operator.itemgetter(0)), prints)


def _read(
    paths: ImagePaths,
    numbers: Sequence[int] | np.ndarray,
    pictures: PictureSettings,
    skipped: list[str],
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the number of each file that can be read, and its tokens (L,).

    The arguments are those of `read_tokens`; each file that cannot be read adds a line to
    `skipped`.
    """
    for number, row in read_tokens(paths, numbers, pictures):
        if isinstance(row, ImageError):
            _log.warning("skipped %s", row)
            skipped.append(str(row))
        else:
            yield number, row


def read_tokens(
    paths: ImagePaths, numbers: Sequence[int] | np.ndarray, pictures: PictureSettings
) -> Iterator[tuple[int, np.ndarray | ImageError]]:
    """Reads images in parallel, one after another as far as the caller can see.

    Args:
      paths: the files of a folder.
      numbers: which of them to read.
      pictures: shape, colours and background.

    Yields:
      The number of each file, in the order given, and its tokens, unsigned integers (L,), or else
      what is wrong with it.
    """
    dtype = token_dtype(pictures)

    def read(chunk: Sequence[int] | np.ndarray) -> list[tuple[int, np.ndarray | ImageError]]:
        files = [*map(int, chunk)]
        rows = tokens_of_each((paths[number] for number in files), pictures)
        return [
            (number, row if isinstance(row, ImageError) else row.astype(dtype))
            for number, row in zip(files, rows, strict=True)
        ]

    # Not by `tf.data`: measuring a model reads images, too, and should not wait for TensorFlow.
    step = max(1, _CHUNK_PIXELS // pictures.n_pixels)
    chunks = (numbers[start : start + step] for start in range(0, len(numbers), step))
    for results in in_order(read, chunks):
        yield from results
